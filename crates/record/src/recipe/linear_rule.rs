//! The linear scaling rule (arXiv 1706.02677): k times the batch size takes k times the learning rate, which
//! a warm-up reaches gradually.

use super::{ScheduleRecipe, WarmupFrom, WarmupKind, WarmupRecipe};
use crate::{Duration, Error, Recipe, Warmup};

/// Epochs of the rule's warm-up.
const WARMUP_EPOCHS: u64 = 5;
/// The most of a training that this warm-up takes, in percent.
const WARMUP_PERCENT: f64 = 25.0;

impl Recipe {
    /// Sets the batch size, and multiplies every learning rate by the same factor. Durations in steps become
    /// durations in images, so that they last as long as before. Where the rate grows and the recipe has no
    /// warm-up, it gets one: a linear rise from the old rate over five epochs, or over a quarter of a
    /// training that is shorter than 20 epochs. A one-cycle schedule keeps its own rise.
    ///
    /// A published expectation (`paper`, `expected_error`) is dropped unless the batch size stays.
    ///
    /// ```
    /// use resnet_record::Recipe;
    /// let mut recipe = Recipe::built_in("cifar10-resnet20-v1").expect("a built-in recipe");
    /// let before = recipe.schedule.lr();
    /// recipe.scale_to_batch(512)?;
    /// assert_eq!((recipe.train.batch_size, recipe.schedule.lr()), (512, 4.0 * before));
    /// # Ok::<(), resnet_record::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Inconsistent`] if `batch_size` is 0; the recipe is then as before.
    pub fn scale_to_batch(&mut self, batch_size: usize) -> Result<(), Error> {
        if batch_size == self.train.batch_size {
            return Ok(());
        }
        let mut scaled = self.clone();
        let step_images = (self.train.batch_size as u64).saturating_mul(self.train.grad_accum_steps);
        let factor = batch_size as f64 / self.train.batch_size as f64;
        scaled.train.batch_size = batch_size;
        scaled.train.duration = in_images(self.train.duration, step_images);
        scaled.schedule.each_rate(|rate| *rate *= factor);
        scaled.schedule.each_duration(|duration| *duration = in_images(*duration, step_images));
        if factor > 1.0
            && let Some(warmup @ None) = scaled.schedule.warmup_mut()
        {
            let (lr, duration) = (self.schedule.lr(), self.rule_warmup());
            *warmup = Some(WarmupRecipe::From(WarmupFrom { lr, duration, kind: WarmupKind::Linear }));
        }
        (scaled.paper, scaled.expected_error) = (None, None);
        scaled.validate()?;
        *self = scaled;
        Ok(())
    }

    /// The rule's warm-up for a training of this length, as far as the recipe tells it: the number of images
    /// in files is not known here.
    fn rule_warmup(&self) -> Warmup {
        let epochs = |duration: Duration| match duration {
            Duration::Epochs(epochs) => Some(epochs as f64),
            other => {
                let epoch = self.epoch_size(None)?;
                Some(other.steps(epoch) as f64 / epoch.steps as f64)
            }
        };
        match epochs(self.train.duration) {
            Some(epochs) if epochs * WARMUP_PERCENT < 100.0 * WARMUP_EPOCHS as f64 => {
                Warmup::Percent(WARMUP_PERCENT)
            }
            _ => Warmup::For(Duration::Epochs(WARMUP_EPOCHS)),
        }
    }
}

/// A duration in steps as one in images; any other as it is.
fn in_images(duration: Duration, step_images: u64) -> Duration {
    match duration {
        Duration::Steps(steps) => Duration::Images(steps.saturating_mul(step_images)),
        other => other,
    }
}

impl ScheduleRecipe {
    fn warmup_mut(&mut self) -> Option<&mut Option<WarmupRecipe>> {
        match self {
            ScheduleRecipe::Constant { warmup, .. }
            | ScheduleRecipe::MultiStep { warmup, .. }
            | ScheduleRecipe::Cosine { warmup, .. }
            | ScheduleRecipe::Polynomial { warmup, .. }
            | ScheduleRecipe::Exponential { warmup, .. } => Some(warmup),
            ScheduleRecipe::OneCycle { .. } => None,
        }
    }

    fn each_rate(&mut self, mut change: impl FnMut(&mut f64)) {
        if let Some(Some(WarmupRecipe::From(from))) = self.warmup_mut() {
            change(&mut from.lr);
        }
        match self {
            ScheduleRecipe::Cosine { lr, min_lr, .. } | ScheduleRecipe::Polynomial { lr, min_lr, .. } => {
                change(lr);
                change(min_lr);
            }
            ScheduleRecipe::Constant { lr, .. }
            | ScheduleRecipe::MultiStep { lr, .. }
            | ScheduleRecipe::OneCycle { lr, .. }
            | ScheduleRecipe::Exponential { lr, .. } => change(lr),
        }
    }

    fn each_duration(&mut self, mut change: impl FnMut(&mut Duration)) {
        if let Some(Some(
            WarmupRecipe::Rise(Warmup::For(duration))
            | WarmupRecipe::From(WarmupFrom { duration: Warmup::For(duration), .. }),
        )) = self.warmup_mut()
        {
            change(duration);
        }
        match self {
            ScheduleRecipe::MultiStep { milestones, .. } => milestones.iter_mut().for_each(change),
            ScheduleRecipe::Cosine { cycle: Some(duration), .. }
            | ScheduleRecipe::Exponential { decay_every: duration, .. }
            | ScheduleRecipe::OneCycle { warmup: Warmup::For(duration), .. } => change(duration),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaled(name: &str, batch_size: usize) -> Recipe {
        let mut recipe = Recipe::built_in(name).unwrap();
        recipe.scale_to_batch(batch_size).unwrap();
        recipe
    }

    #[test]
    fn rates_grow_with_the_batch_and_times_stay() {
        // The paper's: 64k steps of 128 images, 0.01 for the first 400.
        let recipe = scaled("cifar10-resnet110-v1", 512);
        assert_eq!(recipe.train.duration, Duration::Images(64_000 * 128));
        assert_eq!(recipe.schedule.lr(), 0.4);
        let Some(WarmupRecipe::From(from)) = recipe.schedule.warmup() else { panic!("{recipe:?}") };
        assert_eq!((from.lr, from.duration), (0.04, Warmup::For(Duration::Images(400 * 128))));
        let ScheduleRecipe::MultiStep { milestones, .. } = &recipe.schedule else { panic!("{recipe:?}") };
        assert_eq!(milestones, &[Duration::Images(32_000 * 128), Duration::Images(48_000 * 128)]);
    }

    #[test]
    fn a_recipe_of_another_batch_is_not_the_published_one() {
        let published = |recipe: &Recipe| (recipe.paper.is_some(), recipe.expected_error.is_some());
        assert_eq!(published(&scaled("cifar10-resnet110-v2", 128)), (true, true));
        for batch in [64, 512] {
            assert_eq!(published(&scaled("cifar10-resnet110-v2", batch)), (false, false), "{batch}");
        }
    }

    #[test]
    fn a_short_training_has_a_short_warmup() {
        for (duration, expected) in [
            ("20 epochs", Warmup::For(Duration::Epochs(5))),
            ("19 epochs", Warmup::Percent(25.0)),
            ("2 epochs", Warmup::Percent(25.0)),
            ("1M images", Warmup::For(Duration::Epochs(5))),
            ("999k images", Warmup::Percent(25.0)),
            ("3910 steps", Warmup::Percent(25.0)),
        ] {
            let mut recipe = Recipe::built_in("cifar10-resnet20-v2").unwrap();
            let schedule = "schedule={kind=\"cosine\",lr=0.1}";
            let duration_set = format!("train.duration={duration}");
            recipe.set_all(&[schedule, duration_set.as_str()]).unwrap();
            recipe.scale_to_batch(256).unwrap();
            let Some(WarmupRecipe::From(from)) = recipe.schedule.warmup() else { panic!("{recipe:?}") };
            assert_eq!(from.duration, expected, "{duration}");
        }
    }

    #[test]
    fn a_rate_that_grows_without_a_warmup_gets_one() {
        let before = Recipe::built_in("imagenet-resnet50-v2").unwrap();
        assert_eq!((before.schedule.warmup(), before.train.batch_size), (None, 256));
        let rise =
            WarmupFrom { lr: 0.1, duration: Warmup::For(Duration::Epochs(5)), kind: WarmupKind::Linear };
        let larger = scaled("imagenet-resnet50-v2", 1024);
        assert_eq!((larger.schedule.warmup(), larger.schedule.lr()), (Some(WarmupRecipe::From(rise)), 0.4));
        let smaller = scaled("imagenet-resnet50-v2", 128);
        assert_eq!((smaller.schedule.warmup(), smaller.schedule.lr()), (None, 0.05));
        assert_eq!(scaled("imagenet-resnet50-v2", 256), before);
        assert!(before.clone().scale_to_batch(0).is_err());
    }
}
