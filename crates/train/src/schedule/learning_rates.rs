//! A recipe's learning rates over the whole training, without its data.

use resnet_record::Recipe;
use serde::Serialize;

use crate::Schedule;

/// The rate of every step of a recipe's training.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LearningRates {
    /// The recipe's name.
    pub recipe: String,
    /// The schedule's kind.
    pub kind: &'static str,
    /// Steps of the whole training.
    pub steps: u64,
    /// Steps of one epoch.
    pub steps_per_epoch: u64,
    /// Images trained on in one epoch.
    pub images_per_epoch: u64,
    /// Images per step, over all of its batches.
    pub batch_size: usize,
    /// The rates, by step.
    pub rates: Vec<f64>,
    /// As of [`Schedule::warning`].
    #[serde(skip)]
    pub warning: Option<String>,
}

impl LearningRates {
    /// The recipe's rates on its own data set, or on `images` training images in files; `None` if that
    /// number is needed and not given.
    ///
    /// ```
    /// let recipe = resnet_record::Recipe::built_in("cifar10-resnet110-v2").expect("a built-in recipe");
    /// use resnet_train::LearningRates;
    /// let rates = LearningRates::of(&recipe, None).expect("the images of CIFAR-10 are counted");
    /// assert_eq!((rates.steps, rates.steps_per_epoch, rates.highest()), (64_000, 391, (400, 0.1)));
    /// ```
    pub fn of(recipe: &Recipe, images: Option<u64>) -> Option<LearningRates> {
        let epoch = recipe.epoch_size(images)?;
        let steps = recipe.train.duration.steps(epoch);
        let schedule = Schedule::new(&recipe.schedule, steps, epoch);
        Some(LearningRates {
            recipe: recipe.name.clone(),
            kind: recipe.schedule.kind(),
            steps,
            steps_per_epoch: epoch.steps,
            images_per_epoch: epoch.images,
            batch_size: recipe.train.batch_size.saturating_mul(recipe.train.grad_accum_steps as usize),
            rates: (0..steps).map(|step| schedule.rate(step)).collect(),
            warning: schedule.warning(),
        })
    }

    /// The highest rate, and the first step that has it.
    pub fn highest(&self) -> (usize, f64) {
        let higher = |best: (usize, f64), one: (usize, f64)| if one.1 > best.1 { one } else { best };
        self.rates.iter().copied().enumerate().fold((0, 0.0), higher)
    }
}
