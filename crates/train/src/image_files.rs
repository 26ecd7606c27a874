//! Images in files as the trainer's data.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use resnet_data::sources::{FileSet, Split};
use resnet_data::{Feed, FileLoader, FileTransform, LoaderConfig, OnBroken, Transform, stratified_split};
use resnet_record::Recipe;

use crate::data::{DataIdentity, TrainingData, TrainingFeeds, count, evaluation_config};
use crate::{Error, Options, recipe};

/// A data set whose images stay in files while a network is trained on them.
#[derive(Debug)]
pub struct ImageFiles {
    set: FileSet,
    on_broken: OnBroken,
    reads: AtomicU64,
}

impl ImageFiles {
    /// `set`, whose broken samples are treated as `on_broken` says.
    pub fn new(set: FileSet, on_broken: OnBroken) -> Self {
        ImageFiles { set, on_broken, reads: AtomicU64::new(0) }
    }

    /// What was opened.
    pub fn set(&self) -> &FileSet {
        &self.set
    }

    /// What is done about broken samples.
    pub fn on_broken(&self) -> OnBroken {
        self.on_broken
    }

    /// What is done to an image for an evaluation.
    fn eval_transform(&self, recipe: &Recipe) -> Result<FileTransform, Error> {
        Ok(FileTransform {
            transform: Transform::Eval(recipe::eval_transform(recipe).ok_or_else(|| missing(recipe))?),
            orientation: recipe::orientation(recipe).ok_or_else(|| missing(recipe))?,
            on_broken: self.on_broken,
        })
    }
}

impl TrainingData for ImageFiles {
    fn origin(&self) -> &str {
        &self.set.origin
    }

    fn classes(&self) -> usize {
        self.set.classes.len()
    }

    fn class_counts(&self) -> Vec<u64> {
        let index = self.set.train.index();
        count(index.usable().map(|record| index.labels()[record]), self.classes())
    }

    fn class_names(&self) -> Vec<String> {
        self.set.classes.to_vec()
    }

    fn identity(&self) -> DataIdentity {
        DataIdentity::of(&self.set.classes, |fingerprint| self.set.train.index().add_to(fingerprint))
    }

    fn training(&self, recipe: &Recipe, options: &Options) -> Result<TrainingFeeds, Error> {
        if self.set.split != Split::Train {
            let (origin, split) = (&self.set.origin, self.set.split);
            return Err(Error::Setup(format!(
                "{origin} holds only a {split} split; add images to train on, in a folder or files called train"
            )));
        }
        let index = self.set.train.index();
        let (train, validation) = match recipe.data.validation {
            0 => (None, None),
            count => {
                // Of all records: a list of samples to skip moves no other one between the parts.
                let split = stratified_split(index.labels(), self.classes(), count, recipe.data.split_seed)?;
                let usable = |records: Vec<usize>| -> Vec<u32> {
                    let usable = records.into_iter().filter(|&record| !index.is_skipped(record));
                    usable.map(|record| record as u32).collect()
                };
                (Some(usable(split.0)), Some(usable(split.1)))
            }
        };
        let train_transform = recipe::train_transform(recipe).ok_or_else(|| missing(recipe))?;
        let size = [train_transform.side; 2];
        let (eval, evaluation) = (self.eval_transform(recipe)?, evaluation_config(recipe, options));
        let transform = Transform::Train(train_transform, recipe::normalisation(recipe));
        let how = FileTransform { transform, ..eval.clone() };
        let config = LoaderConfig {
            batch: recipe.train.batch_size,
            seed: recipe.train.seed,
            order: recipe::order(recipe),
            last_batch: recipe::last_batch(recipe),
            ..evaluation
        };
        let source = || Arc::clone(&self.set.train);
        let train = FileLoader::new(source(), train, how, config)?;
        let validation = validation
            .map(|records| FileLoader::new(source(), Some(records), eval, evaluation))
            .transpose()?;
        Ok(TrainingFeeds {
            size,
            train: Box::new(train),
            validation: validation.map(|loader| Box::new(loader) as Box<dyn Feed>),
        })
    }

    fn test_images(&self) -> usize {
        self.set.evaluation.as_ref().map_or(0, |source| source.index().len() - source.index().skipped())
    }

    fn test(&self, recipe: &Recipe, options: &Options) -> Result<Box<dyn Feed>, Error> {
        let Some(source) = &self.set.evaluation else {
            return Err(Error::Setup(format!("{} has no images for evaluation", self.set.origin)));
        };
        self.reads.fetch_add(1, Relaxed);
        let (how, config) = (self.eval_transform(recipe)?, evaluation_config(recipe, options));
        Ok(Box::new(FileLoader::new(Arc::clone(source), None, how, config)?))
    }

    fn test_reads(&self) -> u64 {
        self.reads.load(Relaxed)
    }
}

fn missing(recipe: &Recipe) -> Error {
    Error::Setup(format!("recipe '{}' has no [images] section, which has their transforms", recipe.name))
}
