//! `FileLoader`: batches of images that stay in files. Threads decode, augment and normalise them ahead of
//! the reader.

mod quota;
mod reader;
mod turned;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

pub use self::quota::OnBroken;
use self::quota::Quota;
use self::reader::Reader;
use self::turned::Turned;
use crate::feed::{Batches, Feed, FeedTimes};
use crate::prefetch::Prefetch;
use crate::sources::{Broken, Source, open_image};
use crate::{Error, LoaderConfig, Order};
use resnet_sampling::{Draw, Sampler, mixed, mixed_in_blocks};
use resnet_vision::image::Orientation;
use resnet_vision::{Batch, EvalTransform, Key, Normalisation, TrainTransform};

/// What is done to an image.
#[derive(Clone, Debug, PartialEq)]
pub enum Transform {
    /// Random crop and augmentation, then normalisation, for training.
    Train(TrainTransform, Normalisation),
    /// Always the same, for evaluation.
    Eval(EvalTransform),
    /// Ten crops of each image, whose outputs the caller averages: `[n * 10, 3, crop, crop]` in
    /// [`Batch::images`].
    TenCrops(EvalTransform),
}

impl Transform {
    /// Height and width of the result in pixels.
    fn side(&self) -> usize {
        match self {
            Transform::Train(augmentation, _) => augmentation.side,
            Transform::Eval(eval_transform) | Transform::TenCrops(eval_transform) => eval_transform.crop,
        }
    }
}

/// What a [`FileLoader`] makes of files.
#[derive(Clone, Debug, PartialEq)]
pub struct FileTransform {
    /// What is done to each image.
    pub transform: Transform,
    /// Whether images are turned as their EXIF data say.
    pub orientation: Orientation,
    /// What happens at a broken record.
    pub on_broken: OnBroken,
}

/// Batches of images from a [`Source`], epoch by epoch.
///
/// What an epoch shows is a function of (seed, epoch, place in the epoch) and of nothing else: neither the
/// number of threads nor where a run was interrupted changes one bit. Memory holds the batches made ahead, an
/// encoded image per thread, and up to 32 blocks of shards or tables, of about two megabytes each.
pub struct FileLoader {
    maker: Arc<Maker>,
}

/// Everything needed to make a batch, shared with the threads.
struct Maker {
    reader: Reader,
    /// Which records are shown.
    sampler: Sampler,
    how: FileTransform,
    config: LoaderConfig,
    /// Nanoseconds spent reading; then those spent decoding and transforming.
    read: AtomicU64,
    decode: AtomicU64,
    transform: AtomicU64,
    quota: Quota,
    turned: Turned,
}

impl FileLoader {
    /// Prepares to load `records` of `source`, which are record numbers in any order, or with `None` all
    /// records that are not [skipped](crate::sources::Index::is_skipped). Starts nothing yet.
    ///
    /// # Errors
    /// If there is no record, or one that `source` does not have; if the batch size is 0 or, with
    /// [`LastBatch::Drop`](crate::LastBatch::Drop), so large that no whole batch is left; if this process has
    /// no part; if the settings of the transform contradict each other; or if [`OnBroken`] does not allow the
    /// faults that listing found.
    pub fn new(
        source: Arc<dyn Source>,
        records: Option<Vec<u32>>,
        how: FileTransform,
        config: LoaderConfig,
    ) -> Result<Self, Error> {
        let index = source.index();
        let all = || index.usable().map(|record| record as u32).collect();
        let mut records: Vec<u32> = records.unwrap_or_else(all);
        records.sort_unstable();
        let invalid = |message: String| Err(Error::Invalid(message));
        let root = index.root().display();
        let Some(last) = records.last() else {
            return invalid(format!("there is no image to load in {root}; give a split that has some"));
        };
        if *last as usize >= index.len() {
            return invalid(format!("{root} has {} images, and none of the number {last}", index.len()));
        }
        config.check(records.len())?;
        match &how.transform {
            Transform::Train(augmentation, normalisation) => {
                augmentation.check()?;
                normalisation.check()?;
            }
            Transform::Eval(eval_transform) | Transform::TenCrops(eval_transform) => {
                eval_transform.normalisation.check()?
            }
        }
        let quota = Quota::new(how.on_broken, index, records.len())?;
        let labelled = records.iter().map(|&record| (index.labels()[record as usize], record));
        let sampler = Sampler::new(config.order.sampling(), config.seed, labelled);
        Ok(Self {
            maker: Arc::new(Maker {
                reader: Reader::new(source),
                sampler,
                how,
                config,
                read: AtomicU64::new(0),
                decode: AtomicU64::new(0),
                transform: AtomicU64::new(0),
                quota,
                turned: Turned::default(),
            }),
        })
    }
}

impl fmt::Debug for FileLoader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileLoader")
            .field("source", self.maker.reader.source())
            .field("records", &self.maker.sampler.len())
            .field("how", &self.maker.how)
            .field("config", &self.maker.config)
            .finish()
    }
}

impl Feed for FileLoader {
    fn images(&self) -> usize {
        self.maker.sampler.len()
    }

    fn images_per_epoch(&self) -> usize {
        self.maker.config.images_per_epoch(self.images())
    }

    fn batches_per_epoch(&self) -> usize {
        self.maker.config.batches_per_epoch(self.images())
    }

    fn epoch(&self, epoch: u64, first_batch: usize) -> Box<dyn Batches> {
        let (maker, told) = (Arc::clone(&self.maker), Arc::clone(&self.maker));
        let LoaderConfig { workers, prefetch, .. } = self.maker.config;
        let order = maker.order(epoch);
        let batches = first_batch..self.batches_per_epoch();
        let make = move |number| maker.batch(number, &order);
        Box::new(Stream {
            batches: Prefetch::new(batches, workers, prefetch, make),
            maker: told,
            failed: false,
        })
    }

    fn names(&self, epoch: u64, batch: usize) -> Vec<String> {
        let (maker, order) = (&self.maker, self.maker.order(epoch));
        let place = |draw: &Draw| maker.reader.source().index().place(draw.sample as usize);
        order[maker.config.batch(maker.sampler.len(), batch)].iter().map(place).collect()
    }

    fn times(&self) -> Option<FeedTimes> {
        let of = |nanoseconds: &AtomicU64| Duration::from_nanos(nanoseconds.load(Relaxed));
        let Maker { read, decode, transform, .. } = &*self.maker;
        Some(FeedTimes { read: of(read), decode: of(decode), transform: of(transform) })
    }

    fn broken(&self) -> Vec<Broken> {
        self.maker.quota.list().clone()
    }

    fn most_broken(&self) -> Option<u64> {
        Some(self.maker.quota.most())
    }

    fn turned(&self) -> u64 {
        match self.maker.how.orientation {
            Orientation::Apply => self.maker.turned.count(),
            Orientation::Ignore => 0,
        }
    }
}

impl Maker {
    /// The epoch's draws of records in their order: all mixed if records are read one by one, else mixed in
    /// blocks.
    fn order(&self, epoch: u64) -> Vec<Draw> {
        let (seed, index) = (self.config.seed, self.reader.source().index());
        let draws = self.sampler.draws(epoch);
        let ends = (0..index.blocks()).map(|block| index.block(block).end);
        let order = match (self.config.order, index.layout().is_read_singly()) {
            (Order::Sequential, _) => return draws,
            (_, true) => mixed(draws, seed, epoch),
            (_, false) => mixed_in_blocks(&draws, ends, seed, epoch),
        };
        self.sampler.arranged(order, epoch)
    }

    fn batch(&self, number: usize, order: &[Draw]) -> Result<Batch, Error> {
        let (config, index) = (&self.config, self.reader.source().index());
        let side = self.how.transform.side();
        let draws = &order[config.batch(self.sampler.len(), number)];
        let mut images = Vec::with_capacity(draws.len() * 3 * side * side);
        let mut labels = Vec::with_capacity(draws.len());
        for Draw { sample, pass } in draws {
            let record = *sample as usize;
            let begun = Instant::now();
            let bytes = self.reader.read(record);
            self.read.fetch_add(begun.elapsed().as_nanos() as u64, Relaxed);
            let shown = bytes.and_then(|bytes| {
                let name = index.place(record);
                let start = images.len();
                self.append(
                    &bytes,
                    &name,
                    Key { seed: config.seed, epoch: *pass, index: record as u64 },
                    &mut images,
                )
                .map_err(|error| {
                    images.truncate(start);
                    Broken::new(&name, error.cause())
                })
            });
            match shown {
                Ok(()) => labels.push(index.labels()[record]),
                Err(fault) => self.quota.leave_out(fault)?,
            }
        }
        Ok(Batch { images, labels, height: side, width: side })
    }

    /// Appends the image in `bytes` as it is shown.
    fn append(&self, bytes: &[u8], name: &str, key: Key, out: &mut Vec<f32>) -> Result<(), Error> {
        let begun = Instant::now();
        let encoded = open_image(bytes, name)?.oriented(self.how.orientation);
        let opened = begun.elapsed();
        match &self.how.transform {
            Transform::Train(augmentation, normalisation) => {
                augmentation.apply(&encoded, normalisation, key, out)?;
            }
            Transform::Eval(eval_transform) => out.extend(eval_transform.apply_encoded(&encoded)?),
            Transform::TenCrops(eval_transform) => out.extend(eval_transform.ten_crops(&encoded)?),
        }
        if encoded.has_exif_orientation() {
            self.turned.add(key.index);
        }
        let decoding = opened + encoded.decoding();
        self.decode.fetch_add(decoding.as_nanos() as u64, Relaxed);
        self.transform.fetch_add((begun.elapsed().saturating_sub(decoding)).as_nanos() as u64, Relaxed);
        Ok(())
    }
}

/// The batches of one epoch.
struct Stream {
    batches: Prefetch<Result<Batch, Error>>,
    maker: Arc<Maker>,
    failed: bool,
}

impl Iterator for Stream {
    type Item = Result<Batch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let batch = self.batches.next();
        if batch.is_none() {
            self.maker.turned.tell(self.maker.how.orientation);
        }
        self.failed = batch.as_ref().is_some_and(Result::is_err);
        batch
    }
}

impl Batches for Stream {
    fn waited(&self) -> Duration {
        self.batches.waited()
    }
}
