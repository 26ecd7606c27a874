//! A recipe and a data set turned into numbers: how many steps, over which images, at which rates.

use resnet_record::{EpochSize, EvaluateTest, Recipe, Selection};

use crate::data::{TrainingData, TrainingFeeds};
use crate::{Classifier, Error, Options, Schedule};

/// What a training is going to do; it can be printed before the training begins.
///
/// ```
/// use resnet_record::Recipe;
/// use resnet_train::TrainingPlan;
/// # let text = include_str!("../../record/recipes/quick-start.toml");
/// let mut recipe = Recipe::parse(text, "quick-start.toml")?;
/// recipe.set_all(&["train.duration=3 epochs", "train.batch_size=64", "data.validation=40"])?;
/// let plan = TrainingPlan::new(&recipe, &resnet_data::generated::shapes(200, 50, 0))?;
/// assert_eq!((plan.train_images, plan.validation_images, plan.test_images), (160, 40, 50));
/// assert_eq!((plan.steps_per_epoch, plan.steps, plan.epochs), (3, 9, 3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingPlan {
    /// Steps of the whole training.
    pub steps: u64,
    /// Steps of one epoch.
    pub steps_per_epoch: u64,
    /// Batches of one step; an epoch's last step may have fewer.
    pub grad_accum_steps: u64,
    /// Batches of one epoch.
    pub batches_per_epoch: u64,
    /// Epochs begun; the last may be a part of one.
    pub epochs: u64,
    /// Images of one batch; an epoch's last may have fewer.
    pub batch: usize,
    /// Images of the smallest batch.
    pub smallest_batch: usize,
    /// The processes that share each batch.
    pub processes: usize,
    /// Whether their batch norms normalise by the statistics of the whole batch.
    pub shares_statistics: bool,
    /// Height and width of the images that are trained on.
    pub size: [usize; 2],
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
    /// Steps that were done before the training was resumed; 0 for a fresh one.
    pub done: u64,
}

impl TrainingPlan {
    /// The plan of a fresh training.
    ///
    /// # Errors
    /// If the recipe does not fit the data: another number of classes, more validation images than there are,
    /// a batch that is never filled.
    pub fn new(recipe: &Recipe, data: &dyn TrainingData) -> Result<TrainingPlan, Error> {
        Ok(prepare(recipe, data, &Options::default())?.plan)
    }

    /// Batches of an epoch before its `step`-th step, counted from 0.
    pub(crate) fn batches_before(&self, step: u64) -> u64 {
        step * self.grad_accum_steps
    }

    /// Batches of an epoch's `step`-th step, counted from 0: its last has what is left.
    pub(crate) fn batches_of(&self, step: u64) -> u64 {
        self.grad_accum_steps.min(self.batches_per_epoch.saturating_sub(self.batches_before(step)))
    }

    /// Whether `model` can be trained on each of the batches; returns the fewest images that it needs.
    ///
    /// # Errors
    /// [`Error::BatchTooSmall`] if not, or [`Error::PartTooSmall`] if a process's part of one is too small.
    pub fn check(&self, model: &dyn Classifier) -> Result<usize, Error> {
        let TrainingPlan { smallest_batch: images, batch, train_images, size, processes, .. } = *self;
        let fewest = model.fewest_images(size).map_err(Error::compute("laying out the network"))?.max(1);
        if images < fewest {
            return Err(Error::BatchTooSmall { images, batch, train_images, fewest, size });
        }
        // Where processes share batch norm's statistics, one image is enough for a process.
        let of_part = if self.shares_statistics { 1 } else { fewest };
        match images / processes < of_part {
            true => Err(Error::PartTooSmall { processes, images, fewest: of_part }),
            false => Ok(of_part),
        }
    }
}

/// The plan, with the images to train on.
pub(crate) struct Prepared {
    pub(crate) plan: TrainingPlan,
    pub(crate) feeds: TrainingFeeds,
}

/// Splits the data and counts steps; no label of the test set is read.
pub(crate) fn prepare(
    recipe: &Recipe,
    data: &dyn TrainingData,
    options: &Options,
) -> Result<Prepared, Error> {
    recipe.validate()?;
    let classes = data.classes();
    if let Some(wanted) = recipe.classes().filter(|wanted| *wanted != classes) {
        return Err(Error::Setup(format!(
            "recipe '{}' is for {wanted} classes, but {} has {classes}; use a recipe for this data set",
            recipe.name,
            data.origin()
        )));
    }
    if classes < 2 {
        return Err(Error::Setup(format!(
            "{} has only one class; a network learns to tell classes apart, so training needs at least two",
            data.origin()
        )));
    }
    let feeds = data.training(recipe, options)?;
    if data.test_images() == 0 && recipe.train.evaluate_test != EvaluateTest::Never {
        return Err(Error::Setup(format!(
            "{} has no images for evaluation, a folder or files called val; add them, or set train.evaluate_test=never",
            data.origin()
        )));
    }
    let TrainingFeeds { size, train, validation } = &feeds;
    let (batches, each) = (train.batches_per_epoch() as u64, recipe.train.grad_accum_steps);
    let epoch = EpochSize { images: train.images_per_epoch() as u64, steps: batches.div_ceil(each) };
    let steps = recipe.train.duration.steps(epoch);
    let batch = recipe.train.batch_size;
    // The size of an epoch's last batch; a training may end before it reaches one.
    let rest = train.images_per_epoch() % batch;
    let processes = options.processes.rank().world_size;
    let plan = TrainingPlan {
        steps,
        steps_per_epoch: epoch.steps,
        grad_accum_steps: each,
        batches_per_epoch: batches,
        epochs: steps.div_ceil(epoch.steps),
        batch,
        processes,
        shares_statistics: recipe.train.sync_bn && processes > 1,
        smallest_batch: if rest == 0 || steps < epoch.steps { batch } else { rest },
        size: *size,
        train_images: train.images(),
        validation_images: validation.as_ref().map_or(0, |feed| feed.images()),
        test_images: data.test_images(),
        selection: Selection::of(recipe),
        schedule: Schedule::new(&recipe.schedule, steps, epoch),
        done: 0,
    };
    Ok(Prepared { plan, feeds })
}
