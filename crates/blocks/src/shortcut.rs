//! Shortcuts `h` of equation (1).

use candle_core::Result;
use candle_nn::VarBuilder;
use resnet_ops::{BatchNorm, Conv2d, ConvConfig, Graph, Value};

use crate::config::{ShapeChange, UnitConfig};

/// The shortcut of a unit.
#[derive(Debug, Clone)]
pub(crate) enum Shortcut {
    /// `h(x) = x`
    Identity,
    /// Option A.
    ZeroPadding { stride: usize, channels: usize },
    /// Option B: a 1x1 convolution, followed by a norm in original units only.
    Projection { conv: Conv2d, norm: Option<BatchNorm> },
}

/// Whether a projection has a norm of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProjectionNorm {
    /// Original units: "a BN follows every weight layer".
    BatchNorm,
    /// Pre-activation units: the norm stands before the convolution.
    None,
}

impl Shortcut {
    pub(crate) fn new(config: &UnitConfig, norm: ProjectionNorm, vb: &VarBuilder) -> Result<Self> {
        if !config.changes_shape() {
            return Ok(Shortcut::Identity);
        }
        Ok(match config.shape_change {
            ShapeChange::ZeroPadding => {
                Shortcut::ZeroPadding { stride: config.stride, channels: config.outputs }
            }
            ShapeChange::Projection => Shortcut::Projection {
                conv: Conv2d::new(
                    config.inputs,
                    config.outputs,
                    ConvConfig::same(1, config.stride),
                    vb.pp(config.names.projection()),
                )?,
                norm: match norm {
                    ProjectionNorm::BatchNorm => {
                        Some(BatchNorm::new(config.outputs, vb.pp(config.names.projection_norm()))?)
                    }
                    ProjectionNorm::None => None,
                },
            },
        })
    }

    pub(crate) fn record(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        match self {
            Shortcut::Identity => Ok(x),
            Shortcut::ZeroPadding { stride, channels } => graph.zero_pad_shortcut(x, *stride, *channels),
            Shortcut::Projection { conv, norm } => {
                let y = conv.record(graph, x)?;
                norm.as_ref().map_or(Ok(y), |norm| norm.record(graph, y))
            }
        }
    }
}
