//! Threads of one program in the place of processes, for tests and for a look at what several processes
//! would do.

use std::ops::AddAssign;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use resnet_data::Rank;

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
    hall: Arc<Hall>,
}

/// Where they meet.
#[derive(Debug)]
struct Hall {
    round: Mutex<Round>,
    changed: Condvar,
}

/// An exchange: each brings something, then each takes what all have brought.
#[derive(Debug)]
struct Round {
    brought: Vec<Option<Vec<u8>>>,
    /// Once all have come.
    complete: Option<Arc<Vec<Vec<u8>>>>,
    /// Who has not taken it yet.
    to_take: usize,
    /// A thread that has left for good.
    left: Option<usize>,
}

impl Threads {
    /// As many as asked for, one for each thread to take.
    pub fn new(count: usize) -> Vec<Threads> {
        let round = Round { brought: vec![None; count], complete: None, to_take: 0, left: None };
        let hall = Arc::new(Hall { round: Mutex::new(round), changed: Condvar::new() });
        let one = |index| Threads { rank: Rank { index, world_size: count }, hall: Arc::clone(&hall) };
        (0..count).map(one).collect()
    }

    /// Waits until `ready`, or until somebody has left.
    fn wait<'a>(
        &self,
        mut round: MutexGuard<'a, Round>,
        ready: impl Fn(&Round) -> bool,
    ) -> Result<MutexGuard<'a, Round>, Error> {
        while !ready(&round) {
            if let Some(index) = round.left {
                return Err(Error::Apart(format!("process {index} has left the training")));
            }
            let waited = self.hall.changed.wait_timeout(round, PATIENCE);
            let (guard, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            if timeout.timed_out() {
                let missing: Vec<_> =
                    (0..guard.brought.len()).filter(|i| guard.brought[*i].is_none()).collect();
                return Err(Error::Apart(format!("processes {missing:?} do not answer")));
            }
            round = guard;
        }
        Ok(round)
    }

    fn exchange(&self, own: Vec<u8>) -> Result<Arc<Vec<Vec<u8>>>, Error> {
        let round = self.hall.round.lock().unwrap_or_else(PoisonError::into_inner);
        let mut round = self.wait(round, |round| round.to_take == 0)?;
        round.brought[self.rank.index] = Some(own);
        if round.brought.iter().all(Option::is_some) {
            let all = round.brought.iter_mut().filter_map(Option::take).collect();
            (round.complete, round.to_take) = (Some(Arc::new(all)), self.rank.world_size);
            self.hall.changed.notify_all();
        }
        let mut round = self.wait(round, |round| round.complete.is_some())?;
        let all = round.complete.clone().unwrap_or_default();
        round.to_take -= 1;
        if round.to_take == 0 {
            round.complete = None;
            self.hall.changed.notify_all();
        }
        Ok(all)
    }

    /// Sums of numbers, which travel as bytes.
    fn sum_by<T: Copy + Default + AddAssign, const N: usize>(
        &self,
        values: &mut [T],
        sent: fn(T) -> [u8; N],
        received: fn([u8; N]) -> T,
    ) -> Result<(), Error> {
        let all = self.exchange(values.iter().flat_map(|value| sent(*value)).collect())?;
        values.fill(T::default());
        for part in all.iter() {
            let (numbers, _) = part.as_chunks();
            values.iter_mut().zip(numbers).for_each(|(sum, bytes)| *sum += received(*bytes));
        }
        Ok(())
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        let mut round = self.hall.round.lock().unwrap_or_else(PoisonError::into_inner);
        round.left.get_or_insert(self.rank.index);
        self.hall.changed.notify_all();
    }
}

impl AllReduce for Threads {
    fn rank(&self) -> Rank {
        self.rank
    }

    fn sum(&self, values: &mut [f32]) -> Result<(), Error> {
        self.sum_by(values, f32::to_le_bytes, f32::from_le_bytes)
    }

    fn sum_f64(&self, values: &mut [f64]) -> Result<(), Error> {
        self.sum_by(values, f64::to_le_bytes, f64::from_le_bytes)
    }

    fn broadcast(&self, bytes: &mut Vec<u8>) -> Result<(), Error> {
        let all = self.exchange(std::mem::take(bytes))?;
        *bytes = all.first().cloned().unwrap_or_default();
        Ok(())
    }

    fn gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
        Ok(self.exchange(bytes.to_vec())?.to_vec())
    }
}
