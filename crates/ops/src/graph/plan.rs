//! A recorded graph made ready to run: fused, with the life of every buffer worked out.

use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::{DType, Device, Result, Tensor, bail};
use resnet_kernels::conv::ConvShape;

use super::fuse;
use super::node::{self, Tape};
use super::{Graph, Param, Shape, Value};
use crate::Mode;
use crate::standardise::standardise_weight;
use crate::steps::Step;

/// A layer as a summary shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerInfo {
    /// The dotted name its parameters have in checkpoints; empty for a layer without parameters.
    pub name: String,
    /// What it does: `conv 3x3`, `batch norm + relu`, `add`, ...
    pub kind: String,
    /// The output's dimensions without the batch.
    pub output: Vec<usize>,
    /// Trainable parameters.
    pub parameters: usize,
    /// Multiply-adds for one picture, of convolutions and products only (what the literature counts).
    pub multiply_adds: u64,
}

/// Whether a training step saves memory at the price of some time. The results are the same to the bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Memory {
    /// From 4 GiB a step on.
    #[default]
    Auto,
    /// Never: whatever backward reads is kept.
    Spend,
    /// Always: of bottleneck units in a chain, every other output `x + F(x)` is recomputed by their last
    /// convolution.
    Save,
}

/// Bytes of a training step from which on [`Memory::Auto`] saves.
const FRUGAL: usize = 4 << 30;

/// An immutable program: steps over values, with parameters. Run it as often as you like.
#[derive(Debug)]
pub struct Plan {
    pub(super) steps: Vec<Step>,
    pub(super) shapes: Vec<Shape>,
    pub(super) inputs: Vec<Value>,
    pub(super) output: Value,
    pub(super) params: Vec<Tensor>,
    /// Filters that are standardised before each run, and their eps.
    pub(super) standardised: BTreeMap<usize, f64>,
    /// Where each parameter starts in the flat vector of all of them; the last entry is its length.
    pub(super) offsets: Vec<usize>,
    /// The last step that reads a value in the forward pass.
    pub(super) last_use: Vec<usize>,
    /// Whether backward reads a value.
    pub(super) kept: Vec<bool>,
    /// The step that computes a kept value once more in the backward pass, where it isn't kept after all.
    pub(super) recomputed: Vec<Option<usize>>,
    /// How many steps read a value.
    pub(super) readers: Vec<usize>,
    /// Whether a batch norm reads a value, and so wants its statistics.
    pub(super) normalised: Vec<bool>,
}

impl Plan {
    pub(super) fn new(graph: Graph, output: Value, memory: Memory) -> Self {
        let Graph { mut steps, shapes, inputs, params, standardised, .. } = graph;
        fuse::fold_into_store(&mut steps, shapes.len(), output, fuse::Relu::Keep);
        let mut plan = Plan { standardised, ..Plan::of_steps(steps, shapes, inputs, params, output) };
        if memory == Memory::Save || memory == Memory::Auto && plan.training_bytes() > FRUGAL {
            plan.recompute_sums();
        }
        plan
    }

    /// A plan of rewritten steps.
    pub(super) fn of_steps(
        steps: Vec<Step>,
        shapes: Vec<Shape>,
        inputs: Vec<Value>,
        params: Vec<Tensor>,
        output: Value,
    ) -> Self {
        let mut offsets = vec![0];
        for param in &params {
            offsets.push(offsets[offsets.len() - 1] + param.elem_count());
        }
        let mut plan = Plan {
            last_use: vec![0; shapes.len()],
            kept: vec![false; shapes.len()],
            recomputed: vec![None; shapes.len()],
            readers: vec![0; shapes.len()],
            normalised: vec![false; shapes.len()],
            steps,
            shapes,
            inputs,
            output,
            params,
            standardised: BTreeMap::new(),
            offsets,
        };
        plan.work_out_lives();
        plan
    }

    /// Has every other output of a chain of units recomputed instead of kept. `x + F(x)` with a 1x1
    /// convolution as the branch's last layer needs only that layer: it is wider than all else of the unit,
    /// and the cheapest to compute.
    fn recompute_sums(&mut self) {
        for (index, step) in self.steps.iter().enumerate() {
            let Step::Conv(conv) = step else { continue };
            let Some(residual) = conv.residual else { continue };
            let is_cheap = conv.shape.kernel == 1 && conv.shape.in_channels < conv.shape.out_channels;
            let is_there = self.kept[residual.0] && self.recomputed[residual.0].is_none();
            if is_cheap && is_there && self.kept[conv.y.0] && conv.y != self.output {
                self.recomputed[conv.y.0] = Some(index);
            }
        }
    }

    fn work_out_lives(&mut self) {
        for (index, step) in self.steps.iter().enumerate() {
            for input in step.inputs() {
                self.last_use[input.0] = index;
                self.readers[input.0] += 1;
                self.normalised[input.0] |= matches!(step, Step::Norm(_));
            }
            for value in step.kept() {
                self.kept[value.0] = true;
            }
        }
        self.last_use[self.output.0] = usize::MAX;
        // A normalised value may exist only as a recipe over its source: the source lives as long.
        for step in self.steps.iter().rev() {
            if let Step::Norm(norm) = step {
                let (x, y) = (norm.x.0, norm.y.0);
                self.last_use[x] = self.last_use[x].max(self.last_use[y]);
                self.kept[x] |= self.kept[y];
            }
        }
    }

    /// The layers in order, for summaries.
    pub fn layers(&self) -> Vec<LayerInfo> {
        let describe = |step: &Step| {
            let parameters = step.params().iter().map(|param| self.params[param.0].elem_count()).sum();
            let shape = self.shapes[step.output().0];
            LayerInfo {
                name: step.name().to_owned(),
                kind: step.kind(),
                output: shape.dims()[1..].to_vec(),
                parameters,
                multiply_adds: step.multiply_adds(),
            }
        };
        self.steps.iter().map(describe).collect()
    }

    /// The geometry of each convolution in order; a product on a single pixel (a linear layer) is none.
    pub fn convolutions(&self) -> Vec<ConvShape> {
        let shape = |step: &Step| match step {
            Step::Conv(conv) if (conv.shape.in_h, conv.shape.in_w) != (1, 1) => Some(conv.shape),
            _ => None,
        };
        self.steps.iter().filter_map(shape).collect()
    }

    /// Whether a batch norm sees one pixel per image and channel, which a training step on one image cannot
    /// normalise.
    pub fn normalises_single_pixels(&self) -> bool {
        self.steps.iter().any(|step| match step {
            Step::Norm(norm) => matches!(
                self.shapes[norm.x.0],
                Shape::Map { height: 1, width: 1, .. } | Shape::Features { .. }
            ),
            _ => false,
        })
    }

    /// An estimate of a training step's memory in bytes: activations kept for backward, the buffers in flight
    /// and, for every parameter, the value, its gradient, the momentum and two flat copies.
    pub fn training_bytes(&self) -> usize {
        let normalised: Vec<usize> = self
            .steps
            .iter()
            .filter_map(|step| if let Step::Norm(norm) = step { Some(norm.y.0) } else { None })
            .collect();
        let stays = |value: &usize| self.kept[*value] && self.recomputed[*value].is_none();
        let written = (0..self.shapes.len()).filter(|value| stays(value) && !normalised.contains(value));
        let activations: usize = written.map(|value| self.shapes[value].len()).sum();
        let largest = self.shapes.iter().map(Shape::len).max().unwrap_or(0);
        4 * (activations + 4 * largest + 5 * self.offsets[self.params.len()])
    }

    /// Number of parameters.
    pub fn parameters(&self) -> usize {
        self.offsets[self.params.len()]
    }

    pub(super) fn param_range(&self, param: Param) -> std::ops::Range<usize> {
        self.offsets[param.0]..self.offsets[param.0 + 1]
    }

    /// Runs the plan as one candle node on the recorded inputs.
    ///
    /// # Errors
    /// If an input or parameter is not f32 on the CPU, or an input has another shape than it was recorded
    /// with.
    pub fn run(self: &Arc<Self>, inputs: &[&Tensor], mode: Mode) -> Result<Tensor> {
        self.check_inputs(inputs)?;
        for param in &self.params {
            check(param)?;
        }
        node::apply(self.clone(), inputs, mode)
    }

    /// Whether `inputs` are what the plan was recorded for.
    pub(super) fn check_inputs(&self, inputs: &[&Tensor]) -> Result<()> {
        if inputs.len() != self.inputs.len() {
            bail!("the plan takes {} inputs, not {}", self.inputs.len(), inputs.len());
        }
        for (input, value) in inputs.iter().zip(&self.inputs) {
            let expected = self.shapes[value.0].dims();
            if input.dims() != expected {
                bail!("the plan was recorded for an input of {expected:?}, not {:?}", input.dims());
            }
            check(input)?;
        }
        Ok(())
    }

    /// The parameters as steps use them: constants in `Mode::Eval`, filters standardised where asked for.
    pub(super) fn parameters_to_use(&self, mode: Mode) -> Result<Vec<Tensor>> {
        let mut params: Vec<Tensor> = match mode {
            Mode::Train => self.params.clone(),
            Mode::Eval => self.params.iter().map(Tensor::detach).collect(),
        };
        for (index, eps) in &self.standardised {
            params[*index] = standardise_weight(&params[*index], *eps)?;
        }
        Ok(params)
    }

    /// Which values need a gradient: those that depend on an input or a parameter with one.
    pub(super) fn wanted(&self, tape: &Tape) -> Vec<bool> {
        let mut wanted = vec![false; self.shapes.len()];
        for (value, tracked) in self.inputs.iter().zip(&tape.inputs) {
            wanted[value.0] = *tracked;
        }
        for step in &self.steps {
            let from_inputs = step.inputs().iter().any(|input| wanted[input.0]);
            let from_params = step.params().iter().any(|param| tape.params[param.0]);
            wanted[step.output().0] = from_inputs || from_params;
        }
        wanted
    }
}

fn check(tensor: &Tensor) -> Result<()> {
    if tensor.dtype() != DType::F32 {
        bail!("resnet-ops computes in f32, got a tensor of {:?}; convert it with to_dtype", tensor.dtype());
    }
    if !matches!(tensor.device(), Device::Cpu) {
        bail!("resnet-ops runs on the CPU, got a tensor on {:?}; move it with to_device", tensor.device());
    }
    Ok(())
}
