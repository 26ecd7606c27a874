//! What comes before the first unit: convolutions, v1's norm and ReLU, pooling.

use candle_core::Result;
use candle_nn::VarBuilder;
use resnet_ops::{BatchNorm, Conv2d, ConvConfig, Graph, Value};

use crate::spec::{Family, Spec, StemLayers, StemPool};

/// A stem with its parameters.
#[derive(Debug)]
pub(crate) struct Stem {
    layers: Vec<Layer>,
    pool: StemPool,
}

/// A convolution, and the norm and ReLU after it. In a pre-activation network the last one's belong to the first unit.
#[derive(Debug)]
struct Layer {
    conv: Conv2d,
    norm: Option<BatchNorm>,
}

/// A layer as data: what its parameters are called, channels and geometry.
struct Plan {
    conv: &'static str,
    norm: Option<&'static str>,
    channels: (usize, usize),
    geometry: ConvConfig,
}

fn plan(spec: &Spec) -> Vec<Plan> {
    let (inputs, outputs) = (spec.input[0], spec.stem.outputs);
    let (conv, norm) = match spec.family {
        Family::V1 => ("conv1", Some("bn1")),
        Family::V2 => ("stem.conv", None),
    };
    let single = |geometry| vec![Plan { conv, norm, channels: (inputs, outputs), geometry }];
    match spec.stem.layers {
        StemLayers::Conv3x3 => single(ConvConfig::same(3, 1)),
        StemLayers::Conv7x7 => single(ConvConfig::same(7, 2)),
    }
}

impl Stem {
    /// Takes the stem's parameters from `vb`.
    pub(crate) fn new(spec: &Spec, vb: &VarBuilder) -> Result<Self> {
        let layer = |Plan { conv, norm, channels: (inputs, outputs), geometry }| {
            Ok(Layer {
                conv: Conv2d::new(inputs, outputs, geometry, vb.pp(conv))?,
                norm: norm.map(|norm| BatchNorm::new(outputs, vb.pp(norm))).transpose()?,
            })
        };
        Ok(Stem { layers: plan(spec).into_iter().map(layer).collect::<Result<_>>()?, pool: spec.stem.pool })
    }

    /// `[N, 3, H, W]` to `[N, C, H / s, W / s]`.
    pub(crate) fn record(&self, graph: &mut Graph, mut x: Value) -> Result<Value> {
        for Layer { conv, norm } in &self.layers {
            x = conv.record(graph, x)?;
            if let Some(norm) = norm {
                x = norm.record_relu(graph, x)?;
            }
        }
        match self.pool {
            StemPool::None => Ok(x),
            StemPool::Maximum => graph.max_pool(x, 3, 2, 1),
        }
    }
}
