//! Who runs which task of a pass.
//!
//! Neighbouring tasks read and write neighbouring memory, and the next pass reads what this one wrote. So a
//! thread begins each pass with the same part of the tasks, whose data its own caches may still hold, and
//! takes them in order.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The tasks of one pass, shared out.
pub(super) struct Tickets {
    parts: Vec<Share>,
}

/// One thread's part, alone in its lines of cache.
#[repr(align(128))]
struct Share {
    next: AtomicUsize,
    end: usize,
}

impl Tickets {
    /// `tasks` in as many parts as there are `threads`.
    pub(super) fn new(tasks: usize, threads: usize) -> Self {
        // Counters go past their ends by one a thread at most.
        assert!(tasks <= isize::MAX as usize, "{tasks} tasks are more than can be counted");
        // Equal to `tasks * thread / threads`, but without overflow.
        let start = |thread| tasks / threads * thread + tasks % threads * thread / threads;
        let part = |thread| Share { next: AtomicUsize::new(start(thread)), end: start(thread + 1) };
        Tickets { parts: (0..threads).map(part).collect() }
    }

    /// A task for `thread`: of its own part while there is one, then of another's.
    pub(super) fn take(&self, thread: usize) -> Option<usize> {
        let parts = self.parts.len();
        (0..parts).find_map(|other| self.take_of((thread + other) % parts, 0))
    }

    /// The task that `thread` does after its current one, if that can be settled now. The last tasks of a
    /// part, as many as there are threads, are not given out ahead, so that no thread holds two while another
    /// has none.
    pub(super) fn take_ahead(&self, thread: usize) -> Option<usize> {
        self.take_of(thread, self.parts.len())
    }

    /// The next task of `part`, if more than `left` are left of it.
    fn take_of(&self, part: usize, left: usize) -> Option<usize> {
        let Share { next, end } = &self.parts[part];
        // Read first, so that no thread writes to the counter when there is nothing to take.
        if next.load(Ordering::Relaxed) + left >= *end {
            return None;
        }
        Some(next.fetch_add(1, Ordering::Relaxed)).filter(|task| task < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_is_taken_once_whoever_takes_them() {
        for threads in [1, 2, 3, 7] {
            for tasks in [1, 2, 5, 12, 100] {
                for taker in 0..threads {
                    let tickets = Tickets::new(tasks, threads);
                    let mut taken: Vec<usize> = std::iter::from_fn(|| tickets.take(taker)).collect();
                    assert_eq!(taken[0], tasks * taker / threads % tasks, "{threads} {tasks} {taker}");
                    taken.sort_unstable();
                    assert_eq!(taken, (0..tasks).collect::<Vec<_>>());
                    assert_eq!((tickets.take(0), tickets.take_ahead(0)), (None, None));
                }
            }
        }
    }

    #[test]
    fn as_many_tasks_as_can_be_counted_are_shared_out_without_wrapping_around() {
        let (most, threads) = (isize::MAX as usize, 7);
        let tickets = Tickets::new(most, threads);
        let starts: Vec<usize> = (0..threads).filter_map(|thread| tickets.take(thread)).collect();
        let expected = (0..threads as u128).map(|thread| (most as u128 * thread / threads as u128) as usize);
        assert_eq!(starts, expected.collect::<Vec<_>>());
    }

    #[test]
    #[should_panic(expected = "tasks are more than can be counted")]
    fn more_tasks_are_refused() {
        Tickets::new(usize::MAX, 2);
    }

    #[test]
    fn the_last_tasks_are_not_taken_ahead() {
        let tickets = Tickets::new(8, 2);
        let own = [tickets.take(1), tickets.take_ahead(1), tickets.take_ahead(1)];
        assert_eq!(own, [Some(4), Some(5), None]);
        // What is left of it goes to whoever comes first.
        let others: Vec<usize> = std::iter::from_fn(|| tickets.take(0)).collect();
        assert_eq!(others, [0, 1, 2, 3, 6, 7]);
    }
}
