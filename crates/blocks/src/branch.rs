//! Residual branches `F` of equation (1): weight layers, and the norms and ReLUs that a placement puts
//! between them.

use candle_core::{Result, bail};
use candle_nn::VarBuilder;
use resnet_ops::{Conv2d, ConvConfig, Graph, Value};

use crate::config::{Branch, StridePlace, UnitConfig};
use crate::layers::{NormLayer, convolution};
use crate::placement::Placement;

/// A branch with its parameters: `conv1`, `bn1` (or `norm1`), `conv2`, ...
#[derive(Debug, Clone)]
pub(crate) struct ResidualBranch {
    placement: Placement,
    convolutions: Vec<Conv2d>,
    /// One a convolution: before it in full pre-activation, after it otherwise; figure 4(b)'s last one is
    /// after the addition.
    norms: Vec<NormLayer>,
}

/// Channels into and out of one convolution, and its geometry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct WeightLayer {
    inputs: usize,
    outputs: usize,
    geometry: ConvConfig,
}

impl ResidualBranch {
    pub(crate) fn new(config: &UnitConfig, placement: Placement, vb: &VarBuilder) -> Result<Self> {
        let (mut convolutions, mut norms) = (vec![], vec![]);
        for (index, layer) in weight_layers(config)?.into_iter().enumerate() {
            let WeightLayer { inputs, outputs, geometry } = layer;
            let name = format!("conv{}", index + 1);
            convolutions.push(convolution(config.filters, (inputs, outputs), geometry, vb.pp(name))?);
            let channels = if placement == Placement::FullPreActivation { inputs } else { outputs };
            norms.push(NormLayer::new(config.norm, channels, vb.pp(config.names.norm(index + 1)))?);
        }
        Ok(ResidualBranch { placement, convolutions, norms })
    }

    /// Appends what stands before the first weight layer to `graph`.
    pub(crate) fn record_pre_activation(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        match self.placement {
            Placement::FullPreActivation => self.norms[0].record_relu(graph, x),
            Placement::ReluOnlyPreActivation => Ok(graph.relu(x)),
            _ => Ok(x),
        }
    }

    /// Appends the rest to `graph`, up to the addition.
    pub(crate) fn record(&self, graph: &mut Graph, activated: Value) -> Result<Value> {
        let last = self.convolutions.len() - 1;
        let mut y = activated;
        for (index, conv) in self.convolutions.iter().enumerate() {
            y = conv.record(graph, y)?;
            y = match (self.placement, index < last) {
                (Placement::FullPreActivation, true) => self.norms[index + 1].record_relu(graph, y)?,
                (Placement::FullPreActivation | Placement::BnAfterAddition, false) => y,
                (Placement::Original | Placement::ReluOnlyPreActivation, false) => {
                    self.norms[index].record(graph, y)?
                }
                (Placement::ReluBeforeAddition, false) | (_, true) => {
                    self.norms[index].record_relu(graph, y)?
                }
            };
        }
        Ok(y)
    }

    /// Appends the addition and `f` of equation (2) to `graph`.
    pub(crate) fn record_sum(&self, graph: &mut Graph, shortcut: Value, branch: Value) -> Result<Value> {
        match self.placement {
            Placement::Original => graph.add_relu(shortcut, branch),
            Placement::BnAfterAddition => {
                let sum = graph.add(shortcut, branch)?;
                self.norms[self.norms.len() - 1].record_relu(graph, sum)
            }
            _ => graph.add(shortcut, branch),
        }
    }
}

/// The convolutions of `config`'s branch, in order.
fn weight_layers(config: &UnitConfig) -> Result<Vec<WeightLayer>> {
    let UnitConfig { inputs, outputs, width, stride, .. } = *config;
    let expansion = config.branch.expansion();
    if !outputs.is_multiple_of(expansion) {
        bail!("a bottleneck unit's {outputs} outputs are no multiple of {expansion}");
    }
    if width == 0 {
        bail!("a residual branch needs at least one channel inside");
    }
    let layer = |inputs, outputs, kernel, stride| WeightLayer {
        inputs,
        outputs,
        geometry: ConvConfig::same(kernel, stride),
    };
    Ok(match config.branch {
        Branch::OneLayer => vec![layer(inputs, outputs, 3, stride)],
        Branch::Basic => vec![layer(inputs, width, 3, stride), layer(width, outputs, 3, 1)],
        Branch::Bottleneck(place) => {
            let (first, middle) = match place {
                StridePlace::First1x1 => (stride, 1),
                StridePlace::Middle3x3 => (1, stride),
            };
            vec![layer(inputs, width, 1, first), layer(width, width, 3, middle), layer(width, outputs, 1, 1)]
        }
    })
}
