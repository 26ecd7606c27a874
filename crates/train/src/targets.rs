//! What a step is trained towards: labels, or probabilities where images are mixed and labels smoothed.

use resnet_record::Recipe;
use resnet_vision::{Batch, Mix};

use crate::step::loss::{Target, one_hot};
use crate::{Error, recipe};

/// How a recipe turns labels into targets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Targets {
    mix: Option<Mix>,
    smoothing: f32,
    classes: usize,
    seed: u64,
}

impl Targets {
    pub(crate) fn of(recipe: &Recipe, classes: usize) -> Self {
        let smoothing = recipe.augmentation.label_smoothing as f32;
        Targets { mix: recipe::mix(recipe), smoothing, classes, seed: recipe.train.seed }
    }

    /// Whether images are mixed.
    pub(crate) fn mixes(&self) -> bool {
        self.mix.is_some()
    }

    /// Mixes the images of `batch`, the `number`-th of `epoch`; returns what they are trained towards: their
    /// labels alone if the recipe neither mixes images nor smooths labels.
    ///
    /// A function of seed, epoch and number alone, so that a training that resumes sees the same.
    pub(crate) fn apply(&self, batch: &mut Batch, epoch: u64, number: u64) -> Result<Target, Error> {
        let Targets { mix, smoothing, classes, seed } = *self;
        let mut probabilities = match mix {
            Some(mix) => mix.apply(batch, classes, seed, epoch, number)?,
            None if smoothing == 0.0 => return Ok(Target::Labels(batch.labels.clone())),
            None => one_hot(&batch.labels, classes),
        };
        let share = smoothing / classes as f32;
        probabilities.iter_mut().for_each(|target| *target = (1.0 - smoothing) * *target + share);
        Ok(match mix {
            Some(_) => Target::Probabilities(probabilities),
            None => Target::Smoothed { labels: batch.labels.clone(), probabilities },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECIPE: &str = include_str!("../../record/recipes/cifar10-resnet20-v2.toml");

    fn batch() -> Batch {
        Batch { images: (0..384).map(|v| v as f32).collect(), labels: vec![1, 3], height: 8, width: 8 }
    }

    fn targets(mixup: f64, cutmix: f64, label_smoothing: f64) -> Targets {
        let mut recipe = Recipe::parse(RECIPE, "cifar10-resnet20-v2.toml").unwrap();
        let augmentation = &mut recipe.augmentation;
        (augmentation.mixup, augmentation.cutmix, augmentation.label_smoothing) =
            (mixup, cutmix, label_smoothing);
        Targets::of(&recipe, 4)
    }

    #[test]
    fn labels_are_left_alone_unless_something_is_asked_for() {
        let mut same = batch();
        assert_eq!(targets(0.0, 0.0, 0.0).apply(&mut same, 0, 0).unwrap(), Target::Labels(vec![1, 3]));
        assert_eq!(same, batch());
    }

    #[test]
    fn smoothing_spreads_over_all_classes() {
        let mut same = batch();
        let smoothed = targets(0.0, 0.0, 0.2).apply(&mut same, 0, 0).unwrap();
        let Target::Smoothed { labels, probabilities: smoothed } = smoothed else { panic!("{smoothed:?}") };
        assert_eq!(labels, [1, 3]);
        let expected = [0.05, 0.85, 0.05, 0.05, 0.05, 0.05, 0.05, 0.85];
        assert!(
            smoothed.iter().zip(expected).all(|(a, b): (&f32, f32)| (a - b).abs() < 1e-6),
            "{smoothed:?}"
        );
        assert_eq!(same, batch());
    }

    #[test]
    fn mixing_changes_images_and_keeps_rows_at_one() {
        for (mixup, cutmix) in [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0)] {
            let mixed = targets(mixup, cutmix, 0.1);
            let all: Vec<_> = (0..8)
                .map(|number| {
                    let mut batch = batch();
                    let target = mixed.apply(&mut batch, 2, number).unwrap();
                    let Target::Probabilities(rows) = target else { panic!("{target:?}") };
                    assert!(rows.chunks(4).all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-6));
                    batch
                })
                .collect();
            assert!(all.iter().any(|mixed| *mixed != batch()), "{mixup} {cutmix}");
        }
    }
}
