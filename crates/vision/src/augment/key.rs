//! `Key`: seed, epoch and image, from which all random numbers of a training image are drawn.

use crate::random::{Purpose, RandomStream};

/// Names one showing of one image: everything random about it is drawn from this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The seed of the run.
    pub seed: u64,
    /// The epoch, counted from 0: how many times the data set was shown before.
    pub epoch: u64,
    /// The image's position in the data set.
    pub index: u64,
}

impl Key {
    pub(super) fn stream(self, purpose: Purpose) -> RandomStream {
        RandomStream::new(self.seed, purpose, self.epoch, self.index)
    }
}
