//! Tasks over threads: numbered pieces of work whose cut depends on the problem's shape, never on the
//! number of threads.
//!
//! Threads take tickets from a counter. Results therefore don't depend on who runs what, as long as tasks
//! write to places of their own; sums across tasks are added afterwards in the tasks' order.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs `work(scratch, task)` for every task in `0..tasks` on the current rayon pool.
///
/// Each thread makes one `scratch` with `init` and keeps it for all its tasks.
pub fn for_each<T>(tasks: usize, init: impl Fn() -> T + Sync, work: impl Fn(&mut T, usize) + Sync) {
    for_each_ahead(tasks, init, |scratch, task, _| work(scratch, task));
}

/// As [`for_each`], and tells `work(scratch, task, next)` which task this thread does next, if any: its input can be
/// fetched into cache meanwhile.
pub fn for_each_ahead<T>(
    tasks: usize,
    init: impl Fn() -> T + Sync,
    work: impl Fn(&mut T, usize, Option<usize>) + Sync,
) {
    let ticket = AtomicUsize::new(0);
    let take = || Some(ticket.fetch_add(1, Ordering::Relaxed)).filter(|task| *task < tasks);
    let job = || {
        let Some(mut task) = take() else { return };
        let mut scratch = init();
        loop {
            let next = take();
            work(&mut scratch, task, next);
            match next {
                Some(next) => task = next,
                None => return,
            }
        }
    };
    if tasks <= 1 || rayon::current_num_threads() == 1 {
        return job();
    }
    rayon::broadcast(|_| job());
}

/// A mutable slice that tasks write to at places they don't share.
///
/// Rust can't see that the places are distinct; the `unsafe` accessors state it.
pub(crate) struct Shared<'a> {
    start: *mut f32,
    len: usize,
    life: std::marker::PhantomData<&'a mut [f32]>,
}

// SAFETY: the pointer comes from a unique borrow that outlives `Shared`; what crosses threads is only the
// right to write where the accessors' callers promise not to overlap.
unsafe impl Send for Shared<'_> {}
// SAFETY: as above.
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    pub(crate) fn new(slice: &'a mut [f32]) -> Self {
        Shared { start: slice.as_mut_ptr(), len: slice.len(), life: std::marker::PhantomData }
    }

    /// `len` floats from `offset` on.
    ///
    /// # Safety
    /// No two live slices may overlap, in this thread or another.
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn slice(&self, offset: usize, len: usize) -> &mut [f32] {
        assert!(offset <= self.len && len <= self.len - offset, "task outside its buffer");
        // SAFETY: inside the borrowed slice, and the caller promises that nobody else has these floats.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(offset), len) }
    }

    /// The start of the slice, for kernels that write rows of it at a stride.
    pub(crate) fn as_mut_ptr(&self) -> *mut f32 {
        self.start
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

/// Cuts `0..len` into pieces of `piece` (the last may be shorter): their number.
pub(crate) fn pieces(len: usize, piece: usize) -> usize {
    len.div_ceil(piece.max(1))
}

/// The `index`-th piece of `0..len` cut by [`pieces`].
pub(crate) fn piece(len: usize, piece: usize, index: usize) -> std::ops::Range<usize> {
    let start = index * piece;
    start..(start + piece).min(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_runs_once_on_any_number_of_threads() {
        for threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let counts: Vec<AtomicUsize> = (0..37).map(|_| AtomicUsize::new(0)).collect();
            pool.install(|| {
                for_each(
                    37,
                    || (),
                    |_, task| {
                        counts[task].fetch_add(1, Ordering::Relaxed);
                    },
                );
            });
            assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1));
        }
    }

    #[test]
    fn pieces_cover_the_range_once() {
        for (len, size) in [(0, 4), (1, 4), (8, 4), (9, 4), (3, 100)] {
            let all: Vec<usize> = (0..pieces(len, size)).flat_map(|index| piece(len, size, index)).collect();
            assert_eq!(all, (0..len).collect::<Vec<_>>());
        }
    }

    #[test]
    #[should_panic(expected = "task outside its buffer")]
    fn a_slice_past_the_end_is_refused() {
        let mut data = [0.0; 4];
        let shared = Shared::new(&mut data);
        // SAFETY: the only slice there is.
        unsafe { shared.slice(3, 2) };
    }
}
