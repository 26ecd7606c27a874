//! What the trainer asks of a data set, wherever its pictures lie.

use std::sync::Arc;

use resnet_data::{Dataset, Feed, Fingerprint, LastBatch, Loader, LoaderConfig, Order, stratified_split};
use resnet_record::Recipe;
use resnet_vision::{Augmentation, Flip, Normalisation};
use serde::{Deserialize, Serialize};

use crate::{Error, Options};

/// A data set that can be trained on by a recipe.
pub trait TrainingData: Sync {
    /// Where it came from, for messages and the run's record.
    fn origin(&self) -> &str;

    /// How many classes it has.
    fn classes(&self) -> usize;

    /// By what a training that is resumed notices that its data have changed.
    fn identity(&self) -> DataIdentity;

    /// The pictures to train on, and those held out of them to choose the best epoch; no label of the test
    /// set is read.
    ///
    /// # Errors
    /// If the recipe doesn't fit: more pictures held out than there are, a batch that is never filled.
    fn training(&self, recipe: &Recipe, options: &Options) -> Result<TrainingFeeds, Error>;

    /// How many test pictures there are.
    fn test_pictures(&self) -> usize;

    /// The test pictures in their order, as they are; it counts as a reading of their labels.
    ///
    /// # Errors
    /// If they can't be read.
    fn test(&self, recipe: &Recipe, options: &Options) -> Result<Box<dyn Feed>, Error>;

    /// How often the test pictures' labels were handed out.
    fn test_reads(&self) -> u64;
}

/// Tells data sets apart, wherever they lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataIdentity {
    /// Of the classes' names in the order of their labels: what a label means.
    pub classes: u64,
    /// Of the pictures to train on and their labels, as far as they decide what a step is shown.
    pub pictures: u64,
}

impl DataIdentity {
    /// From the classes' names, and what adds the pictures.
    pub fn of(classes: &[String], pictures: impl FnOnce(&mut Fingerprint)) -> Self {
        let (mut names, mut shown) = (Fingerprint::default(), Fingerprint::default());
        classes.iter().for_each(|name| names.add(name.as_bytes()));
        pictures(&mut shown);
        DataIdentity { classes: names.get(), pictures: shown.get() }
    }
}

/// The pictures of a training.
#[derive(Debug)]
pub struct TrainingFeeds {
    /// Height and width of the images that are trained on.
    pub size: [usize; 2],
    /// Those that are trained on: in a new order each epoch, augmented.
    pub train: Box<dyn Feed>,
    /// Those that were held out of them, as they are.
    pub validation: Option<Box<dyn Feed>>,
}

impl TrainingData for Dataset {
    fn origin(&self) -> &str {
        &self.origin
    }

    fn classes(&self) -> usize {
        self.train.classes().len()
    }

    fn identity(&self) -> DataIdentity {
        DataIdentity::of(self.train.classes(), |fingerprint| self.train.add_to(fingerprint))
    }

    fn training(&self, recipe: &Recipe, options: &Options) -> Result<TrainingFeeds, Error> {
        let (train, validation) = match recipe.data.validation {
            0 => (self.train.clone(), None),
            count => {
                let seed = recipe.data.split_seed;
                let split = stratified_split(self.train.labels(), self.train.classes().len(), count, seed)?;
                (self.train.subset(&split.0), Some(Arc::new(self.train.subset(&split.1))))
            }
        };
        let config = LoaderConfig {
            batch: recipe.train.batch_size,
            seed: recipe.train.seed,
            augmentation: augmentation(recipe),
            normalisation: normalisation(recipe),
            order: Order::Shuffled,
            last_batch: last_batch(recipe),
            workers: options.workers,
            prefetch: options.prefetch,
        };
        let train = Loader::new(Arc::new(train), config)?;
        let validation = validation.map(|set| Loader::new(set, as_they_are(recipe, options))).transpose()?;
        Ok(TrainingFeeds {
            size: [self.train.height(), self.train.width()],
            train: Box::new(train),
            validation: validation.map(|loader| Box::new(loader) as Box<dyn Feed>),
        })
    }

    fn test_pictures(&self) -> usize {
        self.test.len()
    }

    fn test(&self, recipe: &Recipe, options: &Options) -> Result<Box<dyn Feed>, Error> {
        Ok(Box::new(Loader::new(self.test.read_shared(), as_they_are(recipe, options))?))
    }

    fn test_reads(&self) -> u64 {
        self.test.reads()
    }
}

pub(crate) fn normalisation(recipe: &Recipe) -> Normalisation {
    Normalisation {
        mean: recipe.data.mean.map(|mean| mean as f32),
        std: recipe.data.std.map(|std| std as f32),
    }
}

pub(crate) fn last_batch(recipe: &Recipe) -> LastBatch {
    match recipe.train.last_batch {
        resnet_record::LastBatch::Keep => LastBatch::Keep,
        resnet_record::LastBatch::Drop => LastBatch::Drop,
    }
}

pub(crate) fn flip(recipe: &Recipe) -> Flip {
    match recipe.augmentation.flip {
        resnet_record::Flip::None => Flip::Never,
        resnet_record::Flip::Horizontal => Flip::Half,
    }
}

/// In order, without augmentation.
fn as_they_are(recipe: &Recipe, options: &Options) -> LoaderConfig {
    let config = LoaderConfig::evaluation(recipe.train.batch_size, normalisation(recipe));
    LoaderConfig { workers: options.workers, ..config }
}

fn augmentation(recipe: &Recipe) -> Augmentation {
    match (recipe.augmentation.pad_crop, flip(recipe)) {
        (0, Flip::Never) => Augmentation::None,
        (padding, flip) => Augmentation::PadCropFlip { padding, flip },
    }
}
