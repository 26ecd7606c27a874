//! The processes that train one network together: what they exchange, and how long each waits for it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use resnet_data::Rank;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;

/// The processes that train one network together, as one of them sees them.
///
/// All processes call the same methods in the same order, with the same number of values. A sum is the same
/// in every process, to the bit, so that their weights stay equal. A process that cannot go on drops its
/// handle, and the others' calls end in an error that names it.
pub trait AllReduce: fmt::Debug + Send + Sync {
    /// The number of this process, from 0, and how many processes there are.
    fn rank(&self) -> Rank;

    /// Whether there are others.
    fn are_several(&self) -> bool {
        self.rank().world_size > 1
    }

    /// Whether this is the one that logs and saves.
    fn is_first(&self) -> bool {
        self.rank().index == 0
    }

    /// Ends all processes, this one included; called by a process that cannot go on. By default it does
    /// nothing.
    fn end_all(&self) {}

    /// Begins to sum `values` over all processes and returns, so that this process can compute meanwhile.
    /// Other exchanges may begin before it has ended; all processes begin all of them in the same order.
    ///
    /// # Errors
    /// [`Error::Apart`] if another process has left, or does not answer.
    fn begin_sum(&self, values: Vec<f32>) -> Result<Begun<f32>, Error>;

    /// The same in f64, for counts and statistics.
    ///
    /// # Errors
    /// As [`AllReduce::begin_sum`].
    fn begin_sum_f64(&self, values: Vec<f64>) -> Result<Begun<f64>, Error>;

    /// Replaces `values` by their sums over all processes, which all give as many.
    ///
    /// # Errors
    /// As [`AllReduce::begin_sum`].
    fn sum(&self, values: &mut [f32]) -> Result<(), Error> {
        values.copy_from_slice(&self.begin_sum(values.to_vec())?.wait()?);
        Ok(())
    }

    /// The same in f64.
    ///
    /// # Errors
    /// As [`AllReduce::begin_sum`].
    fn sum_f64(&self, values: &mut [f64]) -> Result<(), Error> {
        values.copy_from_slice(&self.begin_sum_f64(values.to_vec())?.wait()?);
        Ok(())
    }

    /// Replaces `bytes` by those of the first process.
    ///
    /// # Errors
    /// As [`AllReduce::begin_sum`].
    fn broadcast(&self, bytes: &mut Vec<u8>) -> Result<(), Error>;

    /// The bytes of each process, in their order.
    ///
    /// # Errors
    /// As [`AllReduce::begin_sum`].
    fn gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, Error>;
}

/// `value` as bytes for other processes, which [`decode`] them.
pub(crate) fn encode(value: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value)
        .map_err(|error| Error::Apart(format!("cannot tell the other processes: {error}")))
}

/// What another process encoded.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes)
        .map_err(|error| Error::Apart(format!("what another process sent cannot be understood: {error}")))
}

/// A sum over processes that has begun.
pub struct Begun<T>(Box<dyn FnOnce() -> Result<Vec<T>, Error> + Send>);

impl<T: Send + 'static> Begun<T> {
    /// A sum that is under way: `wait` blocks until it has ended, and returns the result.
    pub fn new(wait: impl FnOnce() -> Result<Vec<T>, Error> + Send + 'static) -> Begun<T> {
        Begun(Box::new(wait))
    }

    /// A sum that has ended, with its result.
    pub fn ended(sums: Vec<T>) -> Begun<T> {
        Begun::new(|| Ok(sums))
    }

    /// The sums, once every process has given its numbers.
    ///
    /// # Errors
    /// [`Error::Apart`] if one doesn't.
    pub fn wait(self) -> Result<Vec<T>, Error> {
        (self.0)()
    }
}

impl<T> fmt::Debug for Begun<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Begun")
    }
}

/// A single process: a sum is its own values.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone;

impl AllReduce for Alone {
    fn rank(&self) -> Rank {
        Rank::ONLY
    }

    fn begin_sum(&self, values: Vec<f32>) -> Result<Begun<f32>, Error> {
        Ok(Begun::ended(values))
    }

    fn begin_sum_f64(&self, values: Vec<f64>) -> Result<Begun<f64>, Error> {
        Ok(Begun::ended(values))
    }

    fn broadcast(&self, _bytes: &mut Vec<u8>) -> Result<(), Error> {
        Ok(())
    }

    fn gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
        Ok(vec![bytes.to_vec()])
    }
}

/// The processes, and the time that this one could do nothing but exchange with the others. Clones share the
/// count.
#[derive(Debug, Clone)]
pub(crate) struct Processes {
    all: Arc<dyn AllReduce>,
    spent: Spent,
}

/// A count of time.
#[derive(Debug, Clone, Default)]
struct Spent(Arc<AtomicU64>);

impl Spent {
    fn count<T>(&self, exchange: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let done = exchange();
        self.0.fetch_add(begun.elapsed().as_nanos() as u64, Relaxed);
        done
    }
}

impl Processes {
    pub(crate) fn new(all: Arc<dyn AllReduce>) -> Self {
        Processes { all, spent: Spent::default() }
    }

    /// Time spent in exchanges so far, waiting for others included; not what passed while this process
    /// computed.
    pub(crate) fn spent(&self) -> Duration {
        Duration::from_nanos(self.spent.0.load(Relaxed))
    }

    fn counted<T>(&self, exchange: impl FnOnce(&dyn AllReduce) -> T) -> T {
        if self.are_several() { self.spent.count(|| exchange(&*self.all)) } else { exchange(&*self.all) }
    }

    /// Counts what it takes to begin a sum, and then to wait for it.
    fn begun<T: Send + 'static>(
        &self,
        begin: impl FnOnce(&dyn AllReduce) -> Result<Begun<T>, Error>,
    ) -> Result<Begun<T>, Error> {
        let begun = self.counted(begin)?;
        if !self.are_several() {
            return Ok(begun);
        }
        let spent = self.spent.clone();
        Ok(Begun::new(move || spent.count(|| begun.wait())))
    }
}

impl AllReduce for Processes {
    fn rank(&self) -> Rank {
        self.all.rank()
    }

    fn begin_sum(&self, values: Vec<f32>) -> Result<Begun<f32>, Error> {
        self.begun(|all| all.begin_sum(values))
    }

    fn begin_sum_f64(&self, values: Vec<f64>) -> Result<Begun<f64>, Error> {
        self.begun(|all| all.begin_sum_f64(values))
    }

    fn broadcast(&self, bytes: &mut Vec<u8>) -> Result<(), Error> {
        self.counted(|all| all.broadcast(bytes))
    }

    fn gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
        self.counted(|all| all.gather(bytes))
    }
}
