//! The group norm layer.

use candle_core::{Result, Tensor, bail};
use candle_nn::{Init, VarBuilder};
use resnet_kernels::norm::Activation;

use crate::graph::{Graph, Shape, Value};
use crate::steps;

/// Group norm over `[N, C, H, W]` (arXiv 1803.08494): statistics over the pixels of one picture and the
/// channels of one group, the same in training and evaluation.
///
/// ```
/// # use candle_core::{DType, Device, Tensor};
/// # use candle_nn::VarBuilder;
/// # use resnet_ops::{GroupNorm, group_norm};
/// # fn main() -> candle_core::Result<()> {
/// let vb = VarBuilder::zeros(DType::F32, &Device::Cpu);
/// let norm = GroupNorm::new(64, 32, vb.pp("norm1"))?;
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
}

impl GroupNorm {
    /// `eps` by convention.
    pub const EPS: f64 = 1e-5;

    /// Takes `weight` and `bias` from `vb`; eps 1e-5.
    ///
    /// # Errors
    /// If `vb` lacks one of them, or `groups` does not divide `channels`.
    pub fn new(channels: usize, groups: usize, vb: VarBuilder) -> Result<Self> {
        let name = vb.prefix();
        if groups == 0 || !channels.is_multiple_of(groups) {
            bail!("group norm {name}: {channels} channels are no {groups} groups");
        }
        let weight = vb.get_with_hints(channels, "weight", Init::Const(1.0))?;
        let bias = vb.get_with_hints(channels, "bias", Init::Const(0.0))?;
        Ok(GroupNorm { name, weight, bias, groups })
    }

    /// Appends normalisation alone to `graph`.
    ///
    /// # Errors
    /// If `x` is no map or has another number of channels.
    pub fn record(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        self.record_with(graph, x, Activation::Identity)
    }

    /// Appends normalisation and ReLU to `graph`.
    ///
    /// # Errors
    /// If `x` is no map or has another number of channels.
    pub fn record_relu(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        self.record_with(graph, x, Activation::Relu)
    }

    fn record_with(&self, graph: &mut Graph, x: Value, activation: Activation) -> Result<Value> {
        let mine = self.weight.elem_count();
        let Shape::Map { images, channels, height, width } = graph.shape(x) else {
            bail!("group norm {} wants [N, C, H, W], got {:?}", self.name, graph.shape(x).dims());
        };
        if channels != mine || self.bias.elem_count() != mine {
            bail!("group norm {} takes {mine} channels, got {channels}", self.name);
        }
        if height * width == 0 {
            bail!("group norm {}: pictures without pixels have no statistics", self.name);
        }
        let y = graph.value(graph.shape(x));
        let (weight, bias) = (graph.param(&self.weight), graph.param(&self.bias));
        graph.push(steps::GroupNorm {
            name: self.name.clone(),
            x,
            y,
            weight,
            bias,
            images,
            groups: self.groups,
            eps: Self::EPS as f32,
            activation,
        });
        Ok(y)
    }
}
