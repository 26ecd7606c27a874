//! The linear scaling rule (arXiv 1706.02677): k times the batch size takes k times the learning rate, which
//! a warm-up reaches gradually.

use super::{ScheduleRecipe, WarmupFrom, WarmupKind, WarmupRecipe};
use crate::{Duration, Error, Recipe, Warmup};

/// The warm-up of the rule.
const WARMUP: Duration = Duration::Epochs(5);

impl Recipe {
    /// Sets the batch size, and multiplies every learning rate by the same factor. Durations in steps become
    /// durations in images, so that they last as long as before. Where the rate grows and the recipe has no
    /// warm-up, it gets one: a linear rise from the old rate over five epochs.
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
            let (lr, duration) = (self.schedule.lr(), Warmup::For(WARMUP));
            *warmup = Some(WarmupRecipe::From(WarmupFrom { lr, duration, kind: WarmupKind::Linear }));
        }
        scaled.validate()?;
        *self = scaled;
        Ok(())
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
    fn a_rate_that_grows_without_a_warmup_gets_one() {
        let before = Recipe::built_in("imagenet-resnet50-v2").unwrap();
        assert_eq!((before.schedule.warmup(), before.train.batch_size), (None, 256));
        let rise = WarmupFrom { lr: 0.1, duration: Warmup::For(WARMUP), kind: WarmupKind::Linear };
        let larger = scaled("imagenet-resnet50-v2", 1024);
        assert_eq!((larger.schedule.warmup(), larger.schedule.lr()), (Some(WarmupRecipe::From(rise)), 0.4));
        let smaller = scaled("imagenet-resnet50-v2", 128);
        assert_eq!((smaller.schedule.warmup(), smaller.schedule.lr()), (None, 0.05));
        assert_eq!(scaled("imagenet-resnet50-v2", 256), before);
        assert!(before.clone().scale_to_batch(0).is_err());
    }
}
