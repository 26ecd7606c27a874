//! The group norm layer.

use candle_core::{Result, Tensor, bail};
use candle_nn::{Init, VarBuilder};
use resnet_kernels::norm::Activation;

use super::{Layer, checked_eps, module_t};
use crate::plan::step::{GroupNormStep, Op};
use crate::plan::{Graph, Shape, Value};

/// The channels and groups of a group norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupNormConfig {
    /// Channels of the input.
    pub channels: usize,
    /// Groups of channels of one size, each with statistics of its own.
    pub groups: usize,
}

/// Group norm over `[N, C, H, W]` (arXiv 1803.08494): statistics over the pixels of one image and the
/// channels of one group, the same in training and evaluation.
///
/// ```
/// # use candle_core::{DType, Device, Tensor};
/// # use candle_nn::VarBuilder;
/// # use resnet_ops::{GroupNorm, GroupNormConfig, group_norm};
/// # fn main() -> candle_core::Result<()> {
/// let vb = VarBuilder::zeros(DType::F32, &Device::Cpu);
/// let norm = GroupNorm::new(GroupNormConfig { channels: 64, groups: 32 }, vb.pp("norm1"))?;
/// let x = Tensor::randn(0f32, 1.0, (2, 64, 7, 7), &Device::Cpu)?;
/// assert_eq!(group_norm(&x, &norm)?.dims(), x.dims());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct GroupNorm {
    name: String,
    weight: Tensor,
    bias: Tensor,
    groups: usize,
    eps: f64,
}

impl GroupNorm {
    /// The default `eps`, as in PyTorch.
    pub const EPS: f64 = 1e-5;

    /// Takes `weight` and `bias` from `vb`; eps 1e-5.
    ///
    /// # Errors
    /// If `vb` lacks one of them, or the groups don't divide the channels.
    pub fn new(config: GroupNormConfig, vb: VarBuilder) -> Result<Self> {
        let GroupNormConfig { channels, groups } = config;
        let name = vb.prefix();
        check_groups(&name, config)?;
        let weight = vb.get_with_hints(channels, "weight", Init::Const(1.0))?;
        let bias = vb.get_with_hints(channels, "bias", Init::Const(0.0))?;
        Ok(GroupNorm { name, weight, bias, groups, eps: Self::EPS })
    }

    /// A layer from tensors, each `[C]`: scale and shift; eps 1e-5. Tracing checks that the lengths agree.
    ///
    /// # Errors
    /// If `groups` don't divide the channels.
    pub fn from_tensors(weight: Tensor, bias: Tensor, groups: usize) -> Result<Self> {
        check_groups("", GroupNormConfig { channels: weight.elem_count(), groups })?;
        Ok(GroupNorm { name: String::new(), weight, bias, groups, eps: Self::EPS })
    }

    /// The scale, `[C]`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// The shift, `[C]`.
    pub fn bias(&self) -> &Tensor {
        &self.bias
    }

    /// Groups of channels.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// The same layer with another `eps`, which is added to the variance before its root is taken.
    ///
    /// # Errors
    /// If `eps` is not positive and finite.
    pub fn with_eps(self, eps: f64) -> Result<Self> {
        Ok(GroupNorm { eps: checked_eps(eps)?, ..self })
    }

    /// Appends normalisation and ReLU to `graph`.
    ///
    /// # Errors
    /// If `x` is no map, has another number of channels, or has no channels or no pixels.
    pub fn trace_relu(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        self.trace_with(graph, x, Activation::Relu)
    }

    fn trace_with(&self, graph: &mut Graph, x: Value, activation: Activation) -> Result<Value> {
        let mine = self.weight.elem_count();
        let Shape::Map { images, channels, height, width } = graph.shape(x) else {
            bail!("group norm {} wants [N, C, H, W], got {:?}", self.name, graph.shape(x).dims());
        };
        if self.bias.elem_count() != mine {
            bail!("group norm {}: its two tensors have different lengths", self.name);
        }
        if channels != mine {
            bail!("group norm {} takes {mine} channels, got {channels}", self.name);
        }
        if mine == 0 {
            bail!("group norm {} has no channels", self.name);
        }
        if height * width == 0 {
            bail!("group norm {}: images without pixels have no statistics", self.name);
        }
        let step = GroupNormStep { images, groups: self.groups, eps: self.eps as f32, activation };
        let params = [&self.weight, &self.bias].map(|tensor| graph.param(tensor));
        Ok(graph.push_layer(&self.name, Op::GroupNorm(step), &[x], &params, graph.shape(x)))
    }
}

impl Layer for GroupNorm {
    /// Normalisation alone.
    ///
    /// # Errors
    /// As [`GroupNorm::trace_relu`].
    fn trace(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        self.trace_with(graph, x, Activation::Identity)
    }
}

module_t!(GroupNorm);

/// Checks that the channels of the norm called `name` divide into its groups.
fn check_groups(name: &str, GroupNormConfig { channels, groups }: GroupNormConfig) -> Result<()> {
    if groups == 0 || !channels.is_multiple_of(groups) {
        bail!("group norm {name}: {channels} channels don't divide into {groups} groups");
    }
    Ok(())
}
