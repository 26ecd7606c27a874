//! Who has stopped answering: a process that waits says so to the others, so that the one they all wait for
//! is known by its silence.

use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator as _, Destination as _, Source as _};

/// The tag that tells the notes from the messages of exchanges.
const TAG: i32 = 7;

/// What is known of each process.
pub(crate) struct Watch {
    /// The number of the exchange in which each said last that it waits.
    waits_in: Vec<u64>,
}

impl Watch {
    pub(crate) fn new(processes: usize) -> Watch {
        Watch { waits_in: vec![0; processes] }
    }

    /// Says that this process waits in the exchange of this number, counted from 1. A note is a few bytes,
    /// which MPI takes from the sender at once.
    pub(crate) fn tell(&self, world: &SimpleCommunicator, exchange: u64) {
        for other in (0..world.size()).filter(|other| *other != world.rank()) {
            world.process_at_rank(other).send_with_tag(&exchange, TAG);
        }
    }

    /// Receives the notes that others have sent, without waiting for any.
    pub(crate) fn listen(&mut self, world: &SimpleCommunicator) {
        while let Some(status) = world.any_process().immediate_probe_with_tag(TAG) {
            let from = status.source_rank();
            let (exchange, _) = world.process_at_rank(from).receive_with_tag::<u64>(TAG);
            if let Some(known) = self.waits_in.get_mut(from as usize) {
                *known = exchange.max(*known);
            }
        }
    }

    /// The processes that have not come to the exchange of this number, as far as is known to the `own` one.
    pub(crate) fn missing(&self, own: usize, exchange: u64) -> Vec<usize> {
        let late = |process: &usize| *process != own && self.waits_in[*process] < exchange;
        (0..self.waits_in.len()).filter(late).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_silent_ones_are_missing() {
        let mut watch = Watch::new(4);
        watch.waits_in = vec![0, 7, 6, 0];
        assert_eq!(watch.missing(0, 7), [2, 3]);
        assert_eq!(watch.missing(3, 6), [0]);
    }
}
