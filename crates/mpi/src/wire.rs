//! The one thread that talks to MPI. Others ask it through a channel, so MPI needs to know of no other, and
//! an exchange can go on while the network computes.
//!
//! It waits with short sleeps where MPI's own calls would spin: the cores are for the network.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use mpi::collective::{CommunicatorCollectives as _, Root as _, SystemOperation};
use mpi::environment::Universe;
use mpi::request::{LocalScope, Request};
use mpi::topology::SimpleCommunicator;
use mpi::traits::Communicator as _;
use resnet_train::Error;

use crate::watch::Watch;

/// Tests of an exchange before its thread begins to sleep between them.
const EAGER: u32 = 200;
/// The sleeps: each is a share of the time waited so far, so that no more than this share is lost by them.
const NAP_SHARE: u32 = 16;
const SHORTEST_NAP: Duration = Duration::from_micros(20);
const LONGEST_NAP: Duration = Duration::from_micros(100);
/// A process that waits says so after this part of its patience,
const TELLING_SHARE: u32 = 8;
/// but after this time at the latest.
const WORTH_TELLING: Duration = Duration::from_secs(1);
/// Bytes of one message at most: MPI counts them in 32 bits.
const MESSAGE: usize = 1 << 30;

/// Where an answer goes.
pub(crate) type Answer<T> = SyncSender<Result<T, Error>>;

/// Sends an error to a caller who waits for an answer.
type Caller = Box<dyn Fn(Error)>;

/// What is asked of the thread.
pub(crate) enum Ask {
    Sum(Vec<f32>, Answer<Vec<f32>>),
    SumF64(Vec<f64>, Answer<Vec<f64>>),
    Broadcast(Vec<u8>, Answer<Vec<u8>>),
    Gather(Vec<u8>, Answer<Vec<Vec<u8>>>),
    /// Ends all processes.
    Abort,
}

/// The state of the thread that talks to MPI.
pub(crate) struct Wire {
    world: SimpleCommunicator,
    asks: Receiver<Ask>,
    watch: RefCell<Watch>,
    /// How long another process may keep this one waiting.
    patience: Duration,
    /// Who waits for an answer.
    callers: RefCell<Vec<Caller>>,
    /// Set where all processes are to end.
    aborts: Arc<AtomicBool>,
}

impl Wire {
    pub(crate) fn new(
        universe: &Universe,
        asks: Receiver<Ask>,
        patience: Duration,
        aborts: Arc<AtomicBool>,
    ) -> Wire {
        let world = universe.world();
        let watch = RefCell::new(Watch::new(world.size() as usize, patience));
        Wire { world, asks, watch, patience, callers: RefCell::default(), aborts }
    }

    /// Answers until nobody asks any more.
    pub(crate) fn serve(&self) {
        while let Ok(ask) = self.asks.recv() {
            self.begin(ask);
        }
    }

    fn begin(&self, ask: Ask) {
        match ask {
            Ask::Sum(values, answer) => self.reply(answer, || self.sum(&values, vec![0f32; values.len()])),
            Ask::SumF64(values, answer) => self.reply(answer, || self.sum(&values, vec![0f64; values.len()])),
            Ask::Broadcast(bytes, answer) => self.reply(answer, || self.broadcast(bytes)),
            Ask::Gather(bytes, answer) => self.reply(answer, || self.gather(bytes)),
            Ask::Abort => self.world.abort(1),
        }
    }

    /// Answers with what `exchange` brings. Nobody listens if the training has ended by an error.
    fn reply<T: Send + 'static>(&self, answer: Answer<T>, exchange: impl FnOnce() -> T) {
        let caller = answer.clone();
        self.callers.borrow_mut().push(Box::new(move |error| _ = caller.send(Err(error))));
        let done = exchange();
        self.callers.borrow_mut().pop();
        let _ = answer.send(Ok(done));
    }

    fn sum<T: mpi::traits::Equivalence>(&self, values: &[T], mut sums: Vec<T>) -> Vec<T> {
        mpi::request::scope(|scope| {
            let request =
                self.world.immediate_all_reduce_into(scope, values, &mut sums[..], SystemOperation::sum());
            self.finish(request);
        });
        sums
    }

    fn broadcast(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        let first = self.world.process_at_rank(0);
        let mut len = [bytes.len() as u64];
        mpi::request::scope(|scope| {
            let request = first.immediate_broadcast_into(scope, &mut len[..]);
            self.finish(request);
        });
        bytes.resize(len[0] as usize, 0);
        for message in bytes.chunks_mut(MESSAGE) {
            mpi::request::scope(|scope| {
                let request = first.immediate_broadcast_into(scope, message);
                self.finish(request);
            });
        }
        bytes
    }

    /// The bytes of every process, by rank. All processes send as many bytes as the longest; the rest is cut
    /// off again.
    fn gather(&self, mut bytes: Vec<u8>) -> Vec<Vec<u8>> {
        let (world, own) = (&self.world, [bytes.len() as u64]);
        let mut lens = vec![0u64; world.size() as usize];
        mpi::request::scope(|scope| {
            let request = world.immediate_all_gather_into(scope, &own[..], &mut lens[..]);
            self.finish(request);
        });
        let longest = lens.iter().copied().max().unwrap_or(0) as usize;
        if longest == 0 {
            // MPI refuses buffers without memory.
            return vec![vec![]; lens.len()];
        }
        bytes.resize(longest, 0);
        let mut all = vec![0u8; longest * lens.len()];
        mpi::request::scope(|scope| {
            let request = world.immediate_all_gather_into(scope, &bytes[..], &mut all[..]);
            self.finish(request);
        });
        lens.iter().enumerate().map(|(i, len)| all[i * longest..][..*len as usize].to_vec()).collect()
    }

    /// Waits for an exchange. Those that are asked for meanwhile begin and end within this call: MPI goes on
    /// with all that has begun. If other processes don't come in time, all callers get an error, and this
    /// thread only waits to be told to end all processes: what MPI has begun can't be taken back.
    fn finish<'a, D: ?Sized>(&self, request: Request<'a, D, &LocalScope<'a>>) {
        let (begun, mut tests, mut request) = (Instant::now(), 0, request);
        let worth_telling = (self.patience / TELLING_SHARE).min(WORTH_TELLING);
        loop {
            match request.test() {
                Ok(_) => return,
                Err(pending) => request = pending,
            }
            tests += 1;
            if self.aborts.load(Relaxed) {
                self.world.abort(1);
            }
            if tests < EAGER {
                std::thread::yield_now();
                continue;
            }
            let now = Instant::now();
            let waited = now - begun;
            // The notes of earlier exchanges are received here too, so that they are not taken for new ones.
            if tests == EAGER || waited > worth_telling {
                self.watch.borrow_mut().listen(&self.world, now);
            }
            if waited > worth_telling {
                self.watch.borrow_mut().tell(&self.world, now);
            }
            if waited > self.patience {
                self.callers.borrow().iter().for_each(|caller| caller(self.stuck(now)));
                self.wait_to_abort();
            }
            let nap = (waited / NAP_SHARE).clamp(SHORTEST_NAP, LONGEST_NAP);
            match self.asks.recv_timeout(nap) {
                Ok(ask) => self.begin(ask),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(nap),
            }
        }
    }

    fn stuck(&self, now: Instant) -> Error {
        let missing = self.watch.borrow().missing(self.world.rank() as usize, now);
        let seconds = self.patience.as_secs();
        let who = match &missing[..] {
            [] => "the network between the processes has not answered".to_owned(),
            [one] => format!("process {one} has not answered"),
            [first @ .., last] => {
                let first: Vec<_> = first.iter().map(usize::to_string).collect();
                format!("processes {} and {last} have not answered", first.join(", "))
            }
        };
        Error::Apart(format!("{who} for {seconds} s; the training can be resumed from its last checkpoint"))
    }

    fn wait_to_abort(&self) -> ! {
        while !self.aborts.load(Relaxed) {
            std::thread::sleep(Duration::from_millis(10));
        }
        self.world.abort(1)
    }
}
