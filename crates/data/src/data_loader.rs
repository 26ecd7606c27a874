//! `DataLoader`: batches of augmented, normalised images from memory, made ahead by threads, the same
//! whatever their number.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use resnet_sampling::{Draw, Sampler, mixed};
use resnet_vision::{Augmentation, Batch, Normalisation};

use crate::feed::{Batches, Feed};
use crate::prefetch::Prefetch;
use crate::{Error, ImageSet, LoaderConfig, Order};

/// Batches of an [`ImageSet`], epoch by epoch.
///
/// What an epoch shows is a function of (seed, epoch, place in the epoch) and of nothing else: neither the
/// number of threads nor where a run was interrupted changes one bit. What the processes of a
/// [`Rank`](crate::Rank) show are pieces of the batches that a single process would show.
///
/// ```
/// use std::sync::Arc;
/// use resnet_data::{DataLoader, LoaderConfig};
/// use resnet_vision::{Augmentation, Normalisation};
///
/// let data = resnet_data::generated::shapes(100, 10, 0);
/// let (how, config) = ((Augmentation::PAPER, Normalisation::HALF), LoaderConfig::training(32, 7));
/// let loader = DataLoader::new(Arc::new(data.train), how, config)?;
/// assert_eq!(loader.batches_per_epoch(), 4);
/// let all: Vec<_> = loader.epoch(0, 0).collect();
/// assert_eq!(all[3].len(), 4);
/// // A run that resumes at batch 2 sees what it would have seen.
/// assert!(loader.epoch(0, 2).eq(all[2..].iter().cloned()));
/// # Ok::<(), resnet_data::Error>(())
/// ```
pub struct DataLoader {
    maker: Arc<Maker>,
}

/// Everything needed to make a batch, shared with the threads.
struct Maker {
    set: Arc<ImageSet>,
    augmentation: Augmentation,
    config: LoaderConfig,
    sampler: Sampler,
    tables: Box<[[f32; 256]; 3]>,
}

impl DataLoader {
    /// Prepares to load `set`, changed by the augmentation and then normalised; starts nothing yet.
    ///
    /// # Errors
    /// If the set is empty; if the batch size is 0 or, with [`LastBatch::Drop`](crate::LastBatch::Drop), so
    /// large that no whole batch is left; if this process has no part; if the padding is not smaller than the
    /// images; or if the normalisation is not finite.
    pub fn new(
        set: Arc<ImageSet>,
        (augmentation, normalisation): (Augmentation, Normalisation),
        config: LoaderConfig,
    ) -> Result<Self, Error> {
        let invalid = |message: String| Err(Error::Invalid(message));
        if set.is_empty() {
            return invalid("there is no image to load; give a set that has some".to_owned());
        }
        config.check(set.len())?;
        if let Augmentation::PadCropFlip { padding, .. } = augmentation {
            let (height, width) = (set.height(), set.width());
            if padding >= height.min(width) {
                return invalid(format!(
                    "a padding of {padding} can crop images of {height} x {width} away entirely; use less"
                ));
            }
        }
        normalisation.check()?;
        let tables = normalisation.tables();
        let labelled = set.labels().iter().copied().zip(0..);
        let sampler = Sampler::new(config.order.sampling(), config.seed, labelled);
        Ok(Self { maker: Arc::new(Maker { set, augmentation, config, sampler, tables }) })
    }

    /// How many batches an epoch has.
    pub fn batches_per_epoch(&self) -> usize {
        self.maker.config.batches_per_epoch(self.maker.set.len())
    }

    /// How many images an epoch shows: those of all processes together if they share batches (any order but
    /// [`Order::Sequential`]), else those of this process.
    pub fn images_per_epoch(&self) -> usize {
        self.maker.config.images_per_epoch(self.maker.set.len())
    }

    /// The batches of `epoch` from number `first_batch` on; none if there are not so many.
    ///
    /// They equal the batches that an epoch started at batch 0 gives from `first_batch` on. Threads work
    /// ahead until the iterator is dropped or at its end.
    pub fn epoch(&self, epoch: u64, first_batch: usize) -> Epoch {
        let maker = Arc::clone(&self.maker);
        let order = maker.order(epoch);
        let LoaderConfig { workers, prefetch, .. } = maker.config;
        let numbers = first_batch..self.batches_per_epoch();
        let make = move |number| maker.batch(number, &order);
        Epoch { batches: Prefetch::new(numbers, workers, prefetch, make) }
    }
}

impl fmt::Debug for DataLoader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Maker { set, config, .. } = &*self.maker;
        f.debug_struct("DataLoader").field("set", set).field("config", config).finish_non_exhaustive()
    }
}

impl Maker {
    /// The epoch's draws of images in their order.
    fn order(&self, epoch: u64) -> Vec<Draw> {
        let draws = self.sampler.draws(epoch);
        match self.config.order {
            Order::Sequential => draws,
            _ => self.sampler.arranged(mixed(draws, self.config.seed, epoch), epoch),
        }
    }

    fn batch(&self, number: usize, order: &[Draw]) -> Batch {
        let (height, width) = (self.set.height(), self.set.width());
        let draws = &order[self.config.batch(self.set.len(), number)];
        let mut images = Vec::with_capacity(draws.len() * 3 * height * width);
        let mut labels = Vec::with_capacity(draws.len());
        for Draw { sample, pass } in draws {
            let index = *sample as usize;
            let view = self.augmentation.draw(self.config.seed, *pass, index);
            view.append(self.set.image(index), height, width, &self.tables, &mut images);
            labels.push(self.set.label(index));
        }
        Batch { images, labels, height, width }
    }
}

/// The batches of one epoch, in order; made by [`DataLoader::epoch`].
///
/// A panic in a loading thread, which would be a bug here, comes out of `next` as a panic.
pub struct Epoch {
    batches: Prefetch<Batch>,
}

impl Epoch {
    /// How long the reader has waited in `next` so far: time lost to slow data.
    pub fn waited(&self) -> Duration {
        self.batches.waited()
    }
}

impl Iterator for Epoch {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        self.batches.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let remaining = self.batches.remaining();
        (remaining, Some(remaining))
    }
}

impl ExactSizeIterator for Epoch {}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Epoch").field("remaining", &self.len()).field("waited", &self.waited()).finish()
    }
}

impl Feed for DataLoader {
    fn images(&self) -> usize {
        self.maker.set.len()
    }

    fn images_per_epoch(&self) -> usize {
        self.images_per_epoch()
    }

    fn batches_per_epoch(&self) -> usize {
        self.batches_per_epoch()
    }

    fn epoch(&self, epoch: u64, first_batch: usize) -> Box<dyn Batches> {
        Box::new(InMemory(self.epoch(epoch, first_batch)))
    }

    fn names(&self, epoch: u64, batch: usize) -> Vec<String> {
        let draws = &self.maker.order(epoch)[self.maker.config.batch(self.maker.set.len(), batch)];
        draws.iter().map(|draw| format!("image {}", draw.sample)).collect()
    }
}

/// Batches of images in memory, which can't fail.
struct InMemory(Epoch);

impl Iterator for InMemory {
    type Item = Result<Batch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(Ok)
    }
}

impl Batches for InMemory {
    fn waited(&self) -> Duration {
        self.0.waited()
    }
}
