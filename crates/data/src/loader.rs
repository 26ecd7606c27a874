//! `Loader`: batches of augmented, normalised images, made ahead by threads, the same whatever their number.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::prefetch::Prefetch;
use crate::{Error, ImageSet};
use resnet_vision::random::RandomStream;
use resnet_vision::{Augmentation, Batch, Normalisation};

/// In which order an epoch shows the images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// A new random order every epoch, a function of (seed, epoch).
    Shuffled,
    /// As they lie in the set.
    Sequential,
}

/// What happens to the images left over when batches do not divide the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastBatch {
    /// They make a smaller batch.
    Keep,
    /// They are left out of this epoch.
    Drop,
}

/// How a [`Loader`] makes batches.
#[derive(Clone, Debug)]
pub struct LoaderConfig {
    /// Images a batch; at least 1.
    pub batch: usize,
    /// Decides order and augmentation, together with the epoch.
    pub seed: u64,
    /// What is done to each image.
    pub augmentation: Augmentation,
    /// How bytes become numbers.
    pub normalisation: Normalisation,
    /// In which order images come.
    pub order: Order,
    /// Whether an incomplete last batch is shown.
    pub last_batch: LastBatch,
    /// Threads that make batches; with 0 they are made in the caller's when it asks for them.
    pub workers: usize,
    /// Batches kept ready ahead of the reader; 0 counts as 1.
    pub prefetch: usize,
}

impl LoaderConfig {
    /// For training: shuffled, the paper's augmentation, the last batch kept, two threads, four batches
    /// ahead.
    pub fn training(batch: usize, seed: u64, normalisation: Normalisation) -> Self {
        Self {
            batch,
            seed,
            augmentation: Augmentation::PAPER,
            normalisation,
            order: Order::Shuffled,
            last_batch: LastBatch::Keep,
            workers: 2,
            prefetch: 4,
        }
    }

    /// For evaluation: every image once, in order, as it is; one thread, two batches ahead.
    pub fn evaluation(batch: usize, normalisation: Normalisation) -> Self {
        Self {
            batch,
            seed: 0,
            augmentation: Augmentation::None,
            normalisation,
            order: Order::Sequential,
            last_batch: LastBatch::Keep,
            workers: 1,
            prefetch: 2,
        }
    }
}

/// Batches of an [`ImageSet`], epoch by epoch.
///
/// What an epoch shows is a function of (seed, epoch, place in the epoch) and of nothing else: neither the
/// number of threads nor where a run was interrupted changes one bit.
///
/// ```
/// use std::sync::Arc;
/// use resnet_data::{Loader, LoaderConfig};
/// use resnet_vision::Normalisation;
///
/// let data = resnet_data::generated::shapes(100, 10, 0);
/// let loader = Loader::new(Arc::new(data.train), LoaderConfig::training(32, 7, Normalisation::HALF))?;
/// assert_eq!(loader.batches_per_epoch(), 4);
/// let all: Vec<_> = loader.epoch(0, 0).collect();
/// assert_eq!(all[3].len(), 4);
/// // A run that resumes at batch 2 sees what it would have seen.
/// assert!(loader.epoch(0, 2).eq(all[2..].iter().cloned()));
/// # Ok::<(), resnet_data::Error>(())
/// ```
pub struct Loader {
    maker: Arc<Maker>,
}

/// Everything needed to make a batch, shared with the threads.
struct Maker {
    set: Arc<ImageSet>,
    config: LoaderConfig,
    tables: Box<[[f32; 256]; 3]>,
}

impl Loader {
    /// Prepares to load `set`; starts nothing yet.
    ///
    /// # Errors
    /// If the set is empty, the batch size 0 or, with [`LastBatch::Drop`], larger than the set, the padding
    /// not smaller than the images, or the normalisation not finite.
    pub fn new(set: Arc<ImageSet>, config: LoaderConfig) -> Result<Self, Error> {
        let invalid = |message: String| Err(Error::Invalid(message));
        if set.is_empty() {
            return invalid("there is no image to load; give a set that has some".to_owned());
        }
        if config.batch == 0 {
            return invalid("a batch of 0 images trains nothing; use at least 1".to_owned());
        }
        if config.last_batch == LastBatch::Drop && config.batch > set.len() {
            let (batch, images) = (config.batch, set.len());
            return invalid(format!(
                "{images} images make no whole batch of {batch}, and the incomplete one is dropped; use a \
                 smaller batch"
            ));
        }
        if let Augmentation::PadCropFlip { padding, .. } = config.augmentation {
            let (height, width) = (set.height(), set.width());
            if padding >= height.min(width) {
                return invalid(format!(
                    "a padding of {padding} can crop images of {height} x {width} away entirely; use less"
                ));
            }
        }
        config.normalisation.check()?;
        let tables = config.normalisation.tables();
        Ok(Self { maker: Arc::new(Maker { set, config, tables }) })
    }

    /// The images that are loaded.
    pub fn set(&self) -> &Arc<ImageSet> {
        &self.maker.set
    }

    /// The settings this was made with.
    pub fn config(&self) -> &LoaderConfig {
        &self.maker.config
    }

    /// How many batches an epoch has.
    pub fn batches_per_epoch(&self) -> usize {
        self.images_per_epoch().div_ceil(self.maker.config.batch)
    }

    /// How many images an epoch shows.
    pub fn images_per_epoch(&self) -> usize {
        let (images, batch) = (self.maker.set.len(), self.maker.config.batch);
        match self.maker.config.last_batch {
            LastBatch::Keep => images,
            LastBatch::Drop => images / batch * batch,
        }
    }

    /// The batches of `epoch` from number `first_batch` on; none if there are not so many.
    ///
    /// They are exactly those that an epoch started at 0 gives from there. Threads work until the iterator is
    /// dropped or at its end.
    pub fn epoch(&self, epoch: u64, first_batch: usize) -> Epoch {
        let maker = Arc::clone(&self.maker);
        let order = maker.order(epoch);
        let images = self.images_per_epoch();
        let LoaderConfig { workers, prefetch, .. } = self.maker.config;
        let batches =
            Prefetch::new(first_batch..self.batches_per_epoch(), workers, prefetch, move |number| {
                maker.batch(epoch, number, images, order.as_deref())
            });
        Epoch { batches }
    }
}

impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader").field("set", &self.maker.set).field("config", &self.maker.config).finish()
    }
}

impl Maker {
    /// The epoch's order of images; `None` for the set's own.
    fn order(&self, epoch: u64) -> Option<Vec<usize>> {
        match self.config.order {
            Order::Sequential => None,
            Order::Shuffled => {
                let mut order: Vec<usize> = (0..self.set.len()).collect();
                RandomStream::new(self.config.seed, crate::purposes::ORDER, epoch, 0).shuffle(&mut order);
                Some(order)
            }
        }
    }

    fn batch(&self, epoch: u64, number: usize, images: usize, order: Option<&[usize]>) -> Batch {
        let (height, width) = (self.set.height(), self.set.width());
        let first = number * self.config.batch;
        let places = first..images.min(first.saturating_add(self.config.batch));
        let mut pixels = Vec::with_capacity(places.len() * 3 * height * width);
        let mut labels = Vec::with_capacity(places.len());
        for place in places {
            let index = order.map_or(place, |order| order[place]);
            let view = self.config.augmentation.draw(self.config.seed, epoch, index);
            view.append(self.set.image(index), height, width, &self.tables, &mut pixels);
            labels.push(self.set.label(index));
        }
        Batch { images: pixels, labels, height, width }
    }
}

/// The batches of one epoch, in order; made by [`Loader::epoch`].
///
/// A panic in a loading thread, which would be a bug here, comes out of `next` as a panic.
pub struct Epoch {
    batches: Prefetch<Batch>,
}

impl Epoch {
    /// How long the reader has waited in `next` so far: time in which the data, not the network, was slow.
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
