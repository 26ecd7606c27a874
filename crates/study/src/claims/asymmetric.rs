//! Claim 6: a network whose activations stand after the additions, each for the branch of the next unit
//! alone, is the network of pre-activation units. Equation (9), figure 5.

use std::collections::HashMap;

use candle_core::{DType, Device, Result, Tensor, bail};
use candle_nn::VarBuilder;
use resnet_models::{Model, registry};
use resnet_ops::{
    BatchNorm, Conv2d, ConvConfig, Graph, Layer, Linear, Mode, Value, ZeroPadConfig, is_running_statistic,
    softmax_cross_entropy,
};

use resnet_report::Figure;
use resnet_report::chart::{Axis, Chart, Colour, Series};

use super::{Measured, Verdict};
use crate::words::count;

/// The network that is compared.
const MODEL: &str = "resnet20-v2";

/// Steps of the picture, and their learning rate.
const STEPS: u32 = 12;
const RATE: f64 = 0.02;

/// How far two ways to compute logits and gradients are apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Apart {
    /// The largest absolute difference of two logits, divided by the largest absolute logit.
    pub logits: f64,
    /// The same ratio for the gradient of each parameter; the largest of all parameters.
    pub gradients: f64,
}

/// How far other forms of the pre-activation network, with the same weights, are from it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sameness {
    /// Activations after the additions, each seen by the next branch alone.
    pub asymmetric: Apart,
    /// Activations after the additions, seen by branch and shortcut, which is another function.
    pub symmetric: Apart,
    /// The network itself with the images in another order: how far rounding alone parts equal functions.
    pub rounding: Apart,
    /// How many gradient values were compared: one for each trainable number of the network.
    pub compared: usize,
}

impl Sameness {
    /// Whether the asymmetric form has the same logits and gradients to the bit: equation (9) only groups the
    /// same operations otherwise, so rounding is no excuse.
    pub fn is_same(&self) -> bool {
        self.asymmetric == Apart { logits: 0.0, gradients: 0.0 }
    }
}

/// Who sees the activation after an addition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// The next residual branch: figure 5(b).
    ByBranch,
    /// The shortcut as well: figure 5(a).
    ByBoth,
}

/// A unit of figure 5(a) or (b): an activation follows the addition, and [`Seen`] says who sees it.
#[derive(Debug)]
struct AsymmetricUnit {
    conv1: Conv2d,
    norm: BatchNorm,
    conv2: Conv2d,
    change: Option<ZeroPadConfig>,
    /// The activation after the addition: what the next unit begins with, or the network's last norm.
    after: BatchNorm,
}

/// The whole network of such units, as one layer.
#[derive(Debug)]
struct Asymmetric {
    stem: Conv2d,
    first: BatchNorm,
    units: Vec<AsymmetricUnit>,
    head: Linear,
    seen: Seen,
}

impl Asymmetric {
    /// Builds the network on the variables of `model`, so that both share their weights.
    fn of(model: &Model, seen: Seen) -> Result<Self> {
        let shared = model.variables().iter();
        let shared = shared.map(|(name, variable)| (name.clone(), variable.as_tensor().clone()));
        let shared: HashMap<String, Tensor> = shared.collect();
        let vb = &VarBuilder::from_tensors(shared, DType::F32, &Device::Cpu);
        let spec = model.spec();
        let units = spec.units();
        let after = |index: usize| match units.get(index + 1) {
            Some((name, config)) => BatchNorm::new(config.in_channels, vb.pp(name).pp("norm1")),
            None => BatchNorm::new(spec.features(), vb.pp("norm")),
        };
        let unit = |(index, (name, config)): (usize, &(String, resnet_blocks::UnitConfig))| {
            let vb = vb.pp(name);
            let (inputs, outputs) = (config.in_channels, config.out_channels);
            let first = ConvConfig::same(3).with_stride(config.stride);
            Ok(AsymmetricUnit {
                conv1: Conv2d::new(inputs, outputs, first, vb.pp("conv1"))?,
                norm: BatchNorm::new(outputs, vb.pp("norm2"))?,
                conv2: Conv2d::new(outputs, outputs, ConvConfig::same(3), vb.pp("conv2"))?,
                change: config
                    .changes_shape()
                    .then_some(ZeroPadConfig { out_channels: outputs, stride: config.stride }),
                after: after(index)?,
            })
        };
        let Some((first, config)) = units.first() else { bail!("a network without units") };
        Ok(Asymmetric {
            stem: Conv2d::new(3, config.in_channels, ConvConfig::same(3), vb.pp("stem.conv"))?,
            first: BatchNorm::new(config.in_channels, vb.pp(first).pp("norm1"))?,
            units: units.iter().enumerate().map(unit).collect::<Result<_>>()?,
            head: Linear::new(spec.features(), spec.classes, vb.pp("head.fc"))?,
            seen,
        })
    }
}

impl Layer for Asymmetric {
    fn trace(&self, graph: &mut Graph, images: Value) -> Result<Value> {
        let sum = self.stem.trace(graph, images)?;
        // Both paths of the first unit share its activation.
        let mut active = self.first.trace_relu(graph, sum)?;
        let mut sum = active;
        for unit in &self.units {
            let shortcut = if self.seen == Seen::ByBoth { active } else { sum };
            let carried = match unit.change {
                Some(change) => graph.zero_pad_shortcut(shortcut, change)?,
                None => shortcut,
            };
            let branch = unit.conv1.trace(graph, active)?;
            let branch = unit.norm.trace_relu(graph, branch)?;
            let branch = unit.conv2.trace(graph, branch)?;
            sum = graph.add(carried, branch)?;
            active = unit.after.trace_relu(graph, sum)?;
        }
        let features = graph.global_avg_pool(active)?;
        self.head.trace(graph, features)
    }
}

/// Compares the forms on `images`, `[N, 3, 32, 32]`, with one set of weights, drawn by `seed`: logits of a
/// training step, and the gradient of its loss by each parameter.
///
/// # Errors
/// If the network cannot be built or run.
pub fn sameness(images: &Tensor, seed: u64) -> Result<Sameness> {
    let spec = registry::find(MODEL, 10).map_err(candle_core::Error::wrap)?;
    let model = Model::init(&spec, seed)?;
    let count = images.dim(0)?;
    let reversed: Vec<u32> = (0..count as u32).rev().collect();
    let reversed = Tensor::from_vec(reversed, count, &Device::Cpu)?;
    let pre_activation = Learned::of(&model, &model, images)?;
    let beside =
        |form: Seen| pre_activation.apart(&Learned::of(&model, &Asymmetric::of(&model, form)?, images)?);
    let turned = Learned::of(&model, &model, &images.index_select(&reversed, 0)?)?;
    let turned = Learned { logits: turned.logits.index_select(&reversed, 0)?, ..turned };
    Ok(Sameness {
        asymmetric: beside(Seen::ByBranch)?,
        symmetric: beside(Seen::ByBoth)?,
        rounding: pre_activation.apart(&turned)?,
        compared: pre_activation.gradients.iter().map(Tensor::elem_count).sum(),
    })
}

/// What a training step makes of a batch.
struct Learned {
    logits: Tensor,
    /// One gradient for each parameter, in the order of the parameters' names.
    gradients: Vec<Tensor>,
}

impl Learned {
    /// Each image's label is derived from its first pixel, so that images in another order keep their labels.
    fn of(model: &Model, network: &impl Layer, images: &Tensor) -> Result<Learned> {
        let first = images.flatten_from(1)?.narrow(1, 0, 1)?.flatten_all()?.to_vec1::<f32>()?;
        let labels = first.iter().map(|value| (value.abs() * 1000.0) as u32 % model.spec().classes as u32);
        let labels = Tensor::from_iter(labels, &Device::Cpu)?;
        let logits = network.forward(images, Mode::Train)?;
        let store = softmax_cross_entropy(&logits, &labels)?.backward()?;
        let parameters = model.variables().iter().filter(|(name, _)| !is_running_statistic(name));
        let gradients = parameters.map(|(name, variable)| match store.get(variable.as_tensor()) {
            Some(gradient) => Ok(gradient.clone()),
            None => bail!("{name} gets no gradient"),
        });
        Ok(Learned { gradients: gradients.collect::<Result<_>>()?, logits })
    }

    fn apart(&self, other: &Learned) -> Result<Apart> {
        let mut gradients = 0.0f64;
        for (a, b) in self.gradients.iter().zip(&other.gradients) {
            gradients = gradients.max(apart(a, b)?);
        }
        Ok(Apart { logits: apart(&self.logits, &other.logits)?, gradients })
    }
}

/// How a network's activations are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// After the additions, figure 5(b).
    After,
    /// Before the weights, figure 5(c).
    Before,
}

/// `(step, loss in nats)` of plain gradient descent on `images`, from the initial weights of seed 0.
fn descent(form: Form, images: &Tensor) -> Result<Vec<(f64, f64)>> {
    let spec = registry::find(MODEL, 10).map_err(candle_core::Error::wrap)?;
    let model = Model::init(&spec, 0)?;
    let after = Asymmetric::of(&model, Seen::ByBranch)?;
    let labels = (0..images.dim(0)?).map(|image| (image % spec.classes) as u32);
    let labels = Tensor::from_iter(labels, &Device::Cpu)?;
    let mut losses = vec![];
    for step in 1..=STEPS {
        let logits = match form {
            Form::After => after.forward(images, Mode::Train)?,
            Form::Before => model.forward(images, Mode::Train)?,
        };
        let loss = softmax_cross_entropy(&logits, &labels)?;
        losses.push((f64::from(step), f64::from(loss.to_scalar::<f32>()?)));
        let gradients = loss.backward()?;
        for variable in model.variables().values() {
            if let Some(gradient) = gradients.get(variable.as_tensor()) {
                variable.set(&(variable.as_tensor() - (gradient * RATE)?)?.detach())?;
            }
        }
    }
    Ok(losses)
}

/// Both forms while they learn the same images.
fn picture(images: &Tensor) -> Result<Figure> {
    let [after, before] = [descent(Form::After, images)?, descent(Form::Before, images)?];
    let gap = after.iter().zip(&before).map(|(a, b)| (a.1 - b.1).abs()).fold(0.0, f64::max);
    let title = if gap == 0.0 {
        format!("Over {STEPS} steps the losses of both forms are the same to the bit")
    } else {
        format!("Over {STEPS} steps the losses of both forms are {gap:.1e} nats apart at most")
    };
    let chart = Chart::new(
        title.clone(),
        Axis::from_zero("steps", f64::from(STEPS)),
        Axis::log("loss, nats (log scale)"),
    )
    .with(Series::new("before weights", Colour::Blue, before))
    .with(Series::new("after additions", Colour::Ink, after).dashed());
    Ok(Figure::new(&chart, format!("{title}. Gradient descent on the same images from the same weights.")))
}

/// The largest absolute difference, divided by the largest absolute value of `a`; a NaN counts as infinitely
/// far.
fn apart(a: &Tensor, b: &Tensor) -> Result<f64> {
    let [a, b] = [a, b].map(|tensor| tensor.flatten_all()?.to_vec1::<f32>());
    let (a, b) = (a?, b?);
    let largest = a.iter().fold(0f32, |most, value| most.max(value.abs()));
    let difference = a.iter().zip(&b).fold(0f32, |most, (a, b)| {
        let difference = (a - b).abs();
        if difference.is_nan() { f32::INFINITY } else { most.max(difference) }
    });
    Ok(if difference == 0.0 { 0.0 } else { f64::from(difference) / f64::from(largest) })
}

/// A part of a whole in few digits and plain words: `45 %`, `0.3 %`, `4 millionths`.
fn part(share: f64) -> String {
    match share {
        0.0 => "nothing".to_owned(),
        0.1.. => format!("{:.0} %", 100.0 * share),
        0.001.. => format!("{:.1} %", 100.0 * share),
        1.5e-6.. => format!("{:.0} millionths", 1e6 * share),
        0.9995e-6.. => "a millionth".to_owned(),
        1.5e-9.. => format!("{:.0} billionths", 1e9 * share),
        _ => "less than two billionths".to_owned(),
    }
}

/// Claim 6.
pub(super) fn same_function() -> Result<Measured> {
    let images = super::signal::drawn(16)?;
    let same = sameness(&images, 0)?;
    let Sameness { asymmetric, symmetric, rounding, compared } = same;
    Ok(Measured {
        verdict: if same.is_same() { Verdict::Supported } else { Verdict::Contradicted },
        sentences: vec![format!(
            "{MODEL} written with its activations after the additions, each seen by the next residual branch alone, beside the \
             network of pre-activation units with the same weights: the logits and the gradients of {} parameters are \
             {}. Another order of the images, which changes nothing but f32's rounding, changes the logits by {} of the \
             largest and the gradients by {} of their parameter's largest; activations that the shortcut sees as well \
             change them by {} and {}.",
            count(compared as u64),
            if same.is_same() {
                "the same to the bit".to_string()
            } else {
                format!("up to {} and {} apart", part(asymmetric.logits), part(asymmetric.gradients))
            },
            part(rounding.logits),
            part(rounding.gradients),
            part(symmetric.logits),
            part(symmetric.gradients)
        )],
        rests_on: format!(
            "logits and gradients of one training step on 16 generated images; the picture on {STEPS} steps"
        ),
        figure: Some(picture(&images)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_parts_are_told_in_plain_words() {
        let parts = [0.0, 0.451, 0.0034, 4.2e-6, 3e-8].map(part);
        assert_eq!(parts, ["nothing", "45 %", "0.3 %", "4 millionths", "30 billionths"]);
    }

    #[test]
    fn both_forms_learn_alike() {
        let images = Tensor::randn(0f32, 1.0, (4, 3, 32, 32), &Device::Cpu).unwrap();
        let [after, before] = [Form::After, Form::Before].map(|form| descent(form, &images).unwrap());
        assert_eq!(after, before);
        assert!(before.last().unwrap().1 < before[0].1, "it learns: {before:?}");
        let (a, b) = (Tensor::new(&[1f32, f32::NAN], &Device::Cpu), Tensor::new(&[1f32, 2.0], &Device::Cpu));
        assert_eq!(apart(&a.unwrap(), &b.unwrap()).unwrap(), f64::INFINITY);
    }
}
