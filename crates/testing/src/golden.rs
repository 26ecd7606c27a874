//! The golden files of `tests/goldens`: results of PyTorch in f64 on tensors of the weight recipe.
//!
//! A file holds names, shapes and results; tensors come from [`crate::recipe`]. Whole tensors are kept as a
//! [`Measure`] of two numbers, one of which sees the size and the other the place of every element.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::recipe;

/// Names and shapes of a state dictionary, in PyTorch's order.
pub type StateDict = Vec<(String, Vec<usize>)>;

/// A tensor in two numbers.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// The Euclidean norm.
    pub norm: f64,
    /// The inner product with [`probe`]: it changes when elements trade places.
    pub dot_probe: f64,
}

impl Measure {
    /// `Err` unless both numbers are within `rtol` times the expected norm of the expected ones.
    ///
    /// The probe's product is judged by the norm as well, and not by its own size, which cancellation may
    /// bring near zero.
    pub fn compare(&self, expected: &Measure, rtol: f64) -> Result<(), String> {
        let allowed = rtol * expected.norm;
        let close = |a: f64, e: f64| (a - e).abs() <= allowed;
        if close(self.norm, expected.norm) && close(self.dot_probe, expected.dot_probe) {
            return Ok(());
        }
        Err(format!("{self:?} where {expected:?} was expected, within {allowed:e}"))
    }
}

/// The probe of a tensor: the recipe's signed values of `probe.NAME`.
pub fn probe(name: &str, n: usize) -> Vec<f32> {
    recipe::signed(&format!("probe.{name}"), n)
}

/// The measure of a tensor called `name`, summed in f64 in row-major order (`NCHW` for activations).
pub fn measure(name: &str, values: &[f32]) -> Measure {
    let square: f64 = values.iter().map(|&v| f64::from(v).powi(2)).sum();
    let products =
        probe(name, values.len()).into_iter().zip(values).map(|(p, &v)| f64::from(p) * f64::from(v));
    Measure { norm: square.sqrt(), dot_probe: products.sum() }
}

/// Logits of a network in evaluation on `recipe::batch`, its weights filled by the recipe.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logits {
    /// As in the file's name: `cifar.resnet20_v1_a`.
    pub name: String,
    /// Shape of the input, `[n, 3, h, w]`.
    pub input: [usize; 4],
    /// Number of trainable parameters.
    pub parameters: usize,
    /// Every tensor of the network.
    pub state_dict: StateDict,
    /// `[n, classes]`.
    pub logits: Vec<Vec<f64>>,
}

/// Logits of a network of timm's or transformers' on small images, its weights filled by the recipe.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Family {
    /// timm's name.
    pub model: String,
    /// The dialect of the tensor names that the recipe was given.
    pub dialect: String,
    /// Shape of the input, `[n, 3, h, w]`.
    pub input: [usize; 4],
    /// A hash of all names and shapes, see `make_families.py`.
    pub names: String,
    /// `[n, classes]`.
    pub logits: Vec<Vec<f64>>,
}

/// The input of a unit: the recipe's signed values of `name`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitInput {
    /// Name of the values.
    pub name: String,
    /// `[n, c, h, w]`.
    pub shape: [usize; 4],
}

/// One unit of the paper's figures 2 and 4. The gradients are those of `sum(y probe("output"))` in training
/// mode; what training yields is missing for the dropout shortcut, which is random there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// `original`, `full_preactivation`, ...
    pub kind: String,
    /// The input.
    pub input: UnitInput,
    /// Every tensor of the unit.
    pub state_dict: StateDict,
    /// Output in evaluation, measured as "output".
    pub eval_output: Measure,
    /// Output in training, measured as "output".
    pub train_output: Option<Measure>,
    /// Gradient of the input, measured by the input's name.
    pub input_gradient: Option<Measure>,
    /// Gradient of each parameter, measured by its name.
    #[serde(default)]
    pub gradients: BTreeMap<String, Measure>,
    /// Running statistics after the training pass, measured by their names.
    #[serde(default)]
    pub running_statistics_after: BTreeMap<String, Measure>,
}

/// Eight steps of SGD on one batch (rate 0.05, momentum 0.9, weight decay 1e-4 on every parameter).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// The network, as in [`Logits::name`].
    pub name: String,
    /// Shape of the batch, which is `recipe::batch`.
    pub batch: [usize; 4],
    /// One label an image.
    pub labels: Vec<usize>,
    /// Mean loss before each step.
    pub losses: Vec<f64>,
    /// Gradients of the first step, without weight decay.
    pub first_gradients: BTreeMap<String, Measure>,
    /// Parameters and running statistics after the last step.
    pub weights_after: BTreeMap<String, Measure>,
}

/// Twenty steps of a small, smooth network by one optimizer, loss or option, see `make_steps.py`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Steps {
    /// What is tested.
    pub name: String,
    /// Mean loss before each step.
    pub losses: Vec<f64>,
    /// Parameters and running statistics after the last step.
    pub weights_after: BTreeMap<String, Measure>,
    /// Their moving averages, where they are kept.
    pub ema_after: BTreeMap<String, Measure>,
}

/// The logits of `name`, such as `cifar.resnet20_v1_a`.
pub fn logits(name: &str) -> Logits {
    load(name)
}

/// A network of each family.
pub fn families() -> Vec<Family> {
    load("families")
}

/// Every unit.
pub fn units() -> Vec<Unit> {
    load("units")
}

/// The unit of a kind, such as `full_preactivation`.
pub fn unit(kind: &str) -> Unit {
    let found = units().into_iter().find(|unit| unit.kind == kind);
    found.unwrap_or_else(|| panic!("units.json has no {kind}"))
}

/// Every short training.
pub fn trainings() -> Vec<Training> {
    load("training")
}

/// The short training of a network, such as `cifar.resnet20_v2_b`.
pub fn training(name: &str) -> Training {
    let found = trainings().into_iter().find(|training| training.name == name);
    found.unwrap_or_else(|| panic!("training.json has no {name}"))
}

/// Every short training of a network so small that f32 decides each ReLU's gate as f64 does, see
/// `make_small_training.py`.
pub fn small_trainings() -> Vec<Training> {
    load("training_small")
}

/// The twenty steps of `name`, such as `lamb`.
pub fn steps(name: &str) -> Steps {
    let found = load::<Vec<Steps>>("steps").into_iter().find(|steps| steps.name == name);
    found.unwrap_or_else(|| panic!("steps.json has no {name}"))
}

/// The names of all of [`steps`].
pub fn step_names() -> Vec<String> {
    load::<Vec<Steps>>("steps").into_iter().map(|steps| steps.name).collect()
}

/// The folder of the golden files and of the Python that made them.
pub fn folder() -> PathBuf {
    crate::data::workspace().join("tests/goldens")
}

fn load<T: DeserializeOwned>(name: &str) -> T {
    let path = folder().join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[cfg(test)]
mod tests;
