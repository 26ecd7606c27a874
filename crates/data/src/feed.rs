//! Batches, epoch by epoch, wherever the images lie: what a training loop asks of a loader.

use std::fmt;
use std::time::Duration;

use crate::sources::Broken;
use resnet_vision::Batch;

use crate::Error;

/// Something that gives batches.
///
/// What an epoch gives is a function of the feed's settings, the epoch and the place in it alone, so that a
/// training that resumes in the middle of an epoch sees what it would have seen.
pub trait Feed: Send + Sync + fmt::Debug {
    /// How many images there are.
    fn images(&self) -> usize;

    /// How many images an epoch shows: those of all processes together if they share batches (any
    /// [`Order`](crate::Order) but `Sequential`), else those of this process.
    fn images_per_epoch(&self) -> usize;

    /// How many batches an epoch has.
    fn batches_per_epoch(&self) -> usize;

    /// The batches of `epoch` from number `first_batch` on. Threads work ahead until the iterator is dropped
    /// or at its end.
    fn epoch(&self, epoch: u64, first_batch: usize) -> Box<dyn Batches>;

    /// The images of a batch by names under which people find them: files, or numbers in the set from 0.
    /// Broken images are included. Empty if the feed does not know.
    fn names(&self, epoch: u64, batch: usize) -> Vec<String> {
        let _ = (epoch, batch);
        Vec::new()
    }

    /// How the threads that work ahead have spent their time so far, over all epochs; `None` if the feed does
    /// not measure it.
    fn times(&self) -> Option<FeedTimes> {
        None
    }

    /// The records that were left out so far because they could not be used, each once.
    fn broken(&self) -> Vec<Broken> {
        Vec::new()
    }

    /// The most that [`Feed::broken`] may list for all processes that train together; this process ends its
    /// epoch with an error if it lists more of its own. `None` if the feed leaves nothing out.
    fn most_broken(&self) -> Option<u64> {
        None
    }

    /// How many images were turned as their EXIF data say, each counted once.
    fn turned(&self) -> u64 {
        0
    }
}

/// Time spent to get images ready, summed over the threads that do it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedTimes {
    /// Reading files.
    pub read: Duration,
    /// Turning their bytes into pixels.
    pub decode: Duration,
    /// Resizing, augmenting, normalising.
    pub transform: Duration,
}

/// The batches of one epoch. After an error there is nothing more.
pub trait Batches: Iterator<Item = Result<Batch, Error>> {
    /// How long the reader has waited so far: time lost to slow data.
    fn waited(&self) -> Duration;
}
