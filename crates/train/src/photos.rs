//! Photographs in files as the trainer's data.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use resnet_data::sources::FileSet;
use resnet_data::{
    Feed, LastBatch, OnBroken, Order, Share, StreamConfig, StreamLoader, View, stratified_split,
};
use resnet_record::{ImageCrop, ImageDecoding, ImageOrientation, ImagePolicy, ImagesRecipe, Recipe};
use resnet_vision::picture::Orientation;
use resnet_vision::{
    ColourJitter, Crop, Decoding, Erasing, Filling, Interpolation, PhotoAugmentation, Policy, Preprocess,
};

use crate::data::{DataIdentity, TrainingData, TrainingFeeds, flip, last_batch, normalisation};
use crate::{Error, Options};

/// A data set whose pictures stay in files while a network is trained on them.
#[derive(Debug)]
pub struct Photos {
    set: FileSet,
    on_broken: OnBroken,
    reads: AtomicU64,
}

impl Photos {
    /// `set`, whose broken records are treated as `on_broken` says.
    pub fn new(set: FileSet, on_broken: OnBroken) -> Self {
        Photos { set, on_broken, reads: AtomicU64::new(0) }
    }

    /// What was opened.
    pub fn set(&self) -> &FileSet {
        &self.set
    }

    /// In order, always the same.
    fn evaluation(&self, recipe: &Recipe, options: &Options) -> Result<StreamConfig, Error> {
        let photos = photos(recipe)?;
        Ok(StreamConfig {
            batch: recipe.train.batch_size,
            seed: 0,
            view: View::Evaluated(Preprocess {
                resize: photos.evaluate.resize,
                crop: photos.evaluate.crop,
                interpolation: Interpolation::Bilinear,
                normalisation: normalisation(recipe),
            }),
            orientation: orientation(photos.orientation),
            order: Order::Sequential,
            share: Share::WHOLE,
            last_batch: LastBatch::Keep,
            on_broken: self.on_broken,
            workers: options.workers,
            prefetch: options.prefetch,
        })
    }
}

impl TrainingData for Photos {
    fn origin(&self) -> &str {
        &self.set.origin
    }

    fn classes(&self) -> usize {
        self.set.classes.len()
    }

    fn identity(&self) -> DataIdentity {
        DataIdentity::of(&self.set.classes, |fingerprint| self.set.train.index().add_to(fingerprint))
    }

    fn training(&self, recipe: &Recipe, options: &Options) -> Result<TrainingFeeds, Error> {
        let index = self.set.train.index();
        let usable = || (0..index.len()).filter(|record| !index.is_skipped(*record));
        let (train, validation) = match recipe.data.validation {
            0 => (None, None),
            count => {
                let records: Vec<u32> = usable().map(|record| record as u32).collect();
                let labels: Vec<u32> = usable().map(|record| index.labels()[record]).collect();
                let split = stratified_split(&labels, self.classes(), count, recipe.data.split_seed)?;
                let chosen = |places: Vec<usize>| places.into_iter().map(|place| records[place]).collect();
                (Some(chosen(split.0)), Some(chosen(split.1)))
            }
        };
        let config = StreamConfig {
            seed: recipe.train.seed,
            view: View::Augmented(augmentation(recipe)?, normalisation(recipe)),
            order: Order::Shuffled,
            last_batch: last_batch(recipe),
            ..self.evaluation(recipe, options)?
        };
        let train = StreamLoader::new(Arc::clone(&self.set.train), train, config)?;
        let evaluation = self.evaluation(recipe, options)?;
        let validation = validation
            .map(|records| StreamLoader::new(Arc::clone(&self.set.train), Some(records), evaluation))
            .transpose()?;
        Ok(TrainingFeeds {
            size: [photos(recipe)?.image_size; 2],
            train: Box::new(train),
            validation: validation.map(|loader| Box::new(loader) as Box<dyn Feed>),
        })
    }

    fn test_pictures(&self) -> usize {
        self.set.evaluation.as_ref().map_or(0, |source| source.index().len() - source.index().skipped())
    }

    fn test(&self, recipe: &Recipe, options: &Options) -> Result<Box<dyn Feed>, Error> {
        let Some(source) = &self.set.evaluation else {
            return Err(Error::Setup(format!("{} has no pictures for evaluation", self.set.origin)));
        };
        self.reads.fetch_add(1, Relaxed);
        let config = self.evaluation(recipe, options)?;
        Ok(Box::new(StreamLoader::new(Arc::clone(source), None, config)?))
    }

    fn test_reads(&self) -> u64 {
        self.reads.load(Relaxed)
    }
}

fn photos(recipe: &Recipe) -> Result<&ImagesRecipe, Error> {
    let missing = || format!("recipe '{}' has no [images] section, which has their transforms", recipe.name);
    recipe.images.as_ref().ok_or_else(|| Error::Setup(missing()))
}

/// What a recipe says of EXIF data, as loaders take it.
pub fn orientation(recipe: ImageOrientation) -> Orientation {
    match recipe {
        ImageOrientation::Apply => Orientation::Apply,
        ImageOrientation::Ignore => Orientation::Ignore,
    }
}

/// What a recipe does to photographs in training.
fn augmentation(recipe: &Recipe) -> Result<PhotoAugmentation, Error> {
    let ImagesRecipe {
        image_size,
        decode,
        orientation: _,
        crop,
        color_jitter: jitter,
        lighting,
        auto_augment,
        random_erasing,
        evaluate: _,
    } = *photos(recipe)?;
    let crop = match crop {
        ImageCrop::ScaleAugmentation => Crop::PAPER,
        ImageCrop::RandomResizedCrop => Crop::INCEPTION,
    };
    Ok(PhotoAugmentation {
        decoding: match decode {
            ImageDecoding::Exact => Decoding::Exact,
            ImageDecoding::Scaled => Decoding::Scaled,
        },
        crop,
        side: image_size,
        interpolation: Interpolation::Bilinear,
        flip: flip(recipe),
        policy: match auto_augment {
            ImagePolicy::None => Policy::None,
            ImagePolicy::RandAugment => Policy::RAND,
            ImagePolicy::TrivialAugment => Policy::Trivial,
        },
        jitter: ColourJitter { brightness: jitter, contrast: jitter, saturation: jitter, hue: 0.0 },
        lighting,
        erasing: (random_erasing > 0.0)
            .then_some(Erasing { probability: random_erasing, filling: Filling::Mean }),
    })
}
