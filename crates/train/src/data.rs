//! What the trainer asks of a data set, wherever its images are.

use std::sync::Arc;

use resnet_data::{DataLoader, Dataset, Feed, Fingerprint, ImageSet, LoaderConfig, stratified_split};
use resnet_record::Recipe;
use resnet_vision::Augmentation;

use serde::{Deserialize, Serialize};

use crate::{Error, Options, recipe};

/// A data set that can be trained on by a recipe.
pub trait TrainingData: Sync {
    /// Where it came from, for messages and the run's record.
    fn origin(&self) -> &str;

    /// How many classes it has.
    fn classes(&self) -> usize;

    /// How many training images each class has, those held out included.
    fn class_counts(&self) -> Vec<u64>;

    /// The classes' names in the order of their labels; their numbers, if they have none.
    fn class_names(&self) -> Vec<String> {
        (0..self.classes()).map(|class| class.to_string()).collect()
    }

    /// What a resumed training compares to notice that its data have changed.
    fn identity(&self) -> DataIdentity;

    /// The images to train on, and those held out of them to choose the best epoch; no label of the test set
    /// is read.
    ///
    /// # Errors
    /// If the recipe doesn't fit: more images held out than there are, a batch that is never filled.
    fn training(&self, recipe: &Recipe, options: &Options) -> Result<TrainingFeeds, Error>;

    /// The number of test images.
    fn test_images(&self) -> usize;

    /// The test images in their order, without augmentation; this counts as a reading of their labels.
    ///
    /// # Errors
    /// If they can't be read.
    fn test(&self, recipe: &Recipe, options: &Options) -> Result<Box<dyn Feed>, Error>;

    /// How often the test labels were handed out.
    fn test_reads(&self) -> u64;
}

/// Fingerprints that tell data sets apart, wherever their files lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataIdentity {
    /// The fingerprint of the classes' names in the order of their labels: what a label means.
    pub classes: u64,
    /// The fingerprint of the training images and their labels, as far as they decide what a step sees.
    #[serde(alias = "pictures")] // its name in older checkpoints
    pub images: u64,
}

impl DataIdentity {
    /// The identity of a data set with these classes; `images` adds its images to a fingerprint.
    pub fn of(classes: &[String], images: impl FnOnce(&mut Fingerprint)) -> Self {
        let (mut names, mut shown) = (Fingerprint::default(), Fingerprint::default());
        classes.iter().for_each(|name| names.add(name.as_bytes()));
        images(&mut shown);
        DataIdentity { classes: names.get(), images: shown.get() }
    }
}

/// The images of a training.
#[derive(Debug)]
pub struct TrainingFeeds {
    /// Height and width of the images that are trained on.
    pub size: [usize; 2],
    /// The training images: augmented, in a new order each epoch.
    pub train: Box<dyn Feed>,
    /// The images held out of them, without augmentation.
    pub validation: Option<Box<dyn Feed>>,
}

impl TrainingData for Dataset {
    fn origin(&self) -> &str {
        &self.origin
    }

    fn classes(&self) -> usize {
        self.train.classes().len()
    }

    fn class_counts(&self) -> Vec<u64> {
        count(self.train.labels().iter().copied(), self.train.classes().len())
    }

    fn class_names(&self) -> Vec<String> {
        self.train.classes().to_vec()
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
            order: recipe::order(recipe),
            last_batch: recipe::last_batch(recipe),
            workers: options.workers,
            prefetch: options.prefetch,
            rank: options.processes.rank(),
            ..LoaderConfig::training(recipe.train.batch_size, recipe.train.seed)
        };
        let how = (recipe::augmentation(recipe), recipe::normalisation(recipe));
        let train = DataLoader::new(Arc::new(train), how, config)?;
        let validation = validation.map(|set| as_they_are(set, recipe, options)).transpose()?;
        Ok(TrainingFeeds {
            size: [self.train.height(), self.train.width()],
            train: Box::new(train),
            validation: validation.map(|loader| Box::new(loader) as Box<dyn Feed>),
        })
    }

    fn test_images(&self) -> usize {
        self.test.len()
    }

    fn test(&self, recipe: &Recipe, options: &Options) -> Result<Box<dyn Feed>, Error> {
        Ok(Box::new(as_they_are(self.test.read_shared(), recipe, options)?))
    }

    fn test_reads(&self) -> u64 {
        self.test.reads()
    }
}

/// How images are loaded for an evaluation: in their order, and each process evaluates images of its own, in
/// batches of the size of its part of a training batch, for which it has the memory.
pub(crate) fn evaluation_config(recipe: &Recipe, options: &Options) -> LoaderConfig {
    let rank = options.processes.rank();
    LoaderConfig {
        workers: options.workers,
        prefetch: options.prefetch,
        rank,
        ..LoaderConfig::evaluation(recipe.train.batch_size.div_ceil(rank.world_size))
    }
}

/// How often each of `classes` labels occurs.
pub(crate) fn count(labels: impl Iterator<Item = u32>, classes: usize) -> Vec<u64> {
    let mut counts = vec![0; classes];
    labels.for_each(|label| counts.get_mut(label as usize).into_iter().for_each(|count| *count += 1));
    counts
}

/// A loader of `set` in its order, without augmentation.
fn as_they_are(set: Arc<ImageSet>, recipe: &Recipe, options: &Options) -> Result<DataLoader, Error> {
    let how = (Augmentation::None, recipe::normalisation(recipe));
    Ok(DataLoader::new(set, how, evaluation_config(recipe, options))?)
}
