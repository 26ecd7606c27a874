//! Who has stopped answering: a process that waits says so to the others again and again, so that the one
//! they all wait for is known by its silence.

use std::time::{Duration, Instant};

use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator as _, Destination as _, Source as _};

/// The tag that tells the notes from the messages of exchanges.
const TAG: i32 = 7;
/// Notes sent, at least, in the time after which a silent process is missing.
const NOTES: u32 = 4;
/// The longest pause between two notes of a process that waits.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What is known of each process.
pub(crate) struct Watch {
    /// A process without a note for so long is silent.
    silence: Duration,
    /// When each was heard last.
    heard: Vec<Option<Instant>>,
    told: Option<Instant>,
}

impl Watch {
    /// A watch over so many processes, each of which may keep the others waiting for `patience`.
    pub(crate) fn new(processes: usize, patience: Duration) -> Watch {
        // A process may come late and still has to be heard: half of the time is for that.
        Watch { silence: patience / 2, heard: vec![None; processes], told: None }
    }

    /// Says that this process waits, unless it has said so a moment ago. A note is one byte, which MPI takes
    /// from the sender at once.
    pub(crate) fn tell(&mut self, world: &SimpleCommunicator, now: Instant) {
        let pause = (self.silence / NOTES).min(LONGEST_PAUSE);
        if self.told.is_some_and(|told| now.duration_since(told) < pause) {
            return;
        }
        self.told = Some(now);
        for other in (0..world.size()).filter(|other| *other != world.rank()) {
            world.process_at_rank(other).send_with_tag(&1u8, TAG);
        }
    }

    /// Receives the notes that others have sent, without waiting for any.
    pub(crate) fn listen(&mut self, world: &SimpleCommunicator, now: Instant) {
        while let Some(status) = world.any_process().immediate_probe_with_tag(TAG) {
            let from = status.source_rank();
            world.process_at_rank(from).receive_with_tag::<u8>(TAG);
            if let Some(heard) = self.heard.get_mut(from as usize) {
                *heard = Some(now);
            }
        }
    }

    /// The processes other than the `own` one that have been silent.
    pub(crate) fn missing(&self, own: usize, now: Instant) -> Vec<usize> {
        let is_silent =
            |heard: Option<Instant>| heard.is_none_or(|heard| now.duration_since(heard) > self.silence);
        (0..self.heard.len()).filter(|process| *process != own && is_silent(self.heard[*process])).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_silent_ones_are_missing() {
        let mut watch = Watch::new(4, Duration::from_secs(4));
        let begun = Instant::now();
        let after = |seconds: f64| begun + Duration::from_secs_f64(seconds);
        watch.heard = vec![None, Some(after(3.5)), Some(after(0.1)), None];
        assert_eq!(watch.missing(0, after(4.0)), [2, 3]);
        assert_eq!(watch.missing(3, after(1.0)), [0]);
    }
}
