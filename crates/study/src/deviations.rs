//! How a training differs from the paper's, in phrases that stand beside its result.

use std::collections::{BTreeMap, BTreeSet};

use resnet_models::registry;
use resnet_record::paper::{IMAGENET_CLASSES, IMAGENET_IMAGES, depth_and_unit};
use resnet_record::{Duration, EpochSize, Recipe, ScheduleRecipe, WarmupRecipe};

use crate::grid::data_words;
use crate::words::{count, listed};

/// The differences of `trained` from `paper`. `edges` is what `jpeg_edges` says of the images: how many times
/// larger brightness steps are over the edges of JPEG's blocks, if they are. `epoch` is the length of an
/// epoch of the images at hand, where those are known.
///
/// ```
/// use resnet_record::Recipe;
/// let paper = Recipe::built_in("cifar10-resnet110-v2").expect("a built-in recipe");
/// let mut shorter = paper.clone();
/// shorter.set("train.duration=8 epochs")?;
/// let told = resnet_study::deviations(&paper, &shorter, Some(1.12), None);
/// assert!(told[0].starts_with("400,000 images seen, not 8,184,"), "{told:?}");
/// assert!(told[1].contains("JPEG"));
/// # Ok::<(), resnet_record::Error>(())
/// ```
pub fn deviations(
    paper: &Recipe,
    trained: &Recipe,
    edges: Option<f64>,
    epoch: Option<EpochSize>,
) -> Vec<String> {
    let mut told = vec![];
    let (wanted, has) = (&paper.model.name, &trained.model.name);
    if wanted != has {
        let ((wanted_depth, wanted_unit), (depth, unit)) = (depth_and_unit(wanted), depth_and_unit(has));
        told.push(match wanted_unit == unit {
            true => format!("{depth} layers, not {wanted_depth}"),
            false => format!("{has}, not {wanted}"),
        });
    }
    if paper.data.set != trained.data.set {
        told.push(format!("{}, not {}", data_words(trained.data.set), data_words(paper.data.set)));
    }
    let [wanted, has] = [paper, trained].map(|recipe| recipe.classes().unwrap_or(IMAGENET_CLASSES));
    if paper.data.set == trained.data.set && wanted != has {
        told.push(format!("{has} classes, not {}", count(wanted as u64)));
    }
    let (of_paper, of_trained) = (epoch_of(paper), epoch.unwrap_or_else(|| epoch_of(trained)));
    let wanted = of_paper.images + paper.data.validation as u64;
    let has = of_trained.images + trained.data.validation as u64;
    if paper.data.set == trained.data.set && wanted != has {
        told.push(format!("a training set of {} images, not {}", count(has), count(wanted)));
    }
    let (wanted, has) = (paper.images_seen(of_paper), trained.images_seen(of_trained));
    if wanted != has {
        told.push(format!("{} images seen, not {}", count(has), count(wanted)));
    }
    if let Some(ratio) = edges {
        told.push(format!(
            "images that went through JPEG (brightness steps {ratio:.2} times as much at the edges of its blocks as beside them)"
        ));
    }
    let [wanted, has] = [paper, trained].map(|recipe| recipe.train.batch_size);
    if wanted != has {
        told.push(format!("mini-batches of {has}, not {wanted}"));
    }
    let [wanted, has] = [paper, trained].map(|recipe| recipe.schedule.lr());
    if wanted != has {
        told.push(format!("a learning rate of {has}, not {wanted}"));
    }
    told.extend(settings(paper, trained));
    let (wanted, has) = (drops(paper, of_paper), drops(trained, of_trained));
    if wanted != has {
        let [wanted, has] = [wanted, has].map(|drops| drops_in_percent(&drops));
        told.push(format!("drops of the rate after {has}, not {wanted}"));
    }
    let (wanted, has) = (warmup_images(paper, of_paper), warmup_images(trained, of_trained));
    if wanted != has {
        told.push(format!("a warm-up over {} images, not {}", count(has), count(wanted)));
    }
    if trained.data.validation > 0 {
        told.push(format!("{} training images held out", count(trained.data.validation as u64)));
    }
    let classes = trained.classes().unwrap_or(IMAGENET_CLASSES);
    if let Ok(spec) = registry::find(&trained.model.name, classes) {
        told.extend(spec.departures().into_iter().map(str::to_owned));
    }
    told
}

/// Differences in augmentation and optimizer, by the recipe's keys: `augmentation.flip is none, not
/// horizontal`.
fn settings(paper: &Recipe, trained: &Recipe) -> Vec<String> {
    let keys = |recipe: &Recipe| -> BTreeMap<String, String> {
        let mut keys = recipe.flat();
        keys.retain(|key, _| key.starts_with("augmentation.") || key.starts_with("optimizer."));
        keys
    };
    let [wanted, has] = [paper, trained].map(keys);
    let all: BTreeSet<&String> = wanted.keys().chain(has.keys()).collect();
    let value = |of: &BTreeMap<String, String>, key| of.get(key).cloned().unwrap_or("unset".to_owned());
    all.into_iter()
        .filter(|key| wanted.get(*key) != has.get(*key))
        .map(|key| format!("{key} is {}, not {}", value(&has, key), value(&wanted, key)))
        .collect()
}

/// How the training of a row differs from the published row that stands for several trainings; `name` is the
/// row's.
pub(crate) fn part_of(name: &str) -> Option<&'static str> {
    (name == "cifar10-resnet110-exclusive-gating-bias-0").then_some("an initial bias of 0 alone, not 0 to -5")
}

/// Images and steps of an epoch; the size of ImageNet is assumed where the recipe does not tell.
pub(crate) fn epoch_of(recipe: &Recipe) -> EpochSize {
    recipe.epoch_size(Some(IMAGENET_IMAGES)).unwrap_or(EpochSize { images: IMAGENET_IMAGES, steps: 1 })
}

/// After which parts of the training its rate drops, in percent.
fn drops(recipe: &Recipe, epoch: EpochSize) -> Vec<u64> {
    let ScheduleRecipe::MultiStep { milestones, .. } = &recipe.schedule else { return vec![] };
    let share = |at: &Duration| match (at, recipe.train.duration) {
        // Steps of few images would round it.
        (Duration::Images(at), Duration::Images(all)) => *at as f64 / all.max(1) as f64,
        (at, all) => at.steps(epoch) as f64 / all.steps(epoch).max(1) as f64,
    };
    milestones.iter().map(|at| (100.0 * share(at)).round() as u64).collect()
}

/// `33 % and 67 % of the training`
fn drops_in_percent(drops: &[u64]) -> String {
    format!("{} of the training", listed(&drops.iter().map(|drop| format!("{drop} %")).collect::<Vec<_>>()))
}

fn warmup_images(recipe: &Recipe, epoch: EpochSize) -> u64 {
    let batch = recipe.train.batch_size as u64;
    let steps = recipe.train.duration.steps(epoch);
    match &recipe.schedule {
        ScheduleRecipe::MultiStep { warmup: Some(WarmupRecipe::From(from)), .. } => match from.duration {
            resnet_record::Warmup::For(Duration::Images(images)) => images,
            other => other.steps(steps, epoch) * batch,
        },
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ImageKind, Scale};

    #[test]
    fn the_papers_training_differs_in_nothing_and_a_smoke_training_in_much() {
        let paper = Recipe::built_in("cifar10-resnet110-v1").unwrap();
        assert_eq!(
            deviations(&paper, &Scale::Full.recipe(&paper, ImageKind::Real), None, None),
            Vec::<String>::new()
        );
        let smoke = deviations(&paper, &Scale::Smoke.recipe(&paper, ImageKind::Generated), None, None);
        let expected = [
            "14 layers, not 110",
            "ten generated shapes, not CIFAR-10",
            "2,560 images seen, not 8,184,143",
            "mini-batches of 64, not 128",
            "augmentation.flip is none, not horizontal",
            "a warm-up over 160 images, not 51,200",
        ];
        assert_eq!(smoke, expected);
        let deep = Recipe::built_in("cifar10-resnet164-v2").unwrap();
        let told = deviations(&deep, &Scale::Small.recipe(&deep, ImageKind::Real), None, None);
        assert_eq!(told[0], "56 layers, not 164");
        let mut cats = Recipe::built_in("imagenet-resnet152-v1").unwrap();
        let imagenet = cats.clone();
        cats.model.classes = Some(3);
        assert_eq!(deviations(&imagenet, &cats, None, None)[0], "3 classes, not 1,000");
        // The images at hand count, not those that the paper had.
        let few = EpochSize { images: 50_000, steps: 782 };
        let small = deviations(&imagenet, &Scale::Small.recipe(&imagenet, ImageKind::Real), None, Some(few));
        let expected = [
            "50 layers, not 152",
            "a training set of 50,000 images, not 1,281,167",
            "450,000 images seen, not 115,305,030",
            "mini-batches of 64, not 256",
            "a learning rate of 0.025, not 0.1",
        ];
        assert_eq!(small, expected);
        let smoke = deviations(&imagenet, &Scale::Smoke.recipe(&imagenet, ImageKind::Real), None, Some(few));
        let told = "drops of the rate after 50 % and 75 % of the training, not 33 % and 67 % of the training";
        assert!(smoke.contains(&told.to_owned()), "{smoke:?}");
        let mut held_out = paper.clone();
        held_out.set_all(&["data.validation=5000", "model.name=resnet110-v1-b"]).unwrap();
        let told = deviations(&paper, &held_out, None, None).join("; ");
        assert!(told.contains("5,000 training images held out") && told.contains("option B"), "{told}");
    }
}
