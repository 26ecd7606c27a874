//! A small network with running statistics, small data, and ways to inspect the files of a training.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use candle_core::{DType, Device, Result, Tensor, Var};
use resnet_checkpoint::{TrainingCheckpoint, read_training};
use resnet_data::{Dataset, generated};
use resnet_ops::Mode;
use resnet_record::{EpochMetrics, Metric, Recipe, Run, RunFolder, RunRecord};
use resnet_train::{Classifier, Error, Observer, Options, Outcome, Quiet, Split, StepReport, fit};

/// Coarse pixels, centred by their mean, through one linear map: weights, and a statistic without a gradient.
pub(crate) struct Tiny {
    variables: BTreeMap<String, Var>,
}

const FEATURES: usize = 3 * 8 * 8;

impl Tiny {
    /// Initial weights are a function of `start`.
    pub(crate) fn new(start: u32, classes: usize) -> Tiny {
        let noise = |i: usize| ((i as u32 + 1).wrapping_mul(2_654_435_761).wrapping_add(start) >> 8) as f32;
        let weight: Vec<f32> =
            (0..FEATURES * classes).map(|i| noise(i) / (1 << 24) as f32 * 0.1 - 0.05).collect();
        let cpu = &Device::Cpu;
        let variables = BTreeMap::from([
            ("fc.weight".to_owned(), Var::from_vec(weight, (FEATURES, classes), cpu).unwrap()),
            ("fc.bias".to_owned(), Var::zeros(classes, DType::F32, cpu).unwrap()),
            ("norm.running_mean".to_owned(), Var::zeros(FEATURES, DType::F32, cpu).unwrap()),
        ]);
        Tiny { variables }
    }
}

impl Classifier for Tiny {
    fn logits(&self, images: &Tensor, mode: Mode) -> Result<Tensor> {
        let features = images.avg_pool2d(4)?.flatten_from(1)?;
        let running = &self.variables["norm.running_mean"];
        let mean = match mode {
            Mode::Train => {
                let mean = features.mean(0)?;
                running.set(&((running.as_tensor().detach() * 0.9)? + (&mean * 0.1)?)?)?;
                mean
            }
            Mode::Eval => running.as_tensor().detach(),
        };
        let centred = features.broadcast_sub(&mean)?;
        centred.matmul(&self.variables["fc.weight"])?.broadcast_add(&self.variables["fc.bias"])
    }

    fn variables(&self) -> &BTreeMap<String, Var> {
        &self.variables
    }
}

/// 3 epochs of 4 steps each; the last batch of an epoch is smaller.
pub(crate) fn recipe(changes: &[&str]) -> Recipe {
    let text = include_str!("../../../record/recipes/quick-start.toml");
    let mut recipe = Recipe::parse(text, "quick-start.toml").unwrap();
    let base =
        ["train.duration=3 epochs", "train.batch_size=32", "train.log_every_steps=1", "data.validation=30"];
    recipe.set_all(&[&base[..], changes].concat()).unwrap();
    recipe
}

pub(crate) fn data() -> Dataset {
    generated::shapes(140, 60, 0)
}

pub(crate) fn create(dir: &Path, changes: &[&str]) -> Run {
    let recipe = recipe(changes);
    Run::create(dir, &recipe, RunRecord::begin("test", &recipe)).unwrap()
}

/// A fresh run to its end.
pub(crate) fn train(dir: &Path, changes: &[&str]) -> Outcome {
    train_on(&data(), dir, changes, &mut Quiet).unwrap()
}

pub(crate) fn train_on(
    data: &Dataset,
    dir: &Path,
    changes: &[&str],
    observer: &mut dyn Observer,
) -> std::result::Result<Outcome, Error> {
    fit(&Tiny::new(1, 10), data, &mut create(dir, changes), &Options::default(), observer)
}

/// Goes on with a run, with a model whose own initial weights are of no use.
pub(crate) fn resume(dir: &Path) -> std::result::Result<Outcome, Error> {
    let mut run = Run::open(dir).unwrap();
    fit(&Tiny::new(999, 10), &data(), &mut run, &Options::default(), &mut Quiet)
}

/// Every tensor of a checkpoint, as bytes.
pub(crate) fn tensors(file: &Path) -> BTreeMap<String, Vec<u8>> {
    let TrainingCheckpoint { weights, slots, .. } = read_training(file).unwrap();
    let remembered = slots.into_iter().flat_map(|(slot, tensors)| {
        tensors.into_iter().map(move |(name, tensor)| (format!("{slot}.{name}"), tensor))
    });
    let bytes = |values: Vec<f32>| values.into_iter().flat_map(f32::to_le_bytes).collect();
    weights
        .into_iter()
        .chain(remembered)
        .map(|(name, tensor)| (name, bytes(tensor.values.unwrap())))
        .collect()
}

/// A finished run's weights and velocities (a hash of each one's bytes), metrics and results, without what a
/// clock had a part in.
pub(crate) fn outcome(dir: &Path) -> (BTreeMap<String, u64>, Vec<Metric>, String) {
    let folder = RunFolder::open(dir).unwrap();
    let mut metrics = folder.metrics().unwrap();
    metrics.retain(|metric| !matches!(metric, Metric::Processes(_)));
    for metric in &mut metrics {
        match metric {
            Metric::Step(step) => step.images_per_second = 0.0,
            Metric::Epoch(EpochMetrics {
                images_per_second,
                data_wait,
                communication,
                data_threads,
                validation,
                ema_validation,
                test,
                ..
            }) => {
                (*images_per_second, *data_wait, *communication, *data_threads) = (0.0, 0.0, None, None);
                [validation, ema_validation, test]
                    .into_iter()
                    .flatten()
                    .for_each(|scores| scores.images_per_second = 0.0);
            }
            Metric::Processes(_) => {}
            Metric::Final(last) => last.test.iter_mut().for_each(|scores| scores.images_per_second = 0.0),
        }
    }
    let mut results = folder.record().unwrap().results.unwrap();
    (results.images_per_second, results.seconds) = (0.0, 0.0);
    [&mut results.validation, &mut results.test]
        .into_iter()
        .flatten()
        .for_each(|s| s.images_per_second = 0.0);
    let mut all = tensors(&folder.last_checkpoint());
    if folder.best_checkpoint().exists() {
        all.extend(
            tensors(&folder.best_checkpoint()).into_iter().map(|(name, data)| (format!("best {name}"), data)),
        );
    }
    let hash = |data: &Vec<u8>| BuildHasherDefault::<DefaultHasher>::default().hash_one(data);
    let hashes = all.iter().map(|(name, data)| (name.clone(), hash(data))).collect();
    (hashes, metrics, format!("{results:?}"))
}

/// When [`StopAt`] raises its hand.
#[derive(Clone, Copy)]
pub(crate) enum When {
    /// After this step.
    Step(u64),
    /// Before the first image of this evaluation, counted from 1.
    Evaluation(Split, u64),
}

/// Asks for a stop.
pub(crate) struct StopAt {
    pub(crate) when: When,
    pub(crate) stop: Arc<AtomicBool>,
    evaluations: u64,
}

impl StopAt {
    pub(crate) fn new(when: When, options: &Options) -> StopAt {
        StopAt { when, stop: Arc::clone(&options.stop), evaluations: 0 }
    }
}

impl Observer for StopAt {
    fn on_step(&mut self, report: &StepReport) {
        if matches!(self.when, When::Step(step) if step == report.step.step) {
            self.stop.store(true, Ordering::Relaxed);
        }
    }

    fn on_evaluation(&mut self, split: Split, done: u64, _images: u64) {
        if let When::Evaluation(wanted, count) = self.when
            && wanted == split
            && done == 0
        {
            self.evaluations += 1;
            if self.evaluations == count {
                self.stop.store(true, Ordering::Relaxed);
            }
        }
    }
}

/// Copies a run as a crash would leave it now: whatever is on disk, nothing else.
pub(crate) fn copy_run(from: &Path, to: &Path) {
    fs::create_dir_all(to.join("checkpoints")).unwrap();
    for folder in ["", "checkpoints"] {
        for entry in fs::read_dir(from.join(folder)).unwrap().map(|entry| entry.unwrap()) {
            if entry.file_type().unwrap().is_file() {
                fs::copy(entry.path(), to.join(folder).join(entry.file_name())).unwrap();
            }
        }
    }
}
