//! A recipe and a data set turned into numbers: how many steps, over which images, at which rates.

use std::sync::Arc;

use resnet_data::{
    Augmentation, Dataset, Flip, ImageSet, LastBatch, Loader, LoaderConfig, Normalisation, Order,
    stratified_split,
};
use resnet_record::{EpochSize, Recipe, Selection};

use crate::{Error, Options, Schedule};

/// What a training is going to do, for whoever wants to print it before it begins.
///
/// ```
/// use resnet_record::Recipe;
/// use resnet_train::Plan;
/// # let text = include_str!("../../../xtask/recipes/quick-start.toml");
/// let mut recipe = Recipe::parse(text, "quick-start.toml")?;
/// recipe.set_all(&["train.duration=3 epochs", "train.batch=64", "data.validation=40"])?;
/// let plan = Plan::new(&recipe, &resnet_data::generated::shapes(200, 50, 0))?;
/// assert_eq!((plan.train_images, plan.validation_images, plan.test_images), (160, 40, 50));
/// assert_eq!((plan.steps_per_epoch, plan.steps, plan.epochs), (3, 9, 3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Steps of the whole training.
    pub steps: u64,
    /// Steps of one epoch.
    pub steps_per_epoch: u64,
    /// Epochs begun; the last may be a part of one.
    pub epochs: u64,
    /// Images of one step; an epoch's last may have fewer.
    pub batch: usize,
    /// Images trained on.
    pub train_images: usize,
    /// Images held out of the training set to choose the best epoch.
    pub validation_images: usize,
    /// Test images.
    pub test_images: usize,
    /// How the reported weights will be chosen.
    pub selection: Selection,
    /// The rate of every step.
    pub schedule: Schedule,
    /// Steps that a resumed training has behind it; 0 for a fresh one.
    pub done: u64,
}

impl Plan {
    /// The plan of a fresh training.
    ///
    /// # Errors
    /// If the recipe does not fit the data: another number of classes, more validation images than there are, a batch that
    /// is never filled.
    pub fn new(recipe: &Recipe, data: &Dataset) -> Result<Plan, Error> {
        Ok(prepare(recipe, data, &Options::default())?.plan)
    }
}

/// The plan with the images it is about.
pub(crate) struct Prepared {
    pub(crate) plan: Plan,
    pub(crate) train: Loader,
    pub(crate) validation: Option<Arc<ImageSet>>,
    pub(crate) normalisation: Normalisation,
}

/// Splits the data and counts steps; no label of the test set is read.
pub(crate) fn prepare(recipe: &Recipe, data: &Dataset, options: &Options) -> Result<Prepared, Error> {
    recipe.validate()?;
    let classes = data.train.classes().len();
    if recipe.classes() != classes {
        return Err(Error::Setup(format!(
            "recipe '{}' is for {} classes, but {} has {classes}; use a recipe for this data set",
            recipe.name,
            recipe.classes(),
            data.origin
        )));
    }
    let (train, validation) = match recipe.data.validation {
        0 => (data.train.clone(), None),
        count => {
            let split = stratified_split(data.train.labels(), classes, count, recipe.data.split_seed)?;
            (data.train.subset(&split.0), Some(Arc::new(data.train.subset(&split.1))))
        }
    };
    let normalisation = Normalisation {
        mean: recipe.data.mean.map(|mean| mean as f32),
        std: recipe.data.std.map(|std| std as f32),
    };
    let train = Loader::new(
        Arc::new(train),
        LoaderConfig {
            batch: recipe.train.batch,
            seed: recipe.train.seed,
            augmentation: augmentation(recipe),
            normalisation,
            order: Order::Shuffled,
            last_batch: match recipe.train.last_batch {
                resnet_record::LastBatch::Keep => LastBatch::Keep,
                resnet_record::LastBatch::Drop => LastBatch::Drop,
            },
            workers: options.workers,
            prefetch: options.prefetch,
        },
    )?;
    let epoch =
        EpochSize { images: train.images_per_epoch() as u64, steps: train.batches_per_epoch() as u64 };
    let steps = recipe.train.duration.steps(epoch);
    let plan = Plan {
        steps,
        steps_per_epoch: epoch.steps,
        epochs: steps.div_ceil(epoch.steps),
        batch: recipe.train.batch,
        train_images: train.set().len(),
        validation_images: validation.as_ref().map_or(0, |set| set.len()),
        test_images: data.test.len(),
        selection: Selection::of(recipe),
        schedule: Schedule::new(&recipe.schedule, steps, epoch),
        done: 0,
    };
    Ok(Prepared { plan, train, validation, normalisation })
}

fn augmentation(recipe: &Recipe) -> Augmentation {
    let flip = match recipe.augmentation.flip {
        resnet_record::Flip::None => Flip::Never,
        resnet_record::Flip::Horizontal => Flip::Half,
    };
    match (recipe.augmentation.pad_crop, flip) {
        (0, Flip::Never) => Augmentation::None,
        (padding, flip) => Augmentation::PadCropFlip { padding, flip },
    }
}
