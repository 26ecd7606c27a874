//! How long a recipe trains on this machine, from the speed of three small probes.
//!
//! The speed of a training is given in multiply-adds of the forward pass per second. It differs between kinds
//! of network more than within one. So there is a probe for each kind, and a recipe takes as long as its
//! multiply-adds take at the speed of its kind. Evaluation and loading of data are not counted.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use resnet_kernels::conv::Algorithm;
use resnet_models::{Branch, Spec, registry, summary};
use resnet_record::paper::{IMAGENET_CLASSES, IMAGENET_IMAGES};
use resnet_record::{BUILT_IN, DataSet, Machine, Recipe};
use serde::{Deserialize, Serialize};

use crate::ours;
use crate::subject::{Subject, Work};

/// Training images that a recipe is listed with if it takes any folder of images.
const FOLDER: u64 = 1_000;

/// A probe of each kind, with its batch: one and two layers a unit on 32 pixels, bottlenecks on 32 pixels,
/// and ImageNet's sizes.
const PROBES: [(&str, usize); 3] = [("resnet20-v2", 128), ("resnet29-v2", 128), ("resnet50-v2-imagenet", 8)];
/// Seconds that a probe measures for, after a step that does not count.
const AT_LEAST: f64 = 1.0;

/// The speed of this machine, as it was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    /// The processor and the program that it was measured with.
    pub machine: String,
    /// Threads that computed.
    pub threads: usize,
    /// When, in seconds since 1970.
    pub measured: u64,
    /// The probes, one of each kind.
    pub probes: Vec<Probe>,
}

/// What a probe measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// The network.
    pub model: String,
    /// Trained images a second.
    pub images_per_second: f64,
    /// Multiply-adds of their forward passes a second.
    pub multiply_adds_per_second: f64,
}

/// A built-in recipe in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listed {
    /// Its name.
    pub recipe: String,
    /// What it trains, in a sentence.
    pub about: String,
    /// The network.
    pub model: String,
    /// The table that it reproduces.
    pub paper: Option<String>,
    /// The error that was published of it in percent.
    pub expected_error: Option<f64>,
    /// The same as text; "fails" where the paper could not train it.
    pub published: Option<String>,
    /// The size of the data set that `images` and `hours` are for, where the recipe takes any folder of
    /// images.
    pub for_images: Option<u64>,
    /// Images trained on, each counted every time.
    pub images: u64,
    /// Hours that it takes on this machine.
    pub hours: f64,
}

impl Speed {
    /// Measures the probes, which takes some ten seconds. `threads` is how many the kernels use already.
    ///
    /// # Errors
    /// If a probe fails.
    pub fn measure(threads: usize) -> anyhow::Result<Speed> {
        let probe = |(model, batch): (&str, usize)| {
            let subject = Subject::new(Work::Train, model, std::num::NonZeroUsize::new(batch), threads)?;
            let images_per_second = batch as f64 / ours::step_seconds(&subject, AT_LEAST)?;
            let multiply_adds = summary::of(&subject.spec)?.multiply_adds as f64;
            let multiply_adds_per_second = images_per_second * multiply_adds;
            anyhow::Ok(Probe { model: model.to_owned(), images_per_second, multiply_adds_per_second })
        };
        let probes = PROBES.into_iter().map(probe).collect::<anyhow::Result<_>>()?;
        // Its age is counted from the end of the measurement.
        let measured = std::time::UNIX_EPOCH.elapsed().map_or(0, |elapsed| elapsed.as_secs());
        Ok(Speed { machine: machine(), threads, measured, probes })
    }

    /// The speed in `file` that is this machine's with `threads` threads, if there is one.
    pub fn kept(file: &Path, threads: usize) -> Option<Speed> {
        let machine = machine();
        let is_it = |speed: &Speed| {
            speed.machine == machine && speed.threads == threads && speed.probes.len() == PROBES.len()
        };
        all_kept(file).into_iter().find(is_it)
    }

    /// Writes it to `file`, for [`Speed::kept`]; speeds of other machines and numbers of threads stay there.
    ///
    /// # Errors
    /// If that cannot be written.
    pub fn keep(&self, file: &Path) -> anyhow::Result<()> {
        let mut speeds = all_kept(file);
        speeds.retain(|speed| (&speed.machine, speed.threads) != (&self.machine, self.threads));
        speeds.push(self.clone());
        let text = serde_json::to_string_pretty(&speeds)?;
        resnet_files::write_cached(file, text.as_bytes())
            .with_context(|| format!("cannot write {}", file.display()))
    }

    /// Seconds since it was measured.
    pub fn age(&self) -> f64 {
        let now = std::time::UNIX_EPOCH.elapsed().map_or(0, |elapsed| elapsed.as_secs());
        now.saturating_sub(self.measured) as f64
    }

    /// Seconds that `images` images take in a training of `spec`.
    ///
    /// # Errors
    /// If the network has no summary.
    pub fn seconds(&self, spec: &Spec, images: u64) -> anyhow::Result<f64> {
        let kind = match (spec.input[1] > 32, spec.branch) {
            (true, _) => 2,
            (false, Branch::Bottleneck(_)) => 1,
            (false, _) => 0,
        };
        let probe = self.probes.get(kind).context("there is a probe of each kind")?;
        Ok(summary::of(spec)?.multiply_adds as f64 * images as f64 / probe.multiply_adds_per_second)
    }
}

/// The speeds in `file`; none where it does not exist or cannot be read.
fn all_kept(file: &Path) -> Vec<Speed> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// The network of `recipe`, for images of the size that it trains on; for ImageNet's classes where neither
/// recipe nor data set says how many.
///
/// # Errors
/// If there is no such network.
pub fn spec_of(recipe: &Recipe) -> Result<Spec, registry::Error> {
    let mut spec = registry::find(&recipe.model.name, recipe.classes().unwrap_or(IMAGENET_CLASSES))?;
    if let Some(images) = recipe.images {
        spec.input = [3, images.image_size, images.image_size];
    }
    Ok(spec)
}

/// The built-in recipes with what each takes at this speed.
///
/// # Errors
/// If one has no network.
pub fn listed(speed: &Speed) -> anyhow::Result<Vec<Listed>> {
    BUILT_IN.iter().map(|(name, text)| entry(Recipe::parse(text, name)?, speed)).collect()
}

fn entry(recipe: Recipe, speed: &Speed) -> anyhow::Result<Listed> {
    let spec = spec_of(&recipe)?;
    let is_any = recipe.data.set == DataSet::Images && !recipe.name.starts_with("imagenet-");
    let size = if is_any { FOLDER } else { IMAGENET_IMAGES };
    let epoch = recipe.epoch_size(Some(size)).context("no images to train on")?;
    let images = recipe.images_seen(epoch);
    Ok(Listed {
        hours: speed.seconds(&spec, images)? / 3600.0,
        published: recipe.published(),
        recipe: recipe.name,
        about: recipe.about,
        model: recipe.model.name,
        paper: recipe.paper,
        expected_error: recipe.expected_error,
        for_images: is_any.then_some(size),
        images,
    })
}

/// Where a speed is kept between calls: `resnet/speed.json` in the user's cache folder.
pub fn speed_file() -> Option<PathBuf> {
    resnet_files::user_cache().map(|folder| folder.join("speed.json"))
}

fn machine() -> String {
    machine_with(Algorithm::requested().ok().flatten())
}

/// The processor and the program, where `RESNET_CONV` asks for this algorithm.
fn machine_with(asked: Option<Algorithm>) -> String {
    let cpu = Machine::here().cpu;
    let isa = resnet_kernels::Isa::best().name();
    let without = if asked.is_some() { ", without Winograd" } else { "" };
    format!("{cpu}, {isa}{without}, version {}", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1, 2 and 3 G multiply-adds a second.
    fn speed() -> Speed {
        let probe = |(number, (model, _)): (usize, &(&str, usize))| Probe {
            model: (*model).to_owned(),
            images_per_second: 1.0,
            multiply_adds_per_second: 1e9 * (number + 1) as f64,
        };
        Speed {
            machine: machine(),
            threads: 2,
            measured: 0,
            probes: PROBES.iter().enumerate().map(probe).collect(),
        }
    }

    #[test]
    fn every_recipe_is_listed_with_the_hours_of_its_kind() {
        let listed = listed(&speed()).unwrap();
        assert_eq!(listed.len(), BUILT_IN.len());
        let of = |name: &str| listed.iter().find(|one| one.recipe == name).expect("it is listed");
        let paper = of("cifar10-resnet110-v2");
        // 64,000 steps of 128 images, but for the last of each epoch.
        assert_eq!(paper.images, 64_000 * 50_000 / 391);
        let adds = |name: &str| summary::of(&registry::find(name, 10).unwrap()).unwrap().multiply_adds as f64;
        let hours = adds("resnet110-v2") * paper.images as f64 / 1e9 / 3600.0;
        assert!((paper.hours / hours - 1.0).abs() < 1e-9, "{} {hours}", paper.hours);
        let deep = of("cifar10-resnet164-v2");
        let hours = adds("resnet164-v2") * deep.images as f64 / 2e9 / 3600.0;
        assert!((deep.hours / hours - 1.0).abs() < 1e-9, "{} {hours}", deep.hours);
        assert_eq!(of("imagenet-resnet152-v2").images, 90 * IMAGENET_IMAGES);
        // A duration in images is not rounded up to whole steps.
        assert_eq!(of("cifar10-resnet1001-v2-batch64").images, 8_192_000);
        // Ten epochs of a thousand images, whatever folder it will be.
        let tune = of("fine-tune");
        assert_eq!((tune.for_images, tune.images), (Some(1_000), 10_000));
        assert_eq!(of("imagenet-resnet152-v2").for_images, None);
        assert_eq!(of("cifar10-resnet110-dropout-shortcut").published.as_deref(), Some("fails"));
    }

    #[test]
    fn a_speed_is_kept_for_its_machine_and_threads() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a/b/speed.json");
        assert_eq!(Speed::kept(&file, 2), None);
        speed().keep(&file).unwrap();
        assert_eq!(Speed::kept(&file, 2), Some(speed()));
        assert_eq!(Speed::kept(&file, 1), None);
        // One more of another number of threads, and a new one of the same: each has its own.
        let of = |threads: usize, measured: u64| Speed { threads, measured, ..speed() };
        let [alone, again] = [of(1, 7), of(2, 9)];
        alone.keep(&file).unwrap();
        again.keep(&file).unwrap();
        assert_eq!([1, 2].map(|threads| Speed::kept(&file, threads)), [Some(alone), Some(again)]);
        std::fs::remove_file(&file).unwrap();
        Speed { machine: "another".to_owned(), ..speed() }.keep(&file).unwrap();
        assert_eq!(Speed::kept(&file, 2), None);
        std::fs::write(&file, "{").unwrap();
        assert_eq!(Speed::kept(&file, 2), None);
        assert_ne!(machine_with(Some(Algorithm::Direct)), machine_with(None));
    }
}
