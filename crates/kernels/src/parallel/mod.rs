//! Tasks over threads: numbered pieces of work whose cut depends on the problem's shape, never on the
//! number of threads.
//!
//! Each thread has a run of neighbouring tasks, the same part of the whole in every pass, and helps the
//! others when it is done with its own. Results don't depend on who runs what, as long as tasks write to
//! places of their own; sums across tasks are added afterwards in the tasks' order.

mod ranges;
mod team;
mod tickets;

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

pub(crate) use ranges::{Shares, piece, pieces, share};
use team::Team;
use tickets::Tickets;

thread_local! {
    /// The team of [`with_threads`], if this thread is inside of it.
    static OWN: RefCell<Option<Arc<Team>>> = const { RefCell::new(None) };
}
static EVERYBODYS: OnceLock<Arc<Team>> = OnceLock::new();
/// The environment variable that candle and rayon take their number of threads from.
const VARIABLE: &str = "RAYON_NUM_THREADS";

/// Sets how many threads kernels use, the caller's included, for the rest of the process. Returns `false` and
/// changes nothing if the threads have started already: by an earlier call, or with the default number of
/// them at the first kernel or call of [`threads`].
///
/// By default it is the number in the environment variable `RAYON_NUM_THREADS`, which candle and rayon follow
/// as well; one per core if there is none, or no positive number. The threads are not rayon's: a program that
/// uses both has both. After each pass they look for work for a few milliseconds before they sleep, and keep
/// their cores busy meanwhile.
///
/// # Panics
/// If `threads` is 0.
#[must_use = "where it is false, kernels use another number of threads"]
pub fn set_threads(threads: usize) -> bool {
    let mut first = false;
    EVERYBODYS.get_or_init(|| {
        first = true;
        Arc::new(Team::new(threads))
    });
    first
}

/// How many threads kernels called from this thread use; see [`set_threads`] for the default.
pub fn threads() -> usize {
    current().threads()
}

/// Runs `f` with a new team of `threads` threads, the caller's included. The kernels that `f` calls on this
/// thread use it, and it ends with the call.
///
/// # Panics
/// If `threads` is 0.
pub fn with_threads<R>(threads: usize, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<Arc<Team>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            OWN.set(self.0.take());
        }
    }
    let _restore = Restore(OWN.replace(Some(Arc::new(Team::new(threads)))));
    f()
}

fn current() -> Arc<Team> {
    // Asking the system how many cores there are reads a handful of files: once, not for every pass.
    let by_default = || Arc::new(Team::new(default_threads(std::env::var(VARIABLE).ok().as_deref())));
    OWN.with_borrow(Option::clone).unwrap_or_else(|| EVERYBODYS.get_or_init(by_default).clone())
}

/// The number that `asked`, the text of [`VARIABLE`], has. Where it has none or 0 there is one thread per
/// core, without an error, as in candle and rayon.
fn default_threads(asked: Option<&str>) -> usize {
    let asked = asked.and_then(|text| text.parse::<usize>().ok()).filter(|threads| *threads > 0);
    asked.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// Runs `work(scratch, task)` for every task in `0..tasks`, on as many threads as [`threads`] says.
///
/// Each thread makes one `scratch` with `init` and keeps it for all its tasks.
///
/// # Panics
/// If `init` or `work` panics, with the same payload; other tasks may not have run then. If `tasks` exceeds
/// `isize::MAX`.
pub fn for_each<T>(tasks: usize, init: impl Fn() -> T + Sync, work: impl Fn(&mut T, usize) + Sync) {
    for_each_ahead(tasks, init, |scratch, task, _| work(scratch, task));
}

/// As [`for_each`], and tells `work(scratch, task, next)` which task this thread does next, if that is
/// settled: its input can be prefetched meanwhile. The last tasks of a thread's part are not settled ahead,
/// so that no thread holds two tasks while another has none.
///
/// # Panics
/// As [`for_each`].
pub fn for_each_ahead<T>(
    tasks: usize,
    init: impl Fn() -> T + Sync,
    work: impl Fn(&mut T, usize, Option<usize>) + Sync,
) {
    if tasks == 0 {
        return;
    }
    let team = current();
    let tickets = Tickets::new(tasks, team.threads());
    let job = |thread: usize| {
        let Some(mut task) = tickets.take(thread) else { return };
        let mut scratch = init();
        loop {
            let next = tickets.take_ahead(thread);
            work(&mut scratch, task, next);
            let Some(next) = next.or_else(|| tickets.take(thread)) else { return };
            task = next;
        }
    };
    if tasks == 1 { job(0) } else { team.run(&job) }
}

/// Runs `work(index, chunk)` for the chunks of `len` floats that `out` is cut into; the last may be shorter.
///
/// # Panics
/// As [`for_each`].
pub(crate) fn for_each_chunk(out: &mut [f32], len: usize, work: impl Fn(usize, &mut [f32]) + Sync) {
    for_each_chunk_with(out, len, || (), |(), index, chunk| work(index, chunk));
}

/// As [`for_each_chunk`], with a `scratch` that each thread makes once.
///
/// # Panics
/// As [`for_each`].
pub(crate) fn for_each_chunk_with<T>(
    out: &mut [f32],
    len: usize,
    init: impl Fn() -> T + Sync,
    work: impl Fn(&mut T, usize, &mut [f32]) + Sync,
) {
    let total = out.len();
    let shared = Shared::new(out);
    for_each(pieces(total, len), init, |scratch, index| {
        let range = piece(total, len, index);
        // SAFETY: the pieces don't overlap, and each is one task's.
        work(scratch, index, unsafe { shared.slice(range.start, range.len()) });
    });
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn the_default_number_of_threads_is_rayons_or_one_per_core() {
        assert_eq!(default_threads(Some("3")), 3);
        for text in [None, Some(""), Some("0"), Some("-1"), Some("many")] {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            assert_eq!(default_threads(text), cores, "{text:?}");
        }
    }

    #[test]
    fn every_task_runs_once_on_any_number_of_threads() {
        for threads in [1, 2, 5] {
            let counts: Vec<AtomicUsize> = (0..37).map(|_| AtomicUsize::new(0)).collect();
            with_threads(threads, || {
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
    fn a_panic_in_a_task_reaches_whoever_started_the_pass() {
        with_threads(2, || {
            for culprit in [0, 3, 7] {
                let work = |(): &mut (), task: usize| assert_ne!(task, culprit, "on purpose");
                let caught = std::panic::catch_unwind(|| for_each(8, || (), work)).expect_err("a panic");
                let message = caught.downcast_ref::<String>().expect("a message");
                assert!(message.contains("on purpose"), "{message}");
            }
        });
    }

    #[test]
    fn every_chunk_is_written_by_its_own_task() {
        for (len, size) in [(0, 4), (3, 4), (8, 4), (9, 4)] {
            let mut out = vec![0.0; len];
            with_threads(2, || {
                for_each_chunk(&mut out, size, |index, chunk| {
                    assert_eq!(chunk.len(), size.min(len - index * size));
                    chunk.fill(1.0 + index as f32);
                });
            });
            assert!(out.iter().enumerate().all(|(i, x)| *x == 1.0 + (i / size) as f32), "{out:?}");
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
