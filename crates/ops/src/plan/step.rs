//! Steps as data: what a plan does, and nothing of how.
//!
//! [`Op`] is the one list of what a plan can do. What an op reads for its backward pass ([`Op::kept`]) and
//! how a summary calls it ([`Op::kind`]) are two tables over that list; an executor has a third, of how it
//! runs.

use std::sync::Arc;

use candle_core::{Result, Var};
use resnet_kernels::avg_pool_2x2_ceil::AvgPool2x2Ceil;
use resnet_kernels::conv::ConvShape;
use resnet_kernels::elementwise::ZeroPad;
use resnet_kernels::gate::Gate;
use resnet_kernels::norm::{Activation, Moments};
use resnet_kernels::pool::{PoolKind, PoolShape};

use super::value::{Param, Value};
use crate::draws::Draws;
use crate::mode::Mode;

/// One step of a plan.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// The dotted name of the layer that traced it; empty if it has no parameters.
    pub(crate) name: String,
    /// What it does.
    pub(crate) op: Op,
    /// The values it reads, in the order that the op's description says.
    pub(crate) inputs: Vec<Value>,
    /// The value it sets.
    pub(crate) output: Value,
    /// The parameters it reads, in the order that the op's description says.
    pub(crate) params: Vec<Param>,
}

/// What a step does. Where nothing else is said, it has one input and no parameters.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Conv(ConvStep),
    BatchNorm(BatchNormStep),
    GroupNorm(GroupNormStep),
    /// `max(x, 0)`
    Relu(ReluStep),
    Add(AddStep),
    Gate(GateStep),
    Scale(ScaleStep),
    Drop(DropStep),
    /// Option A's shortcut without parameters: sub-sampled pixels, zeros for the new channels.
    ZeroPad(ZeroPad),
    Pool(PoolStep),
    /// The mean over 2x2 pixels before the projection of the d variants.
    AvgPool2x2Ceil(AvgPool2x2Ceil),
    GlobalAvgPool(GlobalAvgPoolStep),
}

/// `y = activation(conv(x, weight) + bias + residual)`. Inputs: `x` and, if an addition was folded into it,
/// the residual. Parameters: the weight and, if it has one, the bias. A linear layer is the 1x1 case on one
/// pixel.
#[derive(Debug, Clone)]
pub(crate) struct ConvStep {
    pub(crate) kind: ConvKind,
    pub(crate) shape: ConvShape,
    /// What follows the sum; folded in for inference alone, since ReLU's backward is a step of its own.
    pub(crate) activation: Activation,
}

/// What a summary calls a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConvKind {
    Conv,
    Linear,
}

/// Batch norm, alone or followed by ReLU. Parameters: gamma and beta.
#[derive(Debug, Clone)]
pub(crate) struct BatchNormStep {
    pub(crate) running: RunningStatistics,
    pub(crate) eps: f32,
    /// Weight of the newest batch in the running statistics.
    pub(crate) momentum: f64,
    pub(crate) activation: Activation,
    pub(crate) statistics: NormStatistics,
}

/// What batch norm normalises by while the network trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NormStatistics {
    /// The batch's, which the running ones follow.
    Batch,
    /// The running ones, which stay as they are.
    Running,
}

impl BatchNormStep {
    /// The mode that it runs in where the network runs in `mode`.
    pub(crate) fn mode(&self, mode: Mode) -> Mode {
        match self.statistics {
            NormStatistics::Batch => mode,
            NormStatistics::Running => Mode::Eval,
        }
    }
}

/// Whether a variable of this name is batch norm's running mean or variance, which no gradient moves.
pub fn is_running_statistic(name: &str) -> bool {
    name.ends_with("running_mean") || name.ends_with("running_var")
}

/// The layer of a variable; a name without a dot is that of a layer of its own.
///
/// ```
/// assert_eq!(resnet_ops::layer_of("layer1.0.conv1.weight"), "layer1.0.conv1");
/// assert_eq!(resnet_ops::layer_of("scale"), "scale");
/// ```
pub fn layer_of(variable: &str) -> &str {
    variable.rsplit_once('.').map_or(variable, |(layer, _)| layer)
}

/// Running mean and variance, `[C]` each; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct RunningStatistics {
    pub(crate) mean: Arc<Var>,
    pub(crate) var: Arc<Var>,
}

impl RunningStatistics {
    pub(crate) fn moments(&self) -> Result<Moments> {
        Ok(Moments { mean: self.mean.to_vec1()?, var: self.var.to_vec1()? })
    }
}

/// Group norm, alone or followed by ReLU. Parameters: gamma and beta.
#[derive(Debug, Clone)]
pub(crate) struct GroupNormStep {
    pub(crate) images: usize,
    pub(crate) groups: usize,
    pub(crate) eps: f32,
    pub(crate) activation: Activation,
}

/// `max(x, 0)` where no norm precedes it.
#[derive(Debug, Clone)]
pub(crate) struct ReluStep;

/// Equation (1), `y = h(x) + F(x)`, and the ReLU of figure 1(a) after it. Inputs: both operands.
#[derive(Debug, Clone)]
pub(crate) struct AddStep {
    /// `f` of equation (2): ReLU or the identity.
    pub(crate) activation: Activation,
}

/// `g x` or `(1 - g) x` with `g = sigmoid(z)`: figure 2(c) and (d). Inputs: `z` and `x`.
#[derive(Debug, Clone)]
pub(crate) struct GateStep {
    pub(crate) gate: Gate,
}

/// `factor x`: figure 2(b).
#[derive(Debug, Clone)]
pub(crate) struct ScaleStep {
    pub(crate) factor: f32,
}

/// Dropout, figure 2(f), and stochastic depth: in training, what is dropped is zero and the rest is divided
/// by the probability to stay.
#[derive(Debug, Clone)]
pub(crate) struct DropStep {
    pub(crate) what: Dropped,
    /// Probability to stay.
    pub(crate) keep: f64,
    pub(crate) draws: Draws,
}

/// Whether single elements or whole images are dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// Single elements: dropout.
    Elements,
    /// All of an image's elements: stochastic depth.
    Images,
}

/// Pooling over windows.
#[derive(Debug, Clone)]
pub(crate) struct PoolStep {
    pub(crate) shape: PoolShape,
    pub(crate) kind: PoolKind,
}

/// The mean over all pixels.
#[derive(Debug, Clone)]
pub(crate) struct GlobalAvgPoolStep {
    pub(crate) images: usize,
    pub(crate) channels: usize,
}

/// A layer's role in a network, where its name does not tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerRole {
    /// An addition, equation (1), as a step of its own or folded into a convolution.
    Addition,
    /// Gives a shortcut its shape, without parameters.
    Shortcut,
    /// The mean over all pixels, with which the head begins.
    GlobalPool,
    /// Anything else.
    Other,
}

/// Which values the backward pass of an op reads.
enum BackwardReads {
    Nothing,
    FirstInput,
    AllInputs,
    Output,
}

impl Op {
    /// What its backward pass reads.
    fn kept(&self) -> BackwardReads {
        match self {
            Op::Conv(_) | Op::BatchNorm(_) | Op::GroupNorm(_) | Op::Pool(_) => BackwardReads::FirstInput,
            Op::Gate(_) => BackwardReads::AllInputs,
            Op::Relu(_) | Op::Add(AddStep { activation: Activation::Relu }) => BackwardReads::Output,
            Op::Add(_) | Op::Scale(_) | Op::Drop(_) | Op::ZeroPad(_) => BackwardReads::Nothing,
            Op::AvgPool2x2Ceil(_) | Op::GlobalAvgPool(_) => BackwardReads::Nothing,
        }
    }

    /// What follows in the same pass over memory.
    fn activation(&self) -> Activation {
        match self {
            Op::Conv(ConvStep { activation, .. })
            | Op::BatchNorm(BatchNormStep { activation, .. })
            | Op::GroupNorm(GroupNormStep { activation, .. })
            | Op::Add(AddStep { activation }) => *activation,
            _ => Activation::Identity,
        }
    }

    /// What it does, in a few words.
    fn kind(&self) -> String {
        match self {
            Op::Conv(ConvStep { kind: ConvKind::Linear, .. }) => "linear".to_owned(),
            Op::Conv(ConvStep { shape, .. }) if shape.stride == 1 => format!("conv {0}x{0}", shape.kernel),
            Op::Conv(ConvStep { shape, .. }) => format!("conv {0}x{0} / {1}", shape.kernel, shape.stride),
            Op::BatchNorm(_) => "batch norm".to_owned(),
            Op::GroupNorm(norm) => format!("group norm of {}", norm.groups),
            Op::Relu(_) => "relu".to_owned(),
            Op::Add(_) => "add".to_owned(),
            Op::Gate(GateStep { gate: Gate::Transform }) => "gate".to_owned(),
            Op::Gate(GateStep { gate: Gate::Carry }) => "carry gate".to_owned(),
            Op::Scale(scale) => format!("times {}", scale.factor),
            Op::Drop(DropStep { what: Dropped::Elements, keep, .. }) => format!("dropout, {keep} stay"),
            Op::Drop(DropStep { what: Dropped::Images, keep, .. }) => format!("drop path, {keep} stay"),
            Op::ZeroPad(_) => "zero-padding shortcut".to_owned(),
            Op::Pool(PoolStep { shape, kind }) => {
                let what = match kind {
                    PoolKind::Average => "average",
                    PoolKind::Max => "maximum",
                    PoolKind::ZeroPaddedMax => "zero-padded maximum",
                };
                format!("{what} pool {0}x{0}", shape.kernel)
            }
            Op::AvgPool2x2Ceil(_) => "average pool 2x2 / 2".to_owned(),
            Op::GlobalAvgPool(_) => "global average pool".to_owned(),
        }
    }
}

impl Step {
    /// What it does, in a few words.
    pub(crate) fn kind(&self) -> String {
        let residual = match self.op {
            Op::Conv(_) if self.inputs.len() > 1 => " + residual",
            _ => "",
        };
        let activation = match self.op.activation() {
            Activation::Identity => "",
            Activation::Relu => " + relu",
        };
        self.op.kind() + residual + activation
    }

    /// What it is to a network.
    pub(crate) fn role(&self) -> LayerRole {
        match self.op {
            Op::Add(_) => LayerRole::Addition,
            Op::Conv(_) if self.inputs.len() > 1 => LayerRole::Addition,
            Op::ZeroPad(_) | Op::AvgPool2x2Ceil(_) => LayerRole::Shortcut,
            Op::GlobalAvgPool(_) => LayerRole::GlobalPool,
            _ => LayerRole::Other,
        }
    }

    /// The values that its backward pass reads.
    pub(crate) fn kept(&self) -> &[Value] {
        match self.op.kept() {
            BackwardReads::Nothing => &[],
            BackwardReads::FirstInput => &self.inputs[..1],
            BackwardReads::AllInputs => &self.inputs,
            BackwardReads::Output => std::slice::from_ref(&self.output),
        }
    }

    /// Whether it takes the statistics of its input while the network trains.
    pub(crate) fn takes_statistics(&self) -> bool {
        matches!(&self.op, Op::BatchNorm(norm) if norm.statistics == NormStatistics::Batch)
    }

    /// Multiply-adds per image, of convolutions and linear layers only.
    pub(crate) fn multiply_adds(&self) -> u64 {
        match &self.op {
            Op::Conv(conv) => conv.shape.multiply_adds_per_image(),
            _ => 0,
        }
    }
}
