//! Layers as a unit's or a network's configuration asks for them.

use candle_core::Result;
use candle_nn::VarBuilder;
use resnet_ops::{BatchNorm, Conv2d, ConvConfig, Graph, GroupNorm, GroupNormConfig, Layer, Value, module_t};

use crate::config::{Filters, NormKind, UnitConfig};
use crate::outline::UnitPart;

/// The eps that is added to a filter's variance to standardise it, as in BiT.
const FILTER_EPS: f64 = 1e-8;

/// A norm of either kind.
#[derive(Debug, Clone)]
pub enum NormLayer {
    /// Batch norm.
    Batch(BatchNorm),
    /// Group norm.
    Group(GroupNorm),
}

impl NormLayer {
    /// Takes the parameters of a norm over `channels` channels from `vb`; eps 1e-5, momentum 0.1.
    ///
    /// # Errors
    /// If a parameter is missing or has another shape, or the groups don't divide the channels.
    pub fn new(norm: NormKind, channels: usize, vb: VarBuilder) -> Result<Self> {
        Ok(match norm {
            NormKind::Batch => NormLayer::Batch(BatchNorm::new(channels, vb)?),
            NormKind::Group(groups) => {
                NormLayer::Group(GroupNorm::new(GroupNormConfig { channels, groups }, vb)?)
            }
        })
    }

    /// The norm of a unit of `config`, as [`NormLayer::new`].
    pub(crate) fn of_unit(config: &UnitConfig, channels: usize, vb: VarBuilder) -> Result<Self> {
        let (eps, momentum) = (config.norm_eps, config.norm_momentum);
        Ok(match NormLayer::new(config.norm, channels, vb)? {
            NormLayer::Batch(norm) => NormLayer::Batch(norm.with_eps(eps)?.with_momentum(momentum)?),
            NormLayer::Group(norm) => NormLayer::Group(norm.with_eps(eps)?),
        })
    }

    /// Which norm it is.
    pub fn kind(&self) -> NormKind {
        match self {
            NormLayer::Batch(_) => NormKind::Batch,
            NormLayer::Group(norm) => NormKind::Group(norm.groups()),
        }
    }

    /// Appends normalisation and ReLU to `graph`.
    ///
    /// # Errors
    /// If `x` has another number of channels.
    pub fn trace_relu(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        match self {
            NormLayer::Batch(norm) => norm.trace_relu(graph, x),
            NormLayer::Group(norm) => norm.trace_relu(graph, x),
        }
    }
}

impl Layer for NormLayer {
    /// Normalisation alone.
    ///
    /// # Errors
    /// If `x` has another number of channels.
    fn trace(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        match self {
            NormLayer::Batch(norm) => norm.trace(graph, x),
            NormLayer::Group(norm) => norm.trace(graph, x),
        }
    }
}

module_t!(NormLayer);

/// Takes a convolution without bias from `vb`, for `(in_channels, out_channels)`; `filters` says how its
/// weights are prepared.
///
/// # Errors
/// If `vb` has no weights of this shape.
pub fn convolution(
    filters: Filters,
    (in_channels, out_channels): (usize, usize),
    geometry: ConvConfig,
    vb: VarBuilder,
) -> Result<Conv2d> {
    let conv = Conv2d::new(in_channels, out_channels, geometry, vb)?;
    match filters {
        Filters::Plain => Ok(conv),
        Filters::Standardised => conv.with_standardised_weight(FILTER_EPS),
    }
}

/// A convolution as a picture shows it.
pub(crate) fn convolution_part(conv: &Conv2d) -> UnitPart {
    let ConvConfig { kernel, stride, .. } = conv.config();
    UnitPart::Convolution { kernel, stride, out_channels: conv.out_channels() }
}
