//! Optimizers, averages and accumulation: wherever a training is stopped, it ends with the same bits, and
//! what it reports is what the recipe asks for.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::common::{StopAt, Tiny, When, create, data, outcome, recipe, resume, tensors, train};
use candle_core::{DType, Device, Result, Tensor, Var};
use resnet_ops::Mode;
use resnet_record::{Checkpoint, Metric, Run, RunFolder};
use resnet_train::{
    CandleEngine, Classifier, Clip, Engine as _, EvaluatedWeights, Groups, Loss, LossKind, Momentum,
    NormBatches, OptimizerConfig, Options, Outcome, Quiet, RuleConfig, SgdConfig, StepConfig, TrainingPlan,
    WeightDecayOn, change_recipe, fit, state_len,
};
use resnet_vision::Batch;

/// An epoch of four batches has a step of three and one of the batch that is left.
const ALL: [&str; 8] = [
    "train.grad_accum_steps=3",
    "train.update_bn_images=64",
    "ema.decay=0.9",
    "ema.warmup=true",
    "loss.class_weights=[1, 2, 3, 1, 0.5, 1, 1, 0.25, 1, 4]",
    "augmentation.mixup=0.4",
    "optimizer.weight_decay_on=weights",
    "optimizer.clip_grad_norm=0.5",
];

/// Asks for a stop while a batch is learnt, so that the training stops in the middle of a step.
struct StopsWithin {
    inner: Tiny,
    batches: AtomicU64,
    at: u64,
    stop: Arc<AtomicBool>,
}

impl Classifier for StopsWithin {
    fn logits(&self, images: &Tensor, mode: Mode) -> Result<Tensor> {
        self.inner.logits(images, mode)
    }

    fn begin_step(&self, _step: u64) {
        if self.batches.fetch_add(1, Ordering::Relaxed) + 1 == self.at {
            self.stop.store(true, Ordering::Relaxed);
        }
    }

    fn variables(&self) -> &BTreeMap<String, Var> {
        self.inner.variables()
    }
}

/// Trains until batch `at`, those for running statistics included; whether it was stopped.
fn stopped_within(dir: &Path, changes: &[&str], at: u64) -> bool {
    let options = Options::default();
    let (batches, stop) = (AtomicU64::new(0), Arc::clone(&options.stop));
    let model = StopsWithin { inner: Tiny::new(1, 10), batches, at, stop };
    let end = fit(&model, &data(), &mut create(dir, changes), &options, &mut Quiet).unwrap();
    matches!(end, Outcome::Interrupted { .. })
}

/// Trains with everything on and this optimizer, stopped after any batch.
fn stopped_after_any_batch(rule: &str) {
    let scratch = tempfile::tempdir().unwrap();
    let changes = [&ALL[..], &[rule]].concat();
    let whole = scratch.path().join("whole");
    train(&whole, &changes);
    let expected = outcome(&whole);
    let mut within = 0;
    for at in 1.. {
        let dir = scratch.path().join(format!("batch{at}"));
        if !stopped_within(&dir, &changes, at) {
            assert!(at > 20, "12 batches are learnt, and each evaluation has some of its own: {at}");
            break;
        }
        let saved = tensors(&dir.join("checkpoints/last.safetensors"));
        within += u64::from(saved.contains_key("accumulated.fc.weight"));
        assert!(saved.contains_key("ema.norm.running_mean"));
        assert!(matches!(resume(&dir).unwrap(), Outcome::Finished(_)));
        assert_eq!(outcome(&dir), expected, "{rule}, stopped within batch {at}");
    }
    assert_eq!(within, 6, "two stops within the first step of each of three epochs");
}

#[test]
fn stopped_after_any_batch_of_sgd_with_everything_on() {
    stopped_after_any_batch("optimizer.kind=sgd");
}

#[test]
fn stopped_after_any_batch_of_adamw_with_everything_on() {
    stopped_after_any_batch("optimizer.kind=adamw");
}

#[test]
fn stopped_after_any_batch_of_lamb_with_everything_on() {
    stopped_after_any_batch("optimizer.kind=lamb");
}

#[test]
fn each_option_changes_what_is_learnt() {
    let scratch = tempfile::tempdir().unwrap();
    let train = |name: &str, changes: &[&str]| {
        let dir = scratch.path().join(name);
        crate::common::train(&dir, changes);
        outcome(&dir).0
    };
    let all = train("all", &ALL);
    for (number, left) in ALL.into_iter().enumerate() {
        // Warm-up needs an average.
        let without =
            |change: &&str| *change != left && !(left.starts_with("ema.d") && change.starts_with("ema"));
        let fewer: Vec<&str> = ALL.into_iter().filter(without).collect();
        assert_ne!(train(&format!("without{number}"), &fewer), all, "without {left}");
    }
}

#[test]
fn steps_of_several_batches_see_every_image_and_count_once() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    let changes = ["train.grad_accum_steps=3"];
    let plan = TrainingPlan::new(&recipe(&changes), &data()).unwrap();
    assert_eq!((plan.steps_per_epoch, plan.steps, plan.grad_accum_steps), (2, 6, 3));
    train(&dir, &changes);
    let steps: Vec<(u64, u64)> = outcome(&dir)
        .1
        .iter()
        .filter_map(|metric| match metric {
            Metric::Step(step) => Some((step.step, step.images)),
            _ => None,
        })
        .collect();
    // 110 images: three batches of 32, and 14 that are left.
    assert_eq!(steps, [(1, 96), (2, 110), (3, 206), (4, 220), (5, 316), (6, 330)]);
}

#[test]
fn a_step_that_was_begun_without_being_logged_gets_no_certificate() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    assert!(stopped_within(&dir, &["train.grad_accum_steps=3", "train.log_every_steps=2"], 2));
    let mut run = Run::open(&dir).unwrap();
    let mut changed = run.recipe().clone();
    changed.set("train.log_every_steps=1").unwrap();
    change_recipe(&mut run, &changed, &data()).unwrap();
    drop(run);
    assert!(matches!(resume(&dir).unwrap(), Outcome::Finished(_)));
    let metrics = RunFolder::open(&dir).unwrap().metrics().unwrap();
    let certified = |metric: &Metric| match metric {
        Metric::Step(step) => Some(step.certificate.is_some()),
        _ => None,
    };
    let certified: Vec<bool> = metrics.iter().filter_map(certified).collect();
    assert_eq!(certified, [false, true, true, true, true, true]);
}

#[test]
fn the_average_is_scored_beside_the_weights_and_reported() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("validated");
    train(&dir, &["ema.decay=0.9"]);
    let (_, metrics, _) = outcome(&dir);
    let folder = RunFolder::open(&dir).unwrap();
    let results = folder.record().unwrap().results.unwrap();
    assert_eq!(results.checkpoint, Checkpoint::Best);
    let mut best: Option<(u64, u64)> = None;
    for metric in &metrics {
        if let Metric::Epoch(epoch) = metric {
            assert!(epoch.validation.is_some());
            let correct = epoch.ema_validation.unwrap().top1_correct;
            if best.is_none_or(|(_, most)| correct > most) {
                best = Some((epoch.epoch, correct));
            }
        }
    }
    assert_eq!(results.checkpoint_epoch, best.unwrap().0);
    assert_eq!(results.validation.unwrap().top1_correct, best.unwrap().1);

    // Without validation images the average of the last step is reported, in a file of its own.
    let dir = scratch.path().join("last");
    train(&dir, &["ema.decay=0.9", "data.validation=0"]);
    let folder = RunFolder::open(&dir).unwrap();
    assert_eq!(folder.record().unwrap().results.unwrap().checkpoint, Checkpoint::Final);
    let last = tensors(&folder.last_checkpoint());
    let reported = tensors(&folder.checkpoint(Checkpoint::Final));
    assert_eq!(reported.keys().collect::<Vec<_>>(), ["fc.bias", "fc.weight", "norm.running_mean"]);
    for (name, values) in &reported {
        assert_eq!(values, &last[&format!("ema.{name}")], "{name}");
        assert_ne!(values, &last[name], "{name}");
    }
    // The model ends with what is reported.
    let model = Tiny::new(5, 10);
    let mut run = resnet_record::Run::open(&dir).unwrap();
    fit(&model, &data(), &mut run, &Options::default(), &mut Quiet).unwrap();
    let values: Vec<f32> = model.variables()["fc.bias"].to_vec1().unwrap();
    assert_eq!(values.into_iter().flat_map(f32::to_le_bytes).collect::<Vec<u8>>(), reported["fc.bias"]);
}

#[test]
fn running_statistics_estimated_anew_leave_the_training_alone() {
    let scratch = tempfile::tempdir().unwrap();
    let (plain, anew) = (scratch.path().join("plain"), scratch.path().join("anew"));
    train(&plain, &["data.validation=0"]);
    train(&anew, &["data.validation=0", "train.update_bn_images=110"]);
    let [plain, anew] = [plain, anew].map(|dir| RunFolder::open(&dir).unwrap());
    let last = tensors(&anew.last_checkpoint());
    let reported = tensors(&anew.checkpoint(Checkpoint::Final));
    assert_eq!(last, tensors(&plain.last_checkpoint()));
    assert_eq!(reported["fc.weight"], last["fc.weight"]);
    assert_ne!(reported["norm.running_mean"], last["norm.running_mean"]);
}

/// A checkpoint of before steps had parts: its state tells neither of updates nor of a step's batches.
#[test]
fn a_checkpoint_of_before_goes_on() {
    let scratch = tempfile::tempdir().unwrap();
    let (whole, dir) = (scratch.path().join("whole"), scratch.path().join("before"));
    train(&whole, &[]);
    let options = Options::default();
    let mut observer = StopAt::new(When::Step(5), &options);
    fit(&Tiny::new(1, 10), &data(), &mut create(&dir, &[]), &options, &mut observer).unwrap();
    let file = dir.join("checkpoints/last.safetensors");
    let mut bytes = fs::read(&file).unwrap();
    let added = br#"\"engine\":{\"updates\":5},"#;
    let at = bytes.windows(added.len()).position(|window| window == added).unwrap();
    bytes[at..at + added.len()].fill(b' ');
    fs::write(&file, bytes).unwrap();
    resume(&dir).unwrap();
    assert_eq!(outcome(&dir), outcome(&whole));
}

/// The mean of each batch's pixels, followed with a momentum.
struct Follows {
    momentum: f64,
    variables: BTreeMap<String, Var>,
}

impl Classifier for Follows {
    fn logits(&self, images: &Tensor, _mode: Mode) -> Result<Tensor> {
        let running = &self.variables["norm.running_mean"];
        let mean = images.mean_all()?.reshape(1)?;
        let old = (running.as_tensor().detach() * (1.0 - self.momentum))?;
        running.set(&(old + (mean * self.momentum)?)?)?;
        images.flatten_from(1)?.narrow(1, 0, 2)
    }

    fn variables(&self) -> &BTreeMap<String, Var> {
        &self.variables
    }
}

#[test]
fn statistics_are_means_over_images_by_any_momentum() {
    // The fourth batch is not needed.
    let batches = [(6, 2.0), (3, -7.0), (3, 0.5), (9, 100.0)];
    let grey = |(images, grey): (usize, f32)| {
        Ok(Batch { images: vec![grey; images * 12], labels: vec![0; images], height: 2, width: 2 })
    };
    let rule = RuleConfig::Sgd(SgdConfig { momentum: 0.9, kind: Momentum::Classic });
    let config = StepConfig {
        loss: Loss { kind: LossKind::CrossEntropy, class_weights: None },
        clip: Clip::None,
        optimizer: OptimizerConfig { rule, weight_decay: 0.0, weight_decay_on: WeightDecayOn::All },
        ema: None,
        groups: Groups::default(),
    };
    for momentum in [1.0, 0.5, 0.1, 0.03] {
        let start = Var::ones(1, DType::F32, &Device::Cpu).unwrap();
        let model =
            Follows { momentum, variables: BTreeMap::from([("norm.running_mean".to_owned(), start)]) };
        let mut engine = CandleEngine::new(&model, config.clone()).unwrap();
        let mut input = batches.map(grey).into_iter();
        let norms = NormBatches { batches: &mut input, images: 12, fewest: 1 };
        engine.begin_evaluation(EvaluatedWeights::Raw, Some(norms)).unwrap();
        let found = f64::from(model.variables["norm.running_mean"].to_vec1::<f32>().unwrap()[0]);
        let expected = (6.0 * 2.0 - 3.0 * 7.0 + 3.0 * 0.5) / 12.0;
        assert!((found - expected).abs() <= 1e-5, "momentum {momentum}: {found} instead of {expected}");
        engine.end_evaluation().unwrap();
        assert_eq!(model.variables["norm.running_mean"].to_vec1::<f32>().unwrap(), [1.0]);
    }
}

#[test]
fn what_is_kept_beside_the_network_is_counted() {
    // 192 features, 10 classes. Running statistics have a place in the flat buffer, and no slot.
    let (trained, all) = (192 * 10 + 10, 192 * 10 + 10 + 192);
    let counted = |changes: &[&str]| state_len(&recipe(changes), &Tiny::new(1, 10)).unwrap();
    assert_eq!(counted(&["optimizer.kind=sgd"]), all + trained);
    assert_eq!(counted(&["optimizer.kind=adamw"]), all + 2 * trained);
    assert_eq!(counted(&["optimizer.kind=lamb", "ema.decay=0.9"]), all + 2 * trained + all);
}
