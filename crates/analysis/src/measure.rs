//! One pass over a network, unit by unit: what each adds to the signal, what of it f cuts, and how the
//! gradient comes back, in all and by the shortcuts alone.

use std::collections::HashMap;

use candle_core::{DType, Device, Result, Tensor, Var, bail};
use candle_nn::VarBuilder;
use resnet_blocks::{ResidualUnit, ShortcutInput, UnitPart};
use resnet_models::{Model, Network};
use resnet_ops::{Graph, Layer, Mode, Shape, Value, softmax_cross_entropy};
use serde::Serialize;

/// What was measured at one unit, on a batch of images as a training step sees it: norms take the batch's
/// statistics, nothing is changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UnitMeasures {
    /// Its number, from 1.
    pub unit: usize,
    /// The name of its parameters.
    pub name: String,
    /// Mean of its input `x_l` over images, channels and pixels.
    pub mean: f64,
    /// Variance of its input over the same.
    pub variance: f64,
    /// Length of the loss's gradient at its input, `dE/dx_l`: equation (5), and (8) where shortcuts scale.
    pub gradient: f64,
    /// By how much the shortcut alone stretches the gradient that arrives: `|h'(x_l) v| / |v|`.
    pub shortcut_derivative: f64,
    /// Natural logarithm of the product of the shortcuts' derivatives from the last unit back to this one:
    /// what equations (6) to (8) say remains of the gradient's first term. It is taken along the true
    /// signals, with the residual branches and f cut out of the gradient. Behind a unit without a shortcut
    /// nothing remains: minus infinity, and null in JSON.
    pub ln_product: f64,
    /// The share of `y_l`, in percent, that f = ReLU makes zero; `None` where f is the identity.
    pub cut: Option<f64>,
    /// The residual branch's share of the sum in percent, by energy: `|F|^2 / (|h|^2 + |F|^2)`.
    pub branch_share: f64,
    /// The least value that the residual branch adds; never below zero where the branch ends in a ReLU,
    /// figure 4(c).
    pub branch_least: f64,
}

impl UnitMeasures {
    /// The product of equations (6) to (8) itself; 0 where it is smaller than any number.
    pub fn product(&self) -> f64 {
        self.ln_product.exp()
    }
}

/// What was measured on a network.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measures {
    /// The batch's mean loss, in nats.
    pub loss: f64,
    /// Mean and variance of the last unit's output.
    pub last: [f64; 2],
    /// Length of the gradient at the last unit's output, `dE/dx_L`.
    pub last_gradient: f64,
    /// Units in order.
    pub units: Vec<UnitMeasures>,
}

/// What passes a unit in the forward direction.
struct Passed {
    output: Tensor,
    cut: Option<f64>,
    branch_share: f64,
    branch_least: f64,
}

/// Measures `model` on `images: [N, 3, H, W]` with `labels`; before each pass over a unit `on_unit`
/// is told how many are done: each unit has a forward and a backward pass. The model stays as it is.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use resnet_analysis::measure;
/// use resnet_models::{Model, registry};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let model = Model::init(&registry::find("resnet20-v2", 10)?, 0)?;
/// let images = Tensor::randn(0f32, 1.0, (4, 3, 32, 32), &Device::Cpu)?;
/// let measures = measure(&model, &images, &[0, 1, 2, 3], |_| {})?;
/// // The shortcut of the last unit is an identity, and after its addition nothing is cut.
/// assert_eq!((measures.units[8].shortcut_derivative, measures.units[8].cut), (1.0, None));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// If the images or labels don't fit the network, or a value is not finite.
pub fn measure(
    model: &Model,
    images: &Tensor,
    labels: &[u32],
    mut on_unit: impl FnMut(u64),
) -> Result<Measures> {
    let network = copied(model)?;
    let units: Vec<&ResidualUnit> = network.units().collect();
    let names = model.spec().units();
    // Dropout draws by the number of the training step: all runs of a unit are to draw the same mask.
    let run = |inputs: &[&Tensor], trace: &dyn Fn(&mut Graph, &[Value]) -> Result<Value>| {
        network.set_drawn_steps(0);
        run(inputs, trace)
    };
    let mut signals = vec![run(&[images], &|graph, x| network.trace_stem(graph, x[0]))?];
    let mut passed = vec![];
    for (index, unit) in units.iter().enumerate() {
        on_unit(index as u64);
        let x = &signals[index];
        let one = forward(unit, x, &run)?;
        signals.push(one.output.clone());
        passed.push(one);
    }
    let Some(last) = signals.last() else { bail!("a network without units") };
    let labels = Tensor::new(labels, &Device::Cpu)?;
    let x = Var::from_tensor(last)?;
    let logits = run(&[x.as_tensor()], &|graph, x| network.trace_end(graph, x[0]))?;
    let loss = softmax_cross_entropy(&logits, &labels)?;
    let mut gradient = gradient_of(&loss, &x)?;
    let loss = f64::from(loss.to_scalar::<f32>()?);
    let last_gradient = length(&gradient)?;
    if !loss.is_finite() || !last_gradient.is_finite() {
        bail!("the loss is {loss} and its gradient {last_gradient} long; there is nothing to measure");
    }
    let last_moments = moments(last)?;
    let mut by_shortcuts = gradient.affine(1.0 / last_gradient, 0.0)?;
    let mut ln_product = 0.0;
    let mut measured = vec![];
    for (index, unit) in units.iter().enumerate().rev() {
        on_unit(2 * units.len() as u64 - index as u64 - 1);
        let x = &signals[index];
        gradient = pulled_back(x, &gradient, &|x| run(&[x], &|graph, x| unit.trace(graph, x[0])))?;
        let before = length(&by_shortcuts)?;
        by_shortcuts = through_shortcut(unit, x, &by_shortcuts, &run)?;
        let after = length(&by_shortcuts)?;
        // Beyond a unit without a shortcut nothing is left to be scaled.
        let shortcut_derivative = if before > 0.0 { after / before } else { 0.0 };
        ln_product += shortcut_derivative.ln();
        // The product over many units would leave the range of f32.
        if after > 0.0 && !(1e-9..1e9).contains(&after) {
            by_shortcuts = by_shortcuts.affine(1.0 / after, 0.0)?;
        }
        let [mean, variance] = moments(x)?;
        let Passed { cut, branch_share, branch_least, .. } = passed[index];
        measured.push(UnitMeasures {
            unit: index + 1,
            name: names[index].0.clone(),
            mean,
            variance,
            gradient: length(&gradient)?,
            shortcut_derivative,
            ln_product,
            cut,
            branch_share,
            branch_least,
        });
    }
    measured.reverse();
    Ok(Measures { loss, last: last_moments, last_gradient, units: measured })
}

/// Runs what a closure traces, as one candle node.
type Run<'a> = dyn Fn(&[&Tensor], &dyn Fn(&mut Graph, &[Value]) -> Result<Value>) -> Result<Tensor> + 'a;

/// The same network on the same weights, to which no gradient goes, with running statistics of its own.
fn copied(model: &Model) -> Result<Network> {
    let tensors: HashMap<String, Tensor> = model
        .variables()
        .iter()
        .map(|(name, variable)| (name.clone(), variable.as_tensor().detach()))
        .collect();
    Network::new(model.spec(), VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu))
}

fn run(inputs: &[&Tensor], trace: &dyn Fn(&mut Graph, &[Value]) -> Result<Value>) -> Result<Tensor> {
    let mut graph = Graph::new();
    let values = inputs.iter().map(|input| Ok(graph.input(Shape::of(input)?))).collect::<Result<Vec<_>>>()?;
    let output = trace(&mut graph, &values)?;
    graph.finish(output)?.run(inputs, Mode::Train)
}

/// `h(x)`.
fn shortcut(unit: &ResidualUnit, x: &Tensor, run: &Run<'_>) -> Result<Tensor> {
    let outline = unit.outline();
    // A plan has at least one step, and an identity has none.
    match outline.shortcut.is_empty() && outline.shortcut_input == ShortcutInput::Raw {
        true => Ok(x.clone()),
        false => run(&[x], &|graph, x| unit.trace_shortcut(graph, x[0])),
    }
}

fn forward(unit: &ResidualUnit, x: &Tensor, run: &Run<'_>) -> Result<Passed> {
    let carried = shortcut(unit, x, run)?;
    let branch = run(&[x], &|graph, x| unit.trace_branch(graph, x[0]))?;
    // The network's own signal, and not the sum of the two, which is rounded otherwise.
    let output = run(&[x], &|graph, x| unit.trace(graph, x[0]))?;
    let [carried, added] = [energy(&carried)?, energy(&branch)?];
    let cut = match unit.outline().after_addition.contains(&UnitPart::Relu) {
        true => Some(100.0 * zeros(&output)?),
        false => None,
    };
    let branch_least = values(&branch)?.into_iter().fold(f32::INFINITY, f32::min);
    let branch_share = 100.0 * added / (carried + added);
    Ok(Passed { output, cut, branch_share, branch_least: f64::from(branch_least) })
}

/// `h'(x)` transposed, times `v`.
fn through_shortcut(unit: &ResidualUnit, x: &Tensor, v: &Tensor, run: &Run<'_>) -> Result<Tensor> {
    pulled_back(x, v, &|x| shortcut(unit, x, run))
}

/// The gradient at `x` of a function whose output has the gradient `v`.
fn pulled_back(x: &Tensor, v: &Tensor, function: &dyn Fn(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    let x = Var::from_tensor(x)?;
    gradient_of(&(function(x.as_tensor())? * v)?.sum_all()?, &x)
}

fn gradient_of(y: &Tensor, x: &Var) -> Result<Tensor> {
    match y.backward()?.get(x) {
        Some(gradient) => Ok(gradient.clone()),
        None => bail!("a unit's output does not depend on its input"),
    }
}

fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1()
}

/// Mean and variance, in f64.
fn moments(tensor: &Tensor) -> Result<[f64; 2]> {
    let values = values(tensor)?;
    let count = values.len() as f64;
    let mean = values.iter().map(|value| f64::from(*value)).sum::<f64>() / count;
    let variance = values.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>() / count;
    Ok([mean, variance])
}

/// The sum of squares, in f64.
fn energy(tensor: &Tensor) -> Result<f64> {
    Ok(values(tensor)?.into_iter().map(|value| f64::from(value).powi(2)).sum())
}

fn length(tensor: &Tensor) -> Result<f64> {
    Ok(energy(tensor)?.sqrt())
}

/// The share of values that are zero.
fn zeros(tensor: &Tensor) -> Result<f64> {
    let values = values(tensor)?;
    Ok(values.iter().filter(|value| **value == 0.0).count() as f64 / values.len() as f64)
}
