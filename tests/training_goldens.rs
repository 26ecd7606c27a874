//! Eight steps of SGD against PyTorch in f64: losses, first gradients, final weights and running statistics.
//!
//! training_small.json is the strict test: no value enters a ReLU within 2e-5 of zero, so that every gate is
//! decided in f32 as well, and rounding is all that differs.
//!
//! In training.json three million values enter ReLUs, some within 1e-6 of zero; whether their gradients pass
//! is a matter of rounding. One such gate changes a first layer's gradient by about 5e-3 of its norm, and
//! eight steps multiply that: in f64 itself, an input that is off by 6e-8 of its size moves weights by 2e-2.
//! f32 can't be sure of 1e-3 there, and PyTorch's isn't: see [`Bounds`]. (With two gates turned over in f64
//! for the first network and one for the second, all our first gradients are within 1.2e-5.) So what no gate
//! decides is held tightly, and the rest to PyTorch's error.

use std::collections::BTreeMap;

use candle_core::backprop::GradStore;
use candle_core::{Device, Result, Tensor, Var};
use resnet_models::{Model, registry};
use resnet_ops::{Mode, softmax_cross_entropy};
use resnet_testing::golden::{self, Measure, Training, measure};
use resnet_testing::{recipe, table};

/// Relative to a loss or to a tensor's norm, where every gate is decided; PyTorch's f32 misses by 1e-5. (The
/// project asks for 1e-3.)
const TOLERANCE: f64 = 1e-4;

/// Twice the most that PyTorch 2.15's f32 misses training.json by, over its three ways to convolve and twelve
/// inputs that differ by a rounding.
#[derive(Clone, Copy)]
struct Bounds {
    losses: f64,
    first_gradients: f64,
    after: f64,
}

const RESNET20_V1: Bounds =
    Bounds { losses: 2.0 * 2.3e-2, first_gradients: 2.0 * 9.1e-3, after: 2.0 * 5.9e-2 };
const RESNET20_V2: Bounds =
    Bounds { losses: 2.0 * 1.8e-3, first_gradients: 2.0 * 1.5e-2, after: 2.0 * 1.9e-2 };
const RATE: f64 = 0.05;
const MOMENTUM: f64 = 0.9;
const WEIGHT_DECAY: f64 = 1e-4;

fn is_statistic(name: &str) -> bool {
    name.ends_with("running_mean") || name.ends_with("running_var")
}

/// A network whose tensors are the recipe's.
fn network(name: &str) -> Result<Model> {
    let spec = registry::find(name, 10).expect("a name of the registry");
    let model = Model::init(&spec, 0)?;
    for (name, var) in model.variables() {
        var.set(&Tensor::from_vec(recipe::tensor(name, var.dims()), var.dims(), &Device::Cpu)?)?;
    }
    Ok(model)
}

/// `v = 0.9 v + (g + 1e-4 w)`, `w -= 0.05 v`, written out.
fn sgd_step(model: &Model, gradients: &GradStore, velocity: &mut BTreeMap<String, Tensor>) -> Result<()> {
    for (name, w) in model.variables().iter().filter(|(name, _)| !is_statistic(name)) {
        let g = gradients.get(w).unwrap_or_else(|| panic!("{name} has no gradient"));
        let g = (g + (w.as_tensor() * WEIGHT_DECAY)?)?.detach();
        let v = match velocity.get(name) {
            Some(v) => ((v * MOMENTUM)? + g)?,
            None => g,
        };
        w.set(&(w.as_tensor() - (&v * RATE)?)?.detach())?;
        velocity.insert(name.clone(), v);
    }
    Ok(())
}

fn measured(name: &str, tensor: &Tensor) -> Measure {
    measure(name, &tensor.flatten_all().and_then(|flat| flat.to_vec1()).expect("f32 on the CPU"))
}

/// A loss as a tensor of one element.
fn single(loss: f64) -> Measure {
    Measure { norm: loss, dot_probe: loss }
}

/// What was found and what PyTorch found, by name.
fn rows(golden: &Training, model: &Model) -> Result<Vec<(String, Measure, Measure)>> {
    let [n, _, h, w] = golden.batch;
    let images = Tensor::from_vec(recipe::batch(n, h, w), &golden.batch, &Device::Cpu)?;
    let labels: Vec<u32> = golden.labels.iter().map(|&label| label as u32).collect();
    let labels = Tensor::new(labels, &Device::Cpu)?;
    let mut rows = Vec::new();
    let mut velocity = BTreeMap::new();
    for (step, expected) in golden.losses.iter().enumerate() {
        let loss = softmax_cross_entropy(&model.forward(&images, Mode::Train)?, &labels)?;
        let gradients = loss.backward()?;
        rows.push((format!("loss {step}"), single(f64::from(loss.to_scalar::<f32>()?)), single(*expected)));
        if step == 0 {
            for (name, expected) in &golden.first_gradients {
                let found: &Var = &model.variables()[name];
                let found = gradients.get(found).unwrap_or_else(|| panic!("{name} has no gradient"));
                rows.push((format!("first gradient of {name}"), measured(name, found), *expected));
            }
        }
        sgd_step(model, &gradients, &mut velocity)?;
    }
    for (name, expected) in &golden.weights_after {
        rows.push((format!("{name} after"), measured(name, &model.variables()[name]), *expected));
    }
    Ok(rows)
}

fn check(golden: &Training, name: &str, tolerance: impl Fn(&str) -> f64) -> Result<()> {
    let model = network(name)?;
    let trained = model.variables().keys().filter(|name| !is_statistic(name)).count();
    assert_eq!(
        (trained, model.variables().len()),
        (golden.first_gradients.len(), golden.weights_after.len())
    );
    table::run(&rows(golden, &model)?, |(name, found, expected)| found.compare(expected, tolerance(name)));
    Ok(())
}

#[test]
fn eight_steps_with_decided_gates_equal_pytorchs() -> Result<()> {
    let names = ["resnet8-v1", "resnet8-v2-b", "resnet11-v2"];
    let goldens = golden::small_trainings();
    assert_eq!(goldens.len(), names.len());
    for (golden, name) in goldens.iter().zip(names) {
        check(golden, name, |_| TOLERANCE)?;
    }
    Ok(())
}

impl Bounds {
    /// The bound of a row.
    fn of(&self, row: &str) -> f64 {
        let first_gradient = row.starts_with("first gradient of");
        match row {
            // The forward pass is continuous, and no gate lies between the loss and the last layer.
            "loss 0" => 1e-5,
            _ if first_gradient && row.contains("fc.") => TOLERANCE,
            _ if first_gradient => self.first_gradients,
            _ if row.starts_with("loss") => self.losses,
            _ => self.after,
        }
    }
}

#[test]
fn eight_steps_of_resnet20_v1_are_as_near_as_pytorchs_own_f32() -> Result<()> {
    check(&golden::training("cifar.resnet20_v1_a"), "resnet20-v1", |row| RESNET20_V1.of(row))
}

#[test]
fn eight_steps_of_resnet20_v2_with_projections_are_as_near_as_pytorchs_own_f32() -> Result<()> {
    check(&golden::training("cifar.resnet20_v2_b"), "resnet20-v2-b", |row| RESNET20_V2.of(row))
}
