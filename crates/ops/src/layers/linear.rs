//! The fully connected layer.

use candle_core::{Result, Tensor, bail};
use candle_nn::{Init, VarBuilder};
use resnet_kernels::conv::ConvShape;
use resnet_kernels::norm::Activation;

use super::{Layer, module_t};
use crate::plan::step::{ConvKind, ConvStep, Op};
use crate::plan::{Graph, Shape, Value};

/// A fully connected layer, weights `[out, in]`, drawn from U(-1/sqrt(in), 1/sqrt(in)); the bias starts at
/// zero.
#[derive(Debug, Clone)]
pub struct Linear {
    name: String,
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// Takes `weight` and `bias` from `vb`.
    ///
    /// # Errors
    /// If `vb` lacks one of them.
    pub fn new(in_features: usize, out_features: usize, vb: VarBuilder) -> Result<Self> {
        let bound = 1.0 / (in_features as f64).sqrt();
        Ok(Linear {
            name: vb.prefix(),
            weight: vb.get_with_hints(
                (out_features, in_features),
                "weight",
                Init::Uniform { lo: -bound, up: bound },
            )?,
            bias: Some(vb.get_with_hints(out_features, "bias", Init::Const(0.0))?),
        })
    }

    /// The same layer with weights `[out, in, 1, 1]`: a 1x1 convolution of pooled features, as timm's v2
    /// heads are stored.
    ///
    /// # Errors
    /// If `vb` lacks `weight` or `bias`.
    pub fn convolutional(in_features: usize, out_features: usize, vb: VarBuilder) -> Result<Self> {
        let bound = 1.0 / (in_features as f64).sqrt();
        let uniform = Init::Uniform { lo: -bound, up: bound };
        // Squeezing makes a view: the gradient reaches the variable, and no memory is needed.
        let weight = vb
            .get_with_hints((out_features, in_features, 1, 1), "weight", uniform)?
            .squeeze(3)?
            .squeeze(2)?;
        let bias = vb.get_with_hints(out_features, "bias", Init::Const(0.0))?;
        Ok(Linear { name: vb.prefix(), weight, bias: Some(bias) })
    }

    /// A layer from tensors: `weight: [out, in]` and `bias: [out]`. Tracing checks that they fit each other.
    pub fn from_tensors(weight: Tensor, bias: Option<Tensor>) -> Self {
        Linear { name: String::new(), weight, bias }
    }

    /// The weights, `[out, in]`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// The bias, `[out]`, if it has one.
    pub fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }
}

impl Layer for Linear {
    /// `[N, in]` to `[N, out]`.
    ///
    /// # Errors
    /// If `x` is no vector of `in` features.
    fn trace(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        linear(graph, x, &self.name, &self.weight, self.bias())
    }
}

module_t!(Linear);

/// Traces `x weight^T + bias`, or without the bias.
pub(crate) fn linear(
    graph: &mut Graph,
    x: Value,
    name: &str,
    weight: &Tensor,
    bias: Option<&Tensor>,
) -> Result<Value> {
    let (out_channels, in_channels) = weight.dims2()?;
    let Shape::Features { images, channels } = graph.shape(x) else {
        bail!("linear layer {name} wants [N, features], got {:?}", graph.shape(x).dims());
    };
    let is_empty = in_channels == 0 || out_channels == 0;
    let fits = channels == in_channels && bias.is_none_or(|bias| bias.dims() == [out_channels]);
    if !fits || is_empty {
        bail!(
            "linear layer {name}: weight {:?}, bias {:?} and {channels} features don't fit",
            weight.dims(),
            bias.map_or(&[] as &[usize], Tensor::dims)
        );
    }
    let (kernel, stride, padding) = (1, 1, 0);
    let shape = ConvShape { images, in_h: 1, in_w: 1, in_channels, out_channels, kernel, stride, padding };
    if !shape.has_lengths() {
        bail!("linear layer {name}: no memory holds {out_channels} filters of {in_channels} features");
    }
    let step = ConvStep { kind: ConvKind::Linear, shape, activation: Activation::Identity };
    let out = Shape::Features { images, channels: out_channels };
    let mut params = vec![graph.param(weight)];
    params.extend(bias.map(|bias| graph.param(bias)));
    Ok(graph.push_layer(name, Op::Conv(step), &[x], &params, out))
}
