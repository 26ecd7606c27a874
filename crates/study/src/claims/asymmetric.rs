//! Claim 6: a network whose activations stand after the additions, each for the branch of the next unit alone, is the
//! network of pre-activation units. Equation (9), figure 5.

use std::collections::HashMap;

use candle_core::{DType, Device, Result, Tensor, bail};
use candle_nn::VarBuilder;
use resnet_models::{Model, Spec, registry};
use resnet_ops::{
    BatchNorm, Conv2d, ConvConfig, Graph, Layer, Linear, Mode, Shape, Value, ZeroPadConfig,
    softmax_cross_entropy,
};

use resnet_report::Figure;
use resnet_report::chart::{Axis, Chart, Colour, Series};

use super::{Measured, Verdict};
use crate::words::count;

/// The network that is compared.
const MODEL: &str = "resnet20-v2";
/// Differences up to so many times the largest value are f32's rounding.
const ROUNDING: f64 = 1e-5;

/// Steps of the picture, and their learning rate.
const STEPS: u32 = 24;
const RATE: f64 = 0.05;

/// How far two ways to compute one function are apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sameness {
    /// The largest difference of two logits, over the largest logit.
    pub logits: f64,
    /// The largest difference of two gradients of a parameter, over the largest of that parameter's gradient.
    pub gradients: f64,
    /// Gradients that were compared: one for each number of the network.
    pub compared: usize,
}

/// A unit of figure 5(a) and (b): the sum, then an activation that only the next unit's branch sees.
#[derive(Debug)]
struct AsymmetricUnit {
    conv1: Conv2d,
    norm: BatchNorm,
    conv2: Conv2d,
    change: Option<ZeroPadConfig>,
    /// The activation after the addition: what the next unit begins with, or the network's last norm.
    after: BatchNorm,
}

/// All of it, as one layer.
#[derive(Debug)]
struct Asymmetric {
    stem: Conv2d,
    first: BatchNorm,
    units: Vec<AsymmetricUnit>,
    head: Linear,
}

impl Asymmetric {
    fn new(spec: &Spec, vb: &VarBuilder) -> Result<Self> {
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
            let branch = unit.conv1.trace(graph, active)?;
            let branch = unit.norm.trace_relu(graph, branch)?;
            let branch = unit.conv2.trace(graph, branch)?;
            let carried = match unit.change {
                Some(change) => graph.zero_pad_shortcut(sum, change)?,
                None => sum,
            };
            sum = graph.add(carried, branch)?;
            active = unit.after.trace_relu(graph, sum)?;
        }
        let features = graph.global_avg_pool(active)?;
        self.head.trace(graph, features)
    }
}

/// Compares the two on `images`, `[N, 3, 32, 32]`, with one set of weights, drawn by `seed`: logits of a training step,
/// and the gradient of its loss by each parameter.
///
/// # Errors
/// If the network cannot be built or run.
pub fn sameness(images: &Tensor, seed: u64) -> Result<Sameness> {
    let spec = registry::find(MODEL, 10).map_err(candle_core::Error::wrap)?;
    let model = Model::init(&spec, seed)?;
    let shared: HashMap<String, Tensor> = model
        .variables()
        .iter()
        .map(|(name, variable)| (name.clone(), variable.as_tensor().clone()))
        .collect();
    let asymmetric = Asymmetric::new(&spec, &VarBuilder::from_tensors(shared, DType::F32, &Device::Cpu))?;
    let labels = (0..images.dim(0)?).map(|image| (image % spec.classes) as u32);
    let labels = Tensor::from_iter(labels, &Device::Cpu)?;
    let mut graph = Graph::new();
    let input = graph.input(Shape::of(images)?);
    let output = asymmetric.trace(&mut graph, input)?;
    let ours = graph.finish(output)?.run(&[images], Mode::Train)?;
    let theirs = model.forward(images, Mode::Train)?;
    let (of_ours, of_theirs) = (
        softmax_cross_entropy(&ours, &labels)?.backward()?,
        softmax_cross_entropy(&theirs, &labels)?.backward()?,
    );
    let (mut gradients, mut compared) = (0.0f64, 0);
    for (name, variable) in model.variables().iter().filter(|(name, _)| !name.contains("running_")) {
        let (Some(a), Some(b)) = (of_ours.get(variable.as_tensor()), of_theirs.get(variable.as_tensor()))
        else {
            bail!("{name} gets no gradient in one of the two networks");
        };
        gradients = gradients.max(apart(a, b)?);
        compared += variable.elem_count();
    }
    Ok(Sameness { logits: apart(&ours, &theirs)?, gradients, compared })
}

/// How a network's activations are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// After the additions, figure 5(b).
    After,
    /// Before the weights, figure 5(c).
    Before,
}

/// Losses in nats of some steps of plain gradient descent from one set of first weights, by step.
fn descent(form: Form, images: &Tensor) -> Result<Vec<(f64, f64)>> {
    let spec = registry::find(MODEL, 10).map_err(candle_core::Error::wrap)?;
    let model = Model::init(&spec, 0)?;
    let shared: HashMap<String, Tensor> = model
        .variables()
        .iter()
        .map(|(name, variable)| (name.clone(), variable.as_tensor().clone()))
        .collect();
    let after = Asymmetric::new(&spec, &VarBuilder::from_tensors(shared, DType::F32, &Device::Cpu))?;
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
    let last = |line: &[(f64, f64)]| line.last().map_or(f64::NAN, |point| point.1);
    let title =
        format!("The loss ends at {:.4} and {:.4} nats: two lines that are one", last(&after), last(&before));
    let chart = Chart::new(
        title.clone(),
        Axis::from_zero("steps", f64::from(STEPS)),
        Axis::log("loss, nats (log scale)"),
    )
    .with(Series::new("before weights", Colour::Blue, before))
    .with(Series::new("after additions", Colour::Ink, after).dashed());
    Ok(Figure::new(&chart, format!("{title}. Gradient descent on the same images from the same weights.")))
}

/// The largest difference over the largest value; NaN counts as infinitely far.
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

/// Claim 6.
pub(super) fn same_function() -> Result<Measured> {
    let images = super::signal::drawn(16)?;
    let Sameness { logits, gradients, compared } = sameness(&images, 0)?;
    let is_same = logits <= ROUNDING && gradients <= ROUNDING;
    Ok(Measured {
        verdict: if is_same { Verdict::Supported } else { Verdict::Contradicted },
        sentences: vec![format!(
            "{MODEL} written with its activations after the additions, each seen by the next residual branch alone, beside the \
             network of pre-activation units with the same weights: logits differ by at most {logits:.1e} of the largest, \
             the gradients of {} parameters by at most {gradients:.1e}.",
            count(compared as u64)
        )],
        rests_on: format!("{STEPS} training steps on 16 drawn images"),
        figure: Some(picture(&images)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asymmetric_activation_after_the_addition_is_the_next_units_pre_activation() {
        for seed in [0, 1] {
            let images = Tensor::randn(0f32, 1.0, (4, 3, 32, 32), &Device::Cpu).unwrap();
            let same = sameness(&images, seed).unwrap();
            assert!(same.logits <= ROUNDING && same.gradients <= ROUNDING, "{same:?}");
            let spec = registry::find(MODEL, 10).unwrap();
            assert_eq!(same.compared, resnet_models::summary::of(&spec).unwrap().parameters);
        }
        let images = Tensor::randn(0f32, 1.0, (4, 3, 32, 32), &Device::Cpu).unwrap();
        let [after, before] = [Form::After, Form::Before].map(|form| descent(form, &images).unwrap());
        for (after, before) in after.iter().zip(&before) {
            assert!((after.1 - before.1).abs() <= 1e-3 * before.1, "{after:?} {before:?}");
        }
        assert!(before.last().unwrap().1 < 0.5 * before[0].1, "it learns: {before:?}");
        let (a, b) = (Tensor::new(&[1f32, f32::NAN], &Device::Cpu), Tensor::new(&[1f32, 2.0], &Device::Cpu));
        assert_eq!(apart(&a.unwrap(), &b.unwrap()).unwrap(), f64::INFINITY);
    }
}
