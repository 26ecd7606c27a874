//! Shortcuts `h` of equation (1).

use candle_core::{Result, bail};
use candle_nn::VarBuilder;
use resnet_ops::{Conv2d, ConvConfig, Graph, Value};

use crate::config::{ShapeChange, UnitConfig};
use crate::layers::{NormLayer, convolution};

/// The shortcut of a unit.
#[derive(Debug, Clone)]
pub(crate) enum Shortcut {
    /// `h(x) = x`
    Identity,
    /// Option A.
    ZeroPadding { stride: usize, channels: usize },
    /// Option B: a 1x1 convolution, followed by a norm in original units only; with the mean over 2x2 pixels before it in
    /// the d variants.
    Projection { pool: Pool, conv: Conv2d, norm: Option<NormLayer> },
}

/// What comes before a projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pool {
    None,
    Halve,
}

/// Whether a projection has a norm of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProjectionNorm {
    /// Original units: "a BN follows every weight layer".
    After,
    /// Pre-activation units: the norm stands before the convolution.
    None,
}

impl Shortcut {
    pub(crate) fn new(config: &UnitConfig, norm: ProjectionNorm, vb: &VarBuilder) -> Result<Self> {
        if !config.changes_shape() {
            return Ok(Shortcut::Identity);
        }
        let (pool, stride) = match (config.shape_change, config.stride) {
            (ShapeChange::ZeroPadding, stride) => {
                return Ok(Shortcut::ZeroPadding { stride, channels: config.outputs });
            }
            (ShapeChange::PooledProjection, 2) => (Pool::Halve, 1),
            (ShapeChange::PooledProjection, 1) => (Pool::None, 1),
            (ShapeChange::PooledProjection, stride) => {
                bail!("a pooled projection halves the picture: its stride is 1 or 2, not {stride}")
            }
            (ShapeChange::Projection, stride) => (Pool::None, stride),
        };
        let names = config.names.projection(config.shape_change);
        let channels = (config.inputs, config.outputs);
        let geometry = ConvConfig::same(1, stride);
        Ok(Shortcut::Projection {
            pool,
            conv: convolution(config.filters, channels, geometry, vb.pp(names.conv))?,
            norm: match norm {
                ProjectionNorm::After => {
                    Some(NormLayer::new(config.norm, config.outputs, vb.pp(names.norm))?)
                }
                ProjectionNorm::None => None,
            },
        })
    }

    pub(crate) fn record(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        match self {
            Shortcut::Identity => Ok(x),
            Shortcut::ZeroPadding { stride, channels } => graph.zero_pad_shortcut(x, *stride, *channels),
            Shortcut::Projection { pool, conv, norm } => {
                let x = match pool {
                    Pool::None => x,
                    Pool::Halve => graph.halve(x)?,
                };
                let y = conv.record(graph, x)?;
                norm.as_ref().map_or(Ok(y), |norm| norm.record(graph, y))
            }
        }
    }
}
