//! Twenty steps of each optimizer, loss and option against PyTorch and timm in f64.
//!
//! The network is smooth, so that rounding is all that differs (no gate of a ReLU decides otherwise), and the
//! steps go through the trainer's own engine.

use std::collections::BTreeMap;

use candle_core::{Device, Result, Tensor, Var};
use resnet_ops::{ClassReduction, Mode};
use resnet_record::Recipe;
use resnet_testing::golden::{self, Measure, measure};
use resnet_testing::{recipe, table};
use resnet_train::{
    AdamWConfig, BatchInput, CandleEngine, Classifier, Clip, EmaConfig, EmaWarmup, Engine as _,
    EvaluatedWeights, Groups, LambConfig, Loss, LossKind, Momentum, NormBatches, OptimizerConfig, Part,
    RuleConfig, SgdConfig, SnapshotContents, StepConfig, Target, WeightDecayOn,
};
use resnet_vision::Batch;

/// Relative to a loss or to a tensor's norm.
const TOLERANCE: f64 = 1e-5;
const FEATURES: usize = 3 * 4 * 4;
const HIDDEN: usize = 16;
const CLASSES: usize = 5;
const CLASS_WEIGHTS: [f32; CLASSES] = [0.5, 2.0, 1.0, 0.25, 1.5];

/// A linear layer, batch norm, tanh, a linear layer.
struct Net {
    variables: BTreeMap<String, Var>,
    /// Whether batch norm normalises by its running statistics and leaves them alone, in training as well.
    frozen: bool,
}

impl Net {
    fn new(frozen: bool) -> Net {
        let shapes: [(&str, &[usize]); 7] = [
            ("fc1.weight", &[HIDDEN, FEATURES]),
            ("norm.weight", &[HIDDEN]),
            ("norm.bias", &[HIDDEN]),
            ("norm.running_mean", &[HIDDEN]),
            ("norm.running_var", &[HIDDEN]),
            ("fc2.weight", &[CLASSES, HIDDEN]),
            ("fc2.bias", &[CLASSES]),
        ];
        let variable = |(name, shape): (&str, &[usize])| {
            let var = Var::from_vec(recipe::tensor(name, shape), shape, &Device::Cpu);
            (name.to_owned(), var.expect("values fit their shape"))
        };
        Net { variables: shapes.into_iter().map(variable).collect(), frozen }
    }

    fn get(&self, name: &str) -> &Tensor {
        &self.variables[name]
    }
}

impl Classifier for Net {
    fn logits(&self, images: &Tensor, mode: Mode) -> Result<Tensor> {
        let x = images.flatten_from(1)?.matmul(&self.get("fc1.weight").t()?)?;
        let running = ["norm.running_mean", "norm.running_var"].map(|name| &self.variables[name]);
        let (mean, var) = match mode {
            Mode::Train if !self.frozen => {
                let mean = x.mean_keepdim(0)?;
                let var = x.broadcast_sub(&mean)?.sqr()?.mean_keepdim(0)?;
                let n = x.dim(0)? as f64;
                let unbiased = (var.detach() * (n / (n - 1.0)))?;
                for (running, now) in running.into_iter().zip([mean.detach(), unbiased]) {
                    let old = running.as_tensor().detach();
                    running.set(&((old * 0.9)? + (now.squeeze(0)? * 0.1)?)?)?;
                }
                (mean, var)
            }
            _ => {
                let detached = running.map(|running| running.as_tensor().detach().unsqueeze(0));
                let [mean, var] = detached;
                (mean?, var?)
            }
        };
        let normalised = x.broadcast_sub(&mean)?.broadcast_div(&(var + 1e-5)?.sqrt()?)?;
        let scaled = normalised.broadcast_mul(self.get("norm.weight"))?;
        let hidden = scaled.broadcast_add(self.get("norm.bias"))?.tanh()?;
        hidden.matmul(&self.get("fc2.weight").t()?)?.broadcast_add(self.get("fc2.bias"))
    }

    fn parts(&self) -> Vec<Part> {
        let of = |(name, layer): (&str, &str)| Part {
            name: name.to_owned(),
            variables: self.variables.keys().filter(|name| name.starts_with(layer)).cloned().collect(),
        };
        [("stem", "fc1."), ("stage1", "norm."), ("head", "fc2.")].map(of).into()
    }

    fn variables(&self) -> &BTreeMap<String, Var> {
        &self.variables
    }
}

/// Images from `from` to `to` of one of the three batches, which have `of` images.
fn batch(number: u64, of: usize, from: usize, to: usize) -> Batch {
    let values = recipe::signed(&format!("input.{number}"), of * FEATURES);
    let label = |image: usize| ((image * 7 + 3 * number as usize) % CLASSES) as u32;
    Batch {
        images: values[from * FEATURES..to * FEATURES].to_vec(),
        labels: (from..to).map(label).collect(),
        height: 4,
        width: 4,
    }
}

/// What a row of steps.json is made with.
struct Case {
    config: StepConfig,
    smoothing: Option<f32>,
    /// Images of each batch of a step.
    batches: Vec<usize>,
    /// Whether batch norm normalises by its running statistics.
    frozen: bool,
    /// What `[stages]` has.
    stages: &'static [&'static str],
}

const SGD: SgdConfig = SgdConfig { momentum: 0.9, kind: Momentum::Classic };
const BETAS: [f64; 2] = [0.9, 0.999];

fn case(name: &str) -> (Case, f64) {
    let on = match name.ends_with("on_weights") {
        true => WeightDecayOn::Weights,
        false => WeightDecayOn::All,
    };
    let (rule, weight_decay, rate) = match name.split('_').next() {
        Some("adamw") => (RuleConfig::AdamW(AdamWConfig { betas: BETAS, eps: 1e-8 }), 0.05, 0.01),
        Some("lamb") => {
            let lamb = LambConfig { betas: BETAS, eps: 1e-6, max_grad_norm: Some(1.0) };
            (RuleConfig::Lamb(lamb), 0.02, 0.02)
        }
        Some("nesterov") => (RuleConfig::Sgd(SgdConfig { kind: Momentum::Nesterov, ..SGD }), 1e-2, 0.05),
        _ => (RuleConfig::Sgd(SGD), 1e-2, 0.05),
    };
    let binary = |classes, target_threshold| LossKind::BinaryCrossEntropy { classes, target_threshold };
    let kind = match name {
        "bce" | "bce_class_weights" => binary(ClassReduction::Mean, None),
        "bce_sum_threshold" => binary(ClassReduction::Sum, Some(0.2)),
        _ => LossKind::CrossEntropy,
    };
    let clip = match name {
        "clip_grad_norm" => Clip::Norm(0.3),
        "clip_grad_value" => Clip::Value(0.01),
        _ => Clip::None,
    };
    let ema = match name {
        "ema" => Some(EmaConfig { decay: 0.9, warmup: None }),
        "ema_warmup" => {
            Some(EmaConfig { decay: 0.8, warmup: Some(EmaWarmup { gamma: 1.0, power: 2.0 / 3.0 }) })
        }
        _ => None,
    };
    let smoothing = match name {
        "label_smoothing" | "bce" | "class_weights_soft" => Some(0.1),
        "bce_sum_threshold" => Some(0.3),
        _ => None,
    };
    let class_weights = name.contains("class_weights").then(|| CLASS_WEIGHTS.to_vec());
    let frozen = name.starts_with("accumulation") || name == "freeze_norms_stay";
    let stages: &[&str] = match name {
        "lr_factors" | "lamb_lr_factors" => &["stages.lr_factors.stem=0.1", "stages.lr_factors.stage1=0.5"],
        "adamw_lr_decay" => &["stages.lr_decay=0.75"],
        "freeze_norms_stay" => &["stages.freeze_until=stage1"],
        "freeze_norms_move" => &["stages.freeze_until=stage1", "stages.frozen_norms=move"],
        _ => &[],
    };
    let config = StepConfig {
        loss: Loss { kind, class_weights },
        clip,
        optimizer: OptimizerConfig { rule, weight_decay, weight_decay_on: on },
        ema,
        groups: Groups::default(),
    };
    // Of one size, and of sizes that differ.
    let batches = match name {
        "accumulation" => vec![32; 4],
        "accumulation_class_weights" => vec![40, 32, 50, 6],
        _ => vec![12],
    };
    (Case { config, smoothing, batches, frozen, stages }, rate)
}

fn smoothed(labels: &[u32], smoothing: f32) -> Vec<f32> {
    let share = smoothing / CLASSES as f32;
    let target = |label: u32, class: u32| if label == class { 1.0 - smoothing + share } else { share };
    labels.iter().flat_map(|&label| (0..CLASSES as u32).map(move |class| target(label, class))).collect()
}

/// What was found and what PyTorch found, by name.
fn rows(name: &str) -> std::result::Result<Vec<(String, Measure, Measure)>, resnet_train::Error> {
    let (Case { mut config, smoothing, batches, frozen, stages }, rate) = case(name);
    let golden = golden::steps(name);
    assert_eq!(golden.losses.len(), 20);
    let (averages, net) = (config.ema.is_some(), Net::new(frozen));
    assert_eq!(averages, !golden.ema_after.is_empty(), "{name}");
    let mut recipe = Recipe::built_in("quick-start").expect("a built-in recipe");
    recipe.set_all(stages)?;
    config.groups = Groups::of(&recipe, &net)?;
    let mut engine = CandleEngine::new(&net, config)?;
    let single = |loss: f64| Measure { norm: loss, dot_probe: loss };
    let images: usize = batches.iter().sum();
    // A mean over batches is the mean over images unless labels weigh differently.
    let tells_loss = name != "accumulation_class_weights";
    let mut rows = vec![];
    for (step, expected) in (0u64..).zip(&golden.losses) {
        let (mut loss, mut from) = (0.0, 0);
        for size in &batches {
            let batch = batch(step % 3, images, from, from + size);
            let target = match smoothing {
                Some(smoothing) => Target::Probabilities(smoothed(&batch.labels, smoothing)),
                None => Target::Labels(batch.labels.clone()),
            };
            let is_whole_step = batches.len() == 1;
            let input = BatchInput { batch, first_image: 0, is_whole_step, target, step, draw: step, rate };
            let done = engine.backward(input)?;
            loss += done.loss * *size as f64 / images as f64;
            from += size;
        }
        engine.step(rate)?;
        if tells_loss {
            rows.push((format!("{name}: loss {step}"), single(loss), single(*expected)));
        }
    }
    if name == "update_bn" {
        let mut three = (0..3).map(|number| Ok(batch(number, images, 0, images)));
        let norms = NormBatches { batches: &mut three, images: 1000, fewest: 1 };
        engine.begin_evaluation(EvaluatedWeights::Raw, Some(norms))?;
    }
    let snapshot = engine.snapshot(SnapshotContents::All);
    for (prefix, tensors) in [("", &golden.weights_after), ("ema.", &golden.ema_after)] {
        for (tensor, expected) in tensors {
            let found = measure(tensor, &snapshot.values(&format!("{prefix}{tensor}"))?);
            rows.push((format!("{name}: {prefix}{tensor} after"), found, *expected));
        }
    }
    Ok(rows)
}

#[test]
fn twenty_steps_equal_pytorchs_and_timms() {
    let names = golden::step_names();
    assert_eq!(names.len(), 25);
    let all: Vec<_> = names.iter().flat_map(|name| rows(name).expect("a network that works")).collect();
    table::run(&all, |(_, found, expected)| found.compare(expected, TOLERANCE));
}

/// A golden that any steps would pass tests nothing.
#[test]
fn every_option_changes_the_weights() {
    // An average leaves the weights that it is of as they are.
    let names = golden::step_names();
    let names: Vec<_> = names.iter().filter(|name| !["ema", "ema_warmup"].contains(&&***name)).collect();
    let all: Vec<_> = names.iter().map(|name| (name, golden::steps(name))).collect();
    for (i, (name, one)) in all.iter().enumerate() {
        for (other, another) in &all[..i] {
            let differs = one.weights_after.iter().any(|(tensor, weights)| {
                let others = another.weights_after.get(tensor);
                others.is_none_or(|others| weights.compare(others, 100.0 * TOLERANCE).is_err())
            });
            assert!(differs, "{name} ends as {other} does");
        }
    }
}
