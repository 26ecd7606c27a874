//! A team of threads that spin for a while when they have no work, before they sleep.
//!
//! A step of training is a thousand short parallel passes, with a few microseconds between them. Waking a
//! sleeping thread takes longer than many of these passes, so helpers spin for a while before they sleep, the
//! caller works along, and nobody waits for a helper that came too late to find any work.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::JoinHandle;

/// How often a helper looks for work before it sleeps: some milliseconds, more than lies between two passes
/// of a step.
const PATIENCE: usize = if cfg!(miri) { 50 } else { 200_000 };
/// A waiting thread yields to others once in so many looks: the one that it waits for may need the core.
const POLITENESS: usize = if cfg!(miri) { 1 } else { 256 };

/// Bits of `Common::state`: the job's serial number in the upper ones, then whether helpers may join the job,
/// then how many helpers are in it.
const OPEN: usize = 1 << 15;
const JOINED: usize = OPEN - 1;
const SERIAL: usize = OPEN << 1;

/// The caller and its helpers.
pub(super) struct Team {
    common: Arc<Common>,
    helpers: Vec<JoinHandle<()>>,
}

struct Common {
    state: AtomicUsize,
    /// The job, while the state is open or somebody is joined.
    job: Mutex<Option<Job>>,
    /// Helpers asleep; guards the decision to sleep.
    asleep: Mutex<usize>,
    wake: Condvar,
    quit: AtomicUsize,
    /// The first panic of a helper in this job.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    /// One job at a time.
    busy: Mutex<()>,
}

#[derive(Clone, Copy)]
struct Job(*const (dyn Fn(usize) + Sync));
// SAFETY: the pointee is Sync, and `Team::run` keeps it alive until every helper that joined has left.
unsafe impl Send for Job {}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Team {
    /// A team of `threads`, the caller being one of them.
    ///
    /// # Panics
    /// If `threads` is 0.
    pub(super) fn new(threads: usize) -> Self {
        assert!(threads > 0, "kernels run on one thread at least, not on 0");
        let common = Arc::new(Common {
            state: AtomicUsize::new(0),
            job: Mutex::new(None),
            asleep: Mutex::new(0),
            wake: Condvar::new(),
            quit: AtomicUsize::new(0),
            panic: Mutex::new(None),
            busy: Mutex::new(()),
        });
        let helpers = (1..threads.min(JOINED))
            .map_while(|index| {
                let common = common.clone();
                // If the system refuses a thread, the team works with fewer.
                std::thread::Builder::new()
                    .name(format!("kernels-{index}"))
                    .spawn(move || common.help(index))
                    .ok()
            })
            .collect();
        Team { common, helpers }
    }

    /// Threads that can work at once.
    pub(super) fn threads(&self) -> usize {
        self.helpers.len() + 1
    }

    /// Calls `job(0)` on this thread, and `job(n)` on every helper `n` that joins before this thread has
    /// finished. If the team is already busy, perhaps with the job that this call is part of, only this
    /// thread runs `job`.
    ///
    /// # Panics
    /// If `job` panics on any thread: with the same payload, after all threads have left the job.
    pub(super) fn run(&self, job: &(dyn Fn(usize) + Sync)) {
        if self.helpers.is_empty() {
            return job(0);
        }
        let busy = match self.common.busy.try_lock() {
            Ok(busy) => busy,
            // It guards no data that a panic could leave half done.
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return job(0),
        };
        // SAFETY: only the lifetime changes. `close` below waits for every helper that uses the job, and is
        // reached even if the job panics, because the panic is caught.
        let job_anywhere: *const (dyn Fn(usize) + Sync) = unsafe { std::mem::transmute(job) };
        self.common.open(Job(job_anywhere));
        let own = catch_unwind(AssertUnwindSafe(|| job(0)));
        self.common.close();
        let theirs = lock(&self.common.panic).take();
        // Released before a panic is resumed, which would poison the lock.
        drop(busy);
        if let Some(panic) = own.err().or(theirs) {
            resume_unwind(panic);
        }
    }
}

impl Common {
    /// Lets helpers join `job`.
    fn open(&self, job: Job) {
        *lock(&self.job) = Some(job);
        let serial = self.state.load(Ordering::Relaxed) & !(SERIAL - 1);
        // SeqCst, here and in `help`: either the helper that goes to sleep sees this, or `asleep` below
        // counts it.
        self.state.store(serial.wrapping_add(SERIAL) | OPEN, Ordering::SeqCst);
        if *lock(&self.asleep) > 0 {
            self.wake.notify_all();
        }
    }

    /// Lets nobody join any more, and waits for those who did.
    fn close(&self) {
        self.state.fetch_and(!OPEN, Ordering::AcqRel);
        let mut looks = 0;
        while self.state.load(Ordering::Acquire) & JOINED != 0 {
            pause(&mut looks);
        }
        *lock(&self.job) = None;
    }

    /// The loop of the `index`-th helper, until the team is dropped.
    fn help(&self, index: usize) {
        let mut last = 0;
        let mut looks = 0;
        while self.quit.load(Ordering::Relaxed) == 0 {
            let state = self.state.load(Ordering::SeqCst);
            let serial = state & !(SERIAL - 1);
            if state & OPEN != 0 && serial != last {
                if self.state.compare_exchange(state, state + 1, Ordering::AcqRel, Ordering::Relaxed).is_ok()
                {
                    last = serial;
                    self.work(index);
                    self.state.fetch_sub(1, Ordering::AcqRel);
                }
                looks = 0;
            } else if looks < PATIENCE {
                pause(&mut looks);
            } else {
                self.sleep(last);
                looks = 0;
            }
        }
    }

    fn work(&self, index: usize) {
        let Some(Job(job)) = *lock(&self.job) else { return };
        // SAFETY: this helper has joined, so `close` in `Team::run`, whose caller owns the job, waits for it.
        let job = unsafe { &*job };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| job(index))) {
            match &mut *lock(&self.panic) {
                first @ None => *first = Some(panic),
                // Only the first panic reaches the caller. The payload of this one is leaked: its drop could
                // panic, and nothing would catch that.
                Some(_) => std::mem::forget(panic),
            }
        }
    }

    /// Sleeps until there is a job that isn't the `last` one.
    fn sleep(&self, last: usize) {
        let mut asleep = lock(&self.asleep);
        *asleep += 1;
        while self.quit.load(Ordering::SeqCst) == 0 {
            let state = self.state.load(Ordering::SeqCst);
            if state & OPEN != 0 && state & !(SERIAL - 1) != last {
                break;
            }
            asleep = self.wake.wait(asleep).unwrap_or_else(PoisonError::into_inner);
        }
        *asleep -= 1;
    }
}

/// Waits a few cycles, or now and then until the system has let others run.
fn pause(looks: &mut usize) {
    *looks += 1;
    if looks.is_multiple_of(POLITENESS) {
        std::thread::yield_now();
    } else {
        std::hint::spin_loop();
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.common.quit.store(1, Ordering::SeqCst);
        drop(lock(&self.common.asleep));
        self.common.wake.notify_all();
        for helper in self.helpers.drain(..) {
            // There is no panic to pass on: a helper catches those of its jobs.
            let _ = helper.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn the_caller_and_every_helper_run_a_job_that_waits_for_them() {
        for threads in [1, 2, 4] {
            let team = Team::new(threads);
            for _ in 0..if cfg!(miri) { 5 } else { 100 } {
                assert_all_meet(&team, threads);
            }
        }
    }

    #[test]
    fn helpers_that_slept_come_back() {
        let team = Team::new(2);
        for _ in 0..3 {
            std::thread::sleep(Duration::from_millis(30));
            assert_all_meet(&team, 2);
        }
    }

    #[test]
    fn a_job_inside_a_job_runs_where_it_is() {
        let team = Team::new(2);
        let inner = AtomicUsize::new(0);
        let outer = AtomicUsize::new(0);
        team.run(&|_| {
            outer.fetch_add(1, Ordering::SeqCst);
            team.run(&|_| {
                inner.fetch_add(1, Ordering::SeqCst);
            });
        });
        assert_eq!(inner.into_inner(), outer.into_inner());
    }

    /// Runs a job that is over when all `threads` are in it at once.
    fn assert_all_meet(team: &Team, threads: usize) {
        let (here, deadline) = (AtomicUsize::new(0), Instant::now() + Duration::from_secs(60));
        team.run(&|_| {
            here.fetch_add(1, Ordering::SeqCst);
            while here.load(Ordering::SeqCst) < threads {
                assert!(Instant::now() < deadline, "{here:?} of {threads} threads came to work");
                std::thread::yield_now();
            }
        });
        assert_eq!(here.into_inner(), threads);
    }

    #[test]
    fn after_a_panic_on_any_thread_the_caller_has_it_and_all_threads_work_again() {
        const THREADS: usize = 3;
        let team = Team::new(THREADS);
        for culprit in (0..THREADS).cycle().take(if cfg!(miri) { 3 } else { 30 }) {
            let here = AtomicUsize::new(0);
            let job = |thread| {
                here.fetch_add(1, Ordering::SeqCst);
                while here.load(Ordering::SeqCst) < THREADS {
                    std::thread::yield_now();
                }
                assert_ne!(thread, culprit, "on purpose");
            };
            let caught = catch_unwind(AssertUnwindSafe(|| team.run(&job))).expect_err("a panic");
            let message = caught.downcast_ref::<String>().expect("a message");
            assert!(message.contains("on purpose"), "{message}");
            assert_all_meet(&team, THREADS);
        }
    }

    #[test]
    fn when_all_threads_panic_the_caller_has_one_and_the_team_goes_on() {
        let team = Team::new(3);
        for _ in 0..if cfg!(miri) { 2 } else { 10 } {
            let caught = catch_unwind(AssertUnwindSafe(|| team.run(&|_| panic!("on purpose"))));
            assert_eq!(caught.expect_err("a panic").downcast_ref(), Some(&"on purpose"));
        }
        assert_all_meet(&team, 3);
    }

    #[test]
    #[should_panic(expected = "kernels run on one thread at least, not on 0")]
    fn a_team_of_nobody_is_refused() {
        Team::new(0);
    }
}
