//! `LoaderConfig`: how samples become batches, the same for data in memory and in files.

use std::ops::Range;

use resnet_sampling::Sampling;

use crate::Error;

/// In which order an epoch shows the images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// A new random order every epoch, a function of (seed, epoch).
    Shuffled,
    /// A random order in which all classes are equally frequent; see [`Balanced`](resnet_sampling::Balanced).
    Balanced,
    /// A random order of a part of the images, each shown `times` times within one optimizer step; see
    /// [`Sampling::Repeated`].
    Repeated {
        /// How often an image is shown; at least 1.
        times: usize,
        /// How many images an optimizer step takes.
        within: usize,
    },
    /// As they lie in the set.
    Sequential,
}

impl Order {
    /// How often an epoch shows each image.
    pub(crate) fn sampling(self) -> Sampling {
        match self {
            Order::Shuffled | Order::Sequential => Sampling::Each,
            Order::Balanced => Sampling::Balanced,
            Order::Repeated { times, within } => Sampling::Repeated { times, within },
        }
    }
}

/// What happens to the images left over when the batch size does not divide their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastBatch {
    /// They make a smaller batch.
    Keep,
    /// They are left out of this epoch.
    Drop,
}

/// The place of this process among those that train one network together. Each process shows its own images.
///
/// A shuffled epoch has the same batches whatever the number of processes, and each process shows its part of
/// every batch: the first the first images, and so on. An epoch in order, as an evaluation shows it, is cut
/// into one part for each process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rank {
    /// This process's number, from 0.
    pub index: usize,
    /// How many processes there are.
    pub world_size: usize,
}

impl Rank {
    /// The only process.
    pub const ONLY: Rank = Rank { index: 0, world_size: 1 };

    /// This process's part of `places`. Parts follow each other, and none has two places more than another.
    fn part_of(self, places: Range<usize>) -> Range<usize> {
        let Rank { index, world_size } = self;
        let cut = |index| places.start + (places.len() as u128 * index as u128 / world_size as u128) as usize;
        cut(index)..cut(index + 1)
    }
}

/// How a [`DataLoader`](crate::DataLoader) or a [`FileLoader`](crate::FileLoader) makes batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoaderConfig {
    /// Images per batch, at least 1: of all processes together if they share batches (any order but
    /// sequential), else of this process.
    pub batch: usize,
    /// Decides order and augmentation, together with the epoch.
    pub seed: u64,
    /// In which order images come.
    pub order: Order,
    /// Which part this process shows.
    pub rank: Rank,
    /// Whether an incomplete last batch is shown.
    pub last_batch: LastBatch,
    /// Threads that make batches. With 0, each batch is made in the caller's thread when it asks for it.
    pub workers: usize,
    /// Batches kept ready ahead of the reader; 0 counts as 1. A batch of 128 at 224 x 224 takes 77 MB.
    pub prefetch: usize,
}

impl LoaderConfig {
    /// For training: shuffled, the last batch kept, two threads, four batches ahead.
    pub fn training(batch: usize, seed: u64) -> Self {
        Self {
            batch,
            seed,
            order: Order::Shuffled,
            rank: Rank::ONLY,
            last_batch: LastBatch::Keep,
            workers: 2,
            prefetch: 4,
        }
    }

    /// For evaluation: every image once, in order; one thread, two batches ahead.
    pub fn evaluation(batch: usize) -> Self {
        Self { order: Order::Sequential, workers: 1, prefetch: 2, ..Self::training(batch, 0) }
    }

    /// Checks that an epoch of `images` images has batches for this process.
    pub(crate) fn check(&self, images: usize) -> Result<(), Error> {
        let invalid = |message: String| Err(Error::Invalid(message));
        if self.batch == 0 {
            return invalid("a batch of 0 images trains nothing; use at least 1".to_owned());
        }
        if matches!(self.order, Order::Repeated { times: 0, .. }) {
            return invalid("images shown 0 times train nothing; use at least 1".to_owned());
        }
        let Rank { index, world_size } = self.rank;
        let shared = match self.order {
            Order::Sequential => images,
            _ => images.min(self.batch),
        };
        if index >= world_size || shared < world_size {
            return invalid(format!(
                "process {index} of {world_size} has no part of {shared} images; use fewer processes, numbered from 0"
            ));
        }
        let own = self.places(images).len();
        if self.last_batch == LastBatch::Drop && self.batch > own {
            return invalid(format!(
                "{own} images make no whole batch of {}, and the incomplete one is dropped; use a smaller batch",
                self.batch
            ));
        }
        Ok(())
    }

    /// The places of an epoch of `images` images from which this process's batches, or its parts of them,
    /// are taken.
    fn places(&self, images: usize) -> Range<usize> {
        match self.order {
            Order::Sequential => self.rank.part_of(0..images),
            _ => 0..images,
        }
    }

    /// The places of an epoch of `images` images that this process shows of batch `number`.
    pub(crate) fn batch(&self, images: usize, number: usize) -> Range<usize> {
        let (start, shown) = (self.places(images).start, self.images_per_epoch(images));
        let first = number * self.batch;
        let batch = start + first..start + shown.min(first.saturating_add(self.batch));
        match self.order {
            Order::Sequential => batch,
            _ => self.rank.part_of(batch),
        }
    }

    /// How many of `images` images an epoch shows: those of all processes together if they share batches,
    /// else those of this process.
    pub(crate) fn images_per_epoch(&self, images: usize) -> usize {
        let all = self.places(images).len();
        match self.last_batch {
            LastBatch::Keep => all,
            LastBatch::Drop => all / self.batch * self.batch,
        }
    }

    /// How many batches an epoch of `images` images has.
    pub(crate) fn batches_per_epoch(&self, images: usize) -> usize {
        self.images_per_epoch(images).div_ceil(self.batch)
    }
}
