//! What comes before the first unit: convolutions, norms and ReLUs, pooling.

use candle_core::Result;
use candle_nn::VarBuilder;
use resnet_blocks::Placement;
use resnet_blocks::layers::{NormLayer, convolution};
use resnet_ops::{Conv2d, ConvConfig, Graph, Layer, PoolConfig, Value};

use crate::spec::{Family, Spec, StemLayers, StemPool};

/// A stem with its parameters.
#[derive(Debug, Clone)]
pub(crate) struct Stem {
    layers: Vec<ConvNorm>,
    /// Whether ReLU follows the last norm. With ReLU-only pre-activation it belongs to the first unit.
    ends_in_relu: bool,
    pool: StemPool,
}

/// A convolution, and the norm after it. With full pre-activation the last convolution has none: that norm
/// belongs to the first unit.
#[derive(Debug, Clone)]
struct ConvNorm {
    conv: Conv2d,
    norm: Option<NormLayer>,
}

/// A layer as data: what its parameters are called, channels and geometry.
struct ConvNormSpec {
    conv: &'static str,
    norm: Option<&'static str>,
    channels: (usize, usize),
    geometry: ConvConfig,
}

fn layers(spec: &Spec) -> Vec<ConvNormSpec> {
    let (in_channels, out_channels) = (spec.input[0], spec.stem.out_channels);
    let (single, norm) = match spec.family() {
        Family::V1 => ("conv1", Some("bn1")),
        Family::V2 => ("stem.conv", None),
    };
    let last = |conv, in_channels, geometry| ConvNormSpec {
        conv,
        norm,
        channels: (in_channels, out_channels),
        geometry,
    };
    match spec.stem.layers {
        StemLayers::Conv3x3 => vec![last(single, in_channels, ConvConfig::same(3))],
        StemLayers::Conv7x7 => vec![last(single, in_channels, ConvConfig::same(7).with_stride(2))],
        StemLayers::Deep([first, second]) => {
            // In timm's v1 they are a sequence with the norms and ReLUs between them.
            let [(conv1, norm1), (conv2, norm2)] = match spec.family() {
                Family::V1 => [("conv1.0", "conv1.1"), ("conv1.3", "conv1.4")],
                Family::V2 => [("stem.conv1", "stem.norm1"), ("stem.conv2", "stem.norm2")],
            };
            let third = if spec.family() == Family::V1 { "conv1.6" } else { "stem.conv3" };
            let layer = |conv, norm, channels, stride| ConvNormSpec {
                conv,
                norm: Some(norm),
                channels,
                geometry: ConvConfig::same(3).with_stride(stride),
            };
            vec![
                layer(conv1, norm1, (in_channels, first), 2),
                layer(conv2, norm2, (first, second), 1),
                last(third, second, ConvConfig::same(3)),
            ]
        }
    }
}

impl Stem {
    /// Takes the stem's parameters from `vb`.
    pub(crate) fn new(spec: &Spec, vb: &VarBuilder) -> Result<Self> {
        let layer = |ConvNormSpec { conv, norm, channels, geometry }| {
            Ok(ConvNorm {
                conv: convolution(spec.filters, channels, geometry, vb.pp(conv))?,
                norm: norm.map(|norm| NormLayer::new(spec.norm, channels.1, vb.pp(norm))).transpose()?,
            })
        };
        Ok(Stem {
            layers: layers(spec).into_iter().map(layer).collect::<Result<_>>()?,
            ends_in_relu: spec.placement != Placement::ReluOnlyPreActivation,
            pool: spec.stem.pool,
        })
    }
}

impl Layer for Stem {
    /// `[N, 3, H, W]` to `[N, C, H / s, W / s]`.
    fn trace(&self, graph: &mut Graph, mut x: Value) -> Result<Value> {
        let last = self.layers.len() - 1;
        for (index, ConvNorm { conv, norm }) in self.layers.iter().enumerate() {
            x = conv.trace(graph, x)?;
            x = match norm {
                None => x,
                Some(norm) if index == last && !self.ends_in_relu => norm.trace(graph, x)?,
                Some(norm) => norm.trace_relu(graph, x)?,
            };
        }
        let windows = PoolConfig { kernel: 3, stride: 2, padding: 1 };
        match self.pool {
            StemPool::None => Ok(x),
            StemPool::Max => graph.max_pool(x, windows),
            StemPool::ZeroPaddedMax => graph.max_pool_zeros(x, windows),
        }
    }
}
