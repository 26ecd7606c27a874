//! The processes that train one network together: what they exchange, and how long each waits for it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use resnet_data::Rank;

use crate::Error;

/// The processes that train one network together, as one of them sees them.
///
/// Each calls the same methods in the same order, with as many numbers. A sum is the same in every process,
/// to the bit, so that their weights never part. A process that cannot go on lets go of this, and the others'
/// calls end in an error that names it.
pub trait AllReduce: fmt::Debug + Send + Sync {
    /// Which of them this is, and how many there are.
    fn rank(&self) -> Rank;

    /// Whether there are others.
    fn are_several(&self) -> bool {
        self.rank().world_size > 1
    }

    /// Whether this is the one that logs and saves.
    fn is_first(&self) -> bool {
        self.rank().index == 0
    }

    /// Ends all processes, this one included, where there is a way to: for one that cannot go on.
    fn end_all(&self) {}

    /// Replaces `values` by their sums over all processes.
    ///
    /// # Errors
    /// [`Error::Apart`] if another process has left, or does not answer; so for all methods.
    fn sum(&self, values: &mut [f32]) -> Result<(), Error>;

    /// The same in f64, for counts and statistics.
    fn sum_f64(&self, values: &mut [f64]) -> Result<(), Error>;

    /// Replaces `bytes` by those of the first process.
    fn broadcast(&self, bytes: &mut Vec<u8>) -> Result<(), Error>;

    /// The bytes of each process, in their order.
    fn gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, Error>;
}

/// A single process: its sums are what it has.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone;

impl AllReduce for Alone {
    fn rank(&self) -> Rank {
        Rank::ONLY
    }

    fn sum(&self, _values: &mut [f32]) -> Result<(), Error> {
        Ok(())
    }

    fn sum_f64(&self, _values: &mut [f64]) -> Result<(), Error> {
        Ok(())
    }

    fn broadcast(&self, _bytes: &mut Vec<u8>) -> Result<(), Error> {
        Ok(())
    }

    fn gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
        Ok(vec![bytes.to_vec()])
    }
}

/// The processes, and the time that this one spent with the others. Clones share the count.
#[derive(Debug, Clone)]
pub(crate) struct Processes {
    all: Arc<dyn AllReduce>,
    nanoseconds: Arc<AtomicU64>,
}

impl Processes {
    pub(crate) fn new(all: Arc<dyn AllReduce>) -> Self {
        Processes { all, nanoseconds: Arc::default() }
    }

    /// Time spent in exchanges so far, waiting for others included.
    pub(crate) fn spent(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Relaxed))
    }

    fn timed<T>(&self, exchange: impl FnOnce(&dyn AllReduce) -> T) -> T {
        if !self.are_several() {
            return exchange(&*self.all);
        }
        let begun = Instant::now();
        let done = exchange(&*self.all);
        self.nanoseconds.fetch_add(begun.elapsed().as_nanos() as u64, Relaxed);
        done
    }
}

impl AllReduce for Processes {
    fn rank(&self) -> Rank {
        self.all.rank()
    }

    fn sum(&self, values: &mut [f32]) -> Result<(), Error> {
        self.timed(|all| all.sum(values))
    }

    fn sum_f64(&self, values: &mut [f64]) -> Result<(), Error> {
        self.timed(|all| all.sum_f64(values))
    }

    fn broadcast(&self, bytes: &mut Vec<u8>) -> Result<(), Error> {
        self.timed(|all| all.broadcast(bytes))
    }

    fn gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
        self.timed(|all| all.gather(bytes))
    }
}
