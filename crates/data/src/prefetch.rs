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
/// A thread claims the lowest number that no other has claimed, but never one `ahead` or more past the number
/// that the reader gets next. So the queue is bounded, and the item that the reader waits for is always
/// claimed first. A panic of `make` comes out of `next`.
pub struct Prefetch<T> {
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
        // Nothing that can panic runs under the lock, so the state behind a poisoned lock is sound.
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
    pub fn new(
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
    pub fn remaining(&self) -> usize {
        self.shared.end - self.shared.lock().next
    }

    /// How long [`next`](Iterator::next) has kept its caller in all.
    pub fn waited(&self) -> Duration {
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

impl<T> std::fmt::Debug for Prefetch<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prefetch").field("threads", &self.threads.len()).finish_non_exhaustive()
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
