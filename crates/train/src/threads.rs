//! Threads of one program in the place of processes, for tests and for a look at what several processes
//! would do.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use resnet_data::Rank;

use crate::processes::Begun;
use crate::{AllReduce, Error};

/// How long a thread waits for the others.
const PATIENCE: Duration = Duration::from_secs(60);

/// One of several threads that train together, as processes would. Sums are added in the order of the
/// threads.
///
/// ```
/// use resnet_train::{AllReduce, Threads};
///
/// let sums = std::thread::scope(|scope| {
///     let add = |thread: Threads| move || {
///         let mut values = [thread.rank().index as f32, 1.0];
///         thread.sum(&mut values).map(|()| values)
///     };
///     let threads: Vec<_> = Threads::new(3).into_iter().map(|thread| scope.spawn(add(thread))).collect();
///     threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Result<Vec<_>, _>>()
/// })?;
/// assert_eq!(sums, [[3.0, 3.0]; 3]);
/// # Ok::<(), resnet_train::Error>(())
/// ```
#[derive(Debug)]
pub struct Threads {
    rank: Rank,
    /// Exchanges that this thread has begun.
    begun: AtomicU64,
    hall: Arc<Hall>,
}

/// What the threads share: the exchanges that are open, and a signal for every change of them.
#[derive(Debug)]
struct Hall {
    meetings: Mutex<Meetings>,
    changed: Condvar,
}

#[derive(Debug)]
struct Meetings {
    threads: usize,
    /// By the number of the exchange: what each thread has brought.
    open: BTreeMap<u64, Meeting>,
    /// A thread that has left for good.
    left: Option<usize>,
}

#[derive(Debug)]
struct Meeting {
    brought: Vec<Option<Vec<u8>>>,
    /// Threads that have not taken what all have brought.
    to_take: usize,
}

impl Hall {
    fn lock(&self) -> MutexGuard<'_, Meetings> {
        self.meetings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bring(&self, exchange: u64, index: usize, own: Vec<u8>) {
        let mut meetings = self.lock();
        let threads = meetings.threads;
        let new = || Meeting { brought: vec![None; threads], to_take: threads };
        meetings.open.entry(exchange).or_insert_with(new).brought[index] = Some(own);
        self.changed.notify_all();
    }

    /// What all have brought to an exchange, once they have.
    fn take(&self, exchange: u64) -> Result<Vec<Vec<u8>>, Error> {
        let mut meetings = self.lock();
        loop {
            let Meetings { open, left, .. } = &mut *meetings;
            let meeting = open.get_mut(&exchange).expect("this thread has brought something");
            let missing: Vec<_> =
                (0..meeting.brought.len()).filter(|i| meeting.brought[*i].is_none()).collect();
            if missing.is_empty() {
                let all = meeting.brought.iter().flatten().cloned().collect();
                meeting.to_take -= 1;
                if meeting.to_take == 0 {
                    open.remove(&exchange);
                }
                return Ok(all);
            }
            if let Some(index) = left {
                return Err(Error::Apart(format!("process {index} has left the training")));
            }
            let waited = self.changed.wait_timeout(meetings, PATIENCE);
            let (guard, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            if timeout.timed_out() {
                return Err(Error::Apart(format!("processes {missing:?} do not answer")));
            }
            meetings = guard;
        }
    }
}

impl Threads {
    /// The handles of `count` threads that exchange with each other, in the order of their numbers.
    pub fn new(count: usize) -> Vec<Threads> {
        let meetings = Meetings { threads: count, open: BTreeMap::new(), left: None };
        let hall = Arc::new(Hall { meetings: Mutex::new(meetings), changed: Condvar::new() });
        let one = |index| Threads {
            rank: Rank { index, world_size: count },
            begun: AtomicU64::new(0),
            hall: Arc::clone(&hall),
        };
        (0..count).map(one).collect()
    }

    /// Brings something to the next exchange, and returns its number.
    fn bring(&self, own: Vec<u8>) -> u64 {
        let exchange = self.begun.fetch_add(1, Relaxed);
        self.hall.bring(exchange, self.rank.index, own);
        exchange
    }

    /// Sums of numbers, which travel as bytes.
    fn sum_by<T: Copy + Default + AddAssign + Send + 'static, const N: usize>(
        &self,
        values: &[T],
        sent: fn(T) -> [u8; N],
        received: fn([u8; N]) -> T,
    ) -> Result<Begun<T>, Error> {
        let exchange = self.bring(values.iter().flat_map(|value| sent(*value)).collect());
        let (hall, len) = (Arc::clone(&self.hall), values.len());
        Ok(Begun::new(move || {
            let mut sums = vec![T::default(); len];
            for part in hall.take(exchange)? {
                let (numbers, _) = part.as_chunks();
                sums.iter_mut().zip(numbers).for_each(|(sum, bytes)| *sum += received(*bytes));
            }
            Ok(sums)
        }))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.hall.lock().left.get_or_insert(self.rank.index);
        self.hall.changed.notify_all();
    }
}

impl AllReduce for Threads {
    fn rank(&self) -> Rank {
        self.rank
    }

    fn begin_sum(&self, values: Vec<f32>) -> Result<Begun<f32>, Error> {
        self.sum_by(&values, f32::to_le_bytes, f32::from_le_bytes)
    }

    fn begin_sum_f64(&self, values: Vec<f64>) -> Result<Begun<f64>, Error> {
        self.sum_by(&values, f64::to_le_bytes, f64::from_le_bytes)
    }

    fn broadcast(&self, bytes: &mut Vec<u8>) -> Result<(), Error> {
        let all = self.gather(bytes)?;
        *bytes = all.into_iter().next().unwrap_or_default();
        Ok(())
    }

    fn gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
        self.hall.take(self.bring(bytes.to_vec()))
    }
}
