//! A training that diverges leaves a description of the step, and looks earlier where it is asked to.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::common::{Tiny, create, data};
use candle_core::{Result, Tensor, Var};
use resnet_ops::{Mode, StepOutput};
use resnet_record::{Divergence, Run, RunFolder};
use resnet_train::{Anomalies, Classifier, Error, Observer, Options, Outcome, Quiet, fit};

/// A network with a layer whose output holds a NaN from a step on, which its next layer hides or passes on.
struct Poisoned {
    inner: Tiny,
    from: u64,
    hidden: bool,
    step: std::sync::atomic::AtomicU64,
}

impl Poisoned {
    fn new(from: u64, hidden: bool) -> Poisoned {
        Poisoned { inner: Tiny::new(1, 10), from, hidden, step: Default::default() }
    }

    fn is_poisoned(&self) -> bool {
        self.step.load(std::sync::atomic::Ordering::Relaxed) >= self.from
    }
}

impl Classifier for Poisoned {
    fn logits(&self, images: &Tensor, mode: Mode) -> Result<Tensor> {
        let logits = self.inner.logits(images, mode)?;
        match mode == Mode::Train && self.is_poisoned() && !self.hidden {
            true => logits * f64::NAN,
            false => Ok(logits),
        }
    }

    fn begin_step(&self, step: u64) {
        self.step.store(step, std::sync::atomic::Ordering::Relaxed);
    }

    fn inspect(&self, images: &Tensor, _mode: Mode) -> Result<Vec<StepOutput>> {
        let count = images.elem_count();
        let output = |layer: &str, not_finite| StepOutput {
            layer: layer.to_owned(),
            kind: "linear".to_owned(),
            largest: 2.0,
            not_finite,
        };
        Ok(vec![output("stem", 0), output("fc", if self.is_poisoned() { count } else { 0 })])
    }

    fn variables(&self) -> &BTreeMap<String, Var> {
        self.inner.variables()
    }
}

/// Notes whether it was told.
#[derive(Default)]
struct Told(Option<String>);

impl Observer for Told {
    fn on_divergence(&mut self, divergence: &Divergence, file: &Path) {
        assert!(file.is_file());
        self.0.clone_from(&divergence.first_layer);
    }
}

fn described(dir: &Path) -> Divergence {
    serde_json::from_slice(&fs::read(RunFolder::open(dir).unwrap().divergence()).unwrap()).unwrap()
}

#[test]
fn the_step_whose_loss_is_not_finite_is_described() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    let mut told = Told::default();
    // Of 110 images in batches of 32, step 5 is the second of the second epoch.
    let model = Poisoned::new(5, false);
    let error = fit(&model, &data(), &mut create(&dir, &[]), &Options::default(), &mut told).unwrap_err();
    assert!(matches!(error, Error::NonFiniteLoss { step: 5, .. }), "{error}");
    assert_eq!(told.0.as_deref(), Some("fc (linear)"));

    let found = described(&dir);
    assert_eq!((found.step, found.epoch, found.step_in_epoch), (5, 2, 2));
    assert_eq!(found.cause, error.to_string());
    assert_eq!((found.images.len(), found.labels.len()), (32, 32));
    // Each name is an image's, and its label is that image's.
    let set = data().train;
    let mut numbers: Vec<usize> =
        found.images.iter().map(|name| name.strip_prefix("image ").unwrap().parse().unwrap()).collect();
    assert!(numbers.iter().all(|number| *number < set.len()));
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 32);
    assert_eq!(found.layers.iter().map(|layer| layer.layer.as_str()).collect::<Vec<_>>(), ["stem", "fc"]);
    let weight = found.variables.iter().find(|variable| variable.name == "fc.weight").unwrap();
    assert!(weight.largest > 0.0 && weight.not_finite == 0);
    let (_, not_finite) = weight.gradient.unwrap();
    assert!(not_finite > 0, "the gradient of a NaN is none");
    let mean = found.variables.iter().find(|variable| variable.name == "norm.running_mean").unwrap();
    assert_eq!(mean.gradient, None);

    // The run goes on from its last checkpoint, and the description of a step that is done anew goes.
    let mut run = Run::open(&dir).unwrap();
    let done = fit(&Tiny::new(1, 10), &data(), &mut run, &Options::default(), &mut Quiet).unwrap();
    assert!(matches!(done, Outcome::Finished(_)));
    assert!(!run.folder().divergence().exists());
}

#[test]
fn a_nan_that_never_reaches_the_loss_is_found_where_it_is_looked_for() {
    let scratch = tempfile::tempdir().unwrap();
    let fit = |name: &str, anomalies| {
        let options = Options { anomalies, ..Options::default() };
        let mut run = create(&scratch.path().join(name), &[]);
        fit(&Poisoned::new(6, true), &data(), &mut run, &options, &mut Quiet)
    };
    assert!(matches!(fit("ignored", Anomalies::Ignore).unwrap(), Outcome::Finished(_)));
    let error = fit("detected", Anomalies::Detect).unwrap_err();
    assert!(matches!(&error, Error::NonFiniteLayer { layer, step: 6, .. } if layer == "fc"), "{error}");
    assert_eq!(described(&scratch.path().join("detected")).first_layer.as_deref(), Some("fc (linear)"));
}

#[test]
fn looking_for_anomalies_changes_no_bit() {
    let scratch = tempfile::tempdir().unwrap();
    let outcome = |name: &str, anomalies| {
        let dir = scratch.path().join(name);
        let options = Options { anomalies, ..Options::default() };
        fit(&Tiny::new(1, 10), &data(), &mut create(&dir, &[]), &options, &mut Quiet).unwrap();
        crate::common::outcome(&dir)
    };
    assert_eq!(outcome("ignored", Anomalies::Ignore), outcome("detected", Anomalies::Detect));
}

#[test]
fn the_latest_checkpoints_are_kept_and_can_be_resumed_from() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    crate::common::train(&dir, &["train.keep_checkpoints=2"]);
    let folder = RunFolder::open(&dir).unwrap();
    assert_eq!(folder.kept_steps(), [8, 12]);
    assert_eq!(
        crate::common::tensors(&folder.kept_checkpoint(12)),
        crate::common::tensors(&folder.last_checkpoint())
    );

    // What was kept is where the run stood: from there it reaches the same end.
    let again = scratch.path().join("again");
    crate::common::copy_run(&dir, &again);
    let mut record: serde_json::Value =
        serde_json::from_slice(&fs::read(again.join("record.json")).unwrap()).unwrap();
    record.as_object_mut().unwrap().retain(|key, _| !["results", "ended"].contains(&key.as_str()));
    record["test_reads"] = 0.into();
    fs::write(again.join("record.json"), record.to_string()).unwrap();
    fs::copy(folder.kept_checkpoint(8), again.join("checkpoints/last.safetensors")).unwrap();
    // What is kept there is of another course; that of step 8 was not replaced because a kill came between.
    for step in [8, 12] {
        fs::write(again.join(format!("checkpoints/step-{step}.safetensors")), "another course").unwrap();
    }
    crate::common::resume(&again).unwrap();
    assert_eq!(crate::common::outcome(&again), crate::common::outcome(&dir));
    let again = RunFolder::open(&again).unwrap();
    assert_eq!(again.kept_steps(), [8, 12]);
    for step in [8, 12] {
        let [own, expected] = [&again, &folder].map(|run| crate::common::tensors(&run.kept_checkpoint(step)));
        assert_eq!(own, expected, "{step}");
    }
    let names = fs::read_dir(again.last_checkpoint().parent().unwrap()).unwrap();
    assert!(names.flatten().all(|file| file.file_name().to_string_lossy().ends_with(".safetensors")));
}
