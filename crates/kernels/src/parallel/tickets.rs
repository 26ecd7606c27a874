//! Who runs which task of a pass.
//!
//! Neighbouring tasks read and write neighbouring memory, and the next pass reads what this one wrote. So a
//! thread begins each pass with the same part of the tasks, whose data its own caches may still hold, and
//! takes them in order.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The tasks of one pass, shared out.
pub(super) struct Tickets {
    tasks: usize,
    parts: Vec<Part>,
}

/// What is next in one thread's part, alone in its lines of cache.
#[repr(align(128))]
struct Part(AtomicUsize);

impl Tickets {
    /// `tasks` in as many parts as there are `threads`.
    pub(super) fn new(tasks: usize, threads: usize) -> Self {
        let parts = (0..threads).map(|thread| Part(AtomicUsize::new(tasks * thread / threads))).collect();
        Tickets { tasks, parts }
    }

    /// A task for `thread`: of its own part while there is one, then of another's.
    pub(super) fn take(&self, thread: usize) -> Option<usize> {
        let parts = self.parts.len();
        (0..parts).find_map(|other| self.take_of((thread + other) % parts, 0))
    }

    /// The task that `thread` does after the one it has, if that can be settled now: the last of a part are
    /// nobody's before their turn, lest one thread has two and another none.
    pub(super) fn take_ahead(&self, thread: usize) -> Option<usize> {
        self.take_of(thread, self.parts.len())
    }

    /// The next task of `part`, if more than `left` are left of it.
    fn take_of(&self, part: usize, left: usize) -> Option<usize> {
        let (next, end) = (&self.parts[part].0, self.tasks * (part + 1) / self.parts.len());
        // Looked at first, so that nobody writes to a counter when there is nothing to take.
        if next.load(Ordering::Relaxed) + left >= end {
            return None;
        }
        Some(next.fetch_add(1, Ordering::Relaxed)).filter(|task| *task < end)
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
    fn the_last_tasks_are_not_taken_ahead() {
        let tickets = Tickets::new(8, 2);
        let own = [tickets.take(1), tickets.take_ahead(1), tickets.take_ahead(1)];
        assert_eq!(own, [Some(4), Some(5), None]);
        // What is left of it goes to whoever comes first.
        let others: Vec<usize> = std::iter::from_fn(|| tickets.take(0)).collect();
        assert_eq!(others, [0, 1, 2, 3, 6, 7]);
    }
}
