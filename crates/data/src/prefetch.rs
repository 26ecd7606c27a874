//! Threads that make numbered items ahead of their reader: in order, at most a given number ahead, stopped
//! when dropped.

use std::any::Any;
use std::collections::VecDeque;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

type Make<T> = dyn Fn(usize) -> T + Send + Sync;

/// The items of a range, made by `make` in threads, handed out in order.
///
/// A thread claims the lowest number nobody has claimed, but never one `ahead` or more past the one that the
/// reader waits for; so the queue is bounded and the item waited for is always claimed first.
pub(crate) struct Prefetch<T> {
    shared: Arc<Shared<T>>,
    threads: Vec<JoinHandle<()>>,
    waited: Duration,
}

struct Shared<T> {
    make: Box<Make<T>>,
    ahead: usize,
    end: usize,
    state: Mutex<State<T>>,
    /// The reader took an item, or everything is to stop.
    room: Condvar,
    /// An item is ready, or a thread panicked.
    filled: Condvar,
}

struct State<T> {
    /// The lowest number that no thread has claimed.
    claimed: usize,
    /// The number that the reader gets next; `ready[0]` is its place.
    next: usize,
    ready: VecDeque<Option<T>>,
    phase: Phase,
}

enum Phase {
    Running,
    Stopped,
    Panicked(Box<dyn Any + Send>),
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing that can panic runs under the lock, so a poisoned one is as good as new.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What each thread runs.
    fn work(&self) {
        let mut state = self.lock();
        loop {
            if !matches!(state.phase, Phase::Running) || state.claimed >= self.end {
                return;
            }
            if state.claimed >= state.next.saturating_add(self.ahead) {
                state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let number = state.claimed;
            state.claimed += 1;
            state.ready.push_back(None);
            drop(state);
            let made = catch_unwind(AssertUnwindSafe(|| (self.make)(number)));
            state = self.lock();
            match made {
                Ok(item) => {
                    let place = number - state.next;
                    state.ready[place] = Some(item);
                }
                Err(panic) => state.phase = Phase::Panicked(panic),
            }
            self.filled.notify_all();
        }
    }
}

impl<T: Send + 'static> Prefetch<T> {
    /// Starts `workers` threads (with none, items are made when asked for) that keep up to `ahead` items
    /// ready.
    pub(crate) fn new(
        range: Range<usize>,
        workers: usize,
        ahead: usize,
        make: impl Fn(usize) -> T + Send + Sync + 'static,
    ) -> Self {
        let (start, end) = (range.start, range.end.max(range.start));
        let state = State { claimed: start, next: start, ready: VecDeque::new(), phase: Phase::Running };
        let shared = Arc::new(Shared {
            make: Box::new(make),
            ahead: ahead.max(1),
            end,
            state: Mutex::new(state),
            room: Condvar::new(),
            filled: Condvar::new(),
        });
        let mut threads = Vec::new();
        for i in 0..workers.min(end - start) {
            let shared = Arc::clone(&shared);
            let work = move || shared.work();
            match std::thread::Builder::new().name(format!("loader-{i}")).spawn(work) {
                Ok(thread) => threads.push(thread),
                // Fewer threads, or none, give the same items, only later.
                Err(error) => {
                    tracing::warn!("the data loader runs with {i} of {workers} threads: {error}");
                    break;
                }
            }
        }
        Self { shared, threads, waited: Duration::ZERO }
    }

    /// How many items are still to come.
    pub(crate) fn remaining(&self) -> usize {
        self.shared.end - self.shared.lock().next
    }

    /// How long [`next`](Iterator::next) has kept its caller in all.
    pub(crate) fn waited(&self) -> Duration {
        self.waited
    }

    fn take_next(&self) -> Option<T> {
        let mut state = self.shared.lock();
        if state.next >= self.shared.end {
            return None;
        }
        if self.threads.is_empty() {
            let number = state.next;
            state.next += 1;
            drop(state);
            return Some((self.shared.make)(number));
        }
        loop {
            if let Some(item) = state.ready.front_mut().and_then(Option::take) {
                state.ready.pop_front();
                state.next += 1;
                drop(state);
                self.shared.room.notify_all();
                return Some(item);
            }
            match std::mem::replace(&mut state.phase, Phase::Running) {
                Phase::Panicked(panic) => {
                    // A bug in `make` surfaces where the item was wanted instead of hanging there.
                    state.phase = Phase::Stopped;
                    drop(state);
                    self.shared.room.notify_all();
                    resume_unwind(panic);
                }
                Phase::Stopped => {
                    state.phase = Phase::Stopped;
                    return None;
                }
                Phase::Running => {}
            }
            state = self.shared.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<T: Send + 'static> Iterator for Prefetch<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let start = Instant::now();
        let item = self.take_next();
        self.waited += start.elapsed();
        item
    }
}

impl<T> Drop for Prefetch<T> {
    fn drop(&mut self) {
        self.shared.lock().phase = Phase::Stopped;
        self.shared.room.notify_all();
        for thread in self.threads.drain(..) {
            // Panics were caught in the thread.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn items_come_in_order_and_no_further_ahead_than_allowed() {
        for workers in [0, 1, 2, 7] {
            let made = Arc::new(AtomicUsize::new(0));
            let counter = Arc::clone(&made);
            let mut items = Prefetch::new(5..105, workers, 3, move |i| {
                counter.fetch_add(1, Ordering::SeqCst);
                if i % 7 == 0 {
                    std::thread::sleep(Duration::from_micros(300));
                }
                i
            });
            for taken in 0..100 {
                assert_eq!(items.remaining(), 100 - taken);
                assert!(made.load(Ordering::SeqCst) <= taken + 3);
                assert_eq!(items.next(), Some(5 + taken));
            }
            assert_eq!((items.next(), items.next()), (None, None));
            assert!(items.waited() > Duration::ZERO);
        }
    }

    #[test]
    fn dropping_early_ends_every_thread() {
        let alive = Arc::new(());
        for taken in [0, 1, 5] {
            let guard = Arc::clone(&alive);
            let mut items = Prefetch::new(0..1_000_000, 3, 4, move |i| {
                let _ = &guard;
                i
            });
            assert_eq!(items.by_ref().take(taken).count(), taken);
            drop(items);
            // The closure, and with it the last thread that held it, is gone.
            assert_eq!(Arc::strong_count(&alive), 1);
        }
    }

    #[test]
    fn a_panic_reaches_the_reader_after_the_items_before_it() {
        for workers in [0, 1, 4] {
            let mut items = Prefetch::new(0..100, workers, 2, |i| {
                assert!(i != 10, "item ten is broken");
                i
            });
            let caught = catch_unwind(AssertUnwindSafe(|| items.by_ref().count())).unwrap_err();
            assert!(caught.downcast_ref::<&str>().is_some_and(|text| text.contains("ten")), "{workers}");
        }
    }

    #[test]
    fn an_empty_range_is_empty() {
        assert_eq!(Prefetch::new(3..3, 2, 2, |i| i).count(), 0);
        #[allow(clippy::reversed_empty_ranges)]
        let backwards = Prefetch::new(5..3, 2, 2, |i| i);
        assert_eq!(backwards.count(), 0);
    }
}
