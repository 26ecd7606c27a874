//! `World`: the processes that mpirun has started.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use mpi::environment::Threading;
use mpi::traits::Communicator as _;
use resnet_data::Rank;
use resnet_train::{AllReduce, Begun, Error};

use crate::wire::{Answer, Ask, Wire};

/// The processes that mpirun has started, as one of them sees them.
///
/// Sums are MPI's own. Whether they are the same in every process to the bit is for MPI to say; Open MPI's
/// and MPICH's are, and a training compares the weights of all processes whenever it certifies a step.
pub struct World {
    rank: Rank,
    asks: Mutex<Sender<Ask>>,
    aborts: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl World {
    /// Joins the other processes, if mpirun or srun has started this one; otherwise returns `None` and leaves
    /// MPI alone. If a process keeps the others waiting for longer than `patience`, their exchanges fail with
    /// [`Error::Apart`].
    ///
    /// # Errors
    /// [`Error::Apart`] if MPI cannot be started.
    pub fn join(patience: Duration) -> Result<Option<World>, Error> {
        if resnet_train::started_processes().is_none() {
            return Ok(None);
        }
        let failed = |why: String| Error::Apart(format!("cannot start MPI: {why}"));
        let (asks, asked) = channel();
        let (tell, told) = sync_channel(1);
        let aborts = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&aborts);
        let serve = move || {
            let Some((universe, _)) = mpi::initialize_with_threading(Threading::Funneled) else {
                return;
            };
            let world = universe.world();
            let _ = tell.send(Rank { index: world.rank() as usize, world_size: world.size() as usize });
            Wire::new(&universe, asked, patience, flag).serve();
        };
        let thread = std::thread::Builder::new().name("mpi".into()).spawn(serve);
        let thread = thread.map_err(|error| failed(error.to_string()))?;
        let rank = told.recv().map_err(|_| failed("it is in use in this process already".to_owned()))?;
        Ok(Some(World { rank, asks: Mutex::new(asks), aborts, thread: Some(thread) }))
    }

    /// Asks for an exchange; the answer comes when it has ended.
    fn begin<T>(&self, ask: impl FnOnce(Answer<T>) -> Ask) -> Result<Receiver<Result<T, Error>>, Error> {
        let (answer, answered) = sync_channel(1);
        let asks = self.asks.lock().unwrap_or_else(PoisonError::into_inner);
        asks.send(ask(answer)).map_err(|_| gone())?;
        Ok(answered)
    }

    fn ask<T>(&self, ask: impl FnOnce(Answer<T>) -> Ask) -> Result<T, Error> {
        answer_of(&self.begin(ask)?)
    }
}

fn answer_of<T>(answered: &Receiver<Result<T, Error>>) -> Result<T, Error> {
    answered.recv().map_err(|_| gone())?
}

fn gone() -> Error {
    Error::Apart("the thread that talks to MPI has ended; this is a bug".to_owned())
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("rank", &self.rank).finish_non_exhaustive()
    }
}

impl Drop for World {
    /// Leaves MPI, once all others do.
    fn drop(&mut self) {
        let (nobody, _) = channel();
        *self.asks.lock().unwrap_or_else(PoisonError::into_inner) = nobody;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl AllReduce for World {
    fn rank(&self) -> Rank {
        self.rank
    }

    /// Ends all processes at once, with exit code 1.
    fn end_all(&self) {
        self.aborts.store(true, Relaxed);
        let _ = self.asks.lock().unwrap_or_else(PoisonError::into_inner).send(Ask::Abort);
        // MPI ends this process. Should it fail to, nobody is to wait for it.
        std::thread::sleep(Duration::from_secs(10));
        std::process::exit(1)
    }

    fn begin_sum(&self, values: Vec<f32>) -> Result<Begun<f32>, Error> {
        let answered = self.begin(|answer| Ask::Sum(values, answer))?;
        Ok(Begun::new(move || answer_of(&answered)))
    }

    fn begin_sum_f64(&self, values: Vec<f64>) -> Result<Begun<f64>, Error> {
        let answered = self.begin(|answer| Ask::SumF64(values, answer))?;
        Ok(Begun::new(move || answer_of(&answered)))
    }

    fn broadcast(&self, bytes: &mut Vec<u8>) -> Result<(), Error> {
        *bytes = self.ask(|answer| Ask::Broadcast(std::mem::take(bytes), answer))?;
        Ok(())
    }

    fn gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
        self.ask(|answer| Ask::Gather(bytes.to_vec(), answer))
    }
}
