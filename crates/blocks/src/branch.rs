//! Residual branches `F` of equation (1): weight layers, and the norms and ReLUs that a placement puts
//! between them.

use candle_core::{Result, bail};
use candle_nn::VarBuilder;
use resnet_ops::{Conv2d, ConvConfig, Graph, Layer, Value};

use crate::config::{Branch, StridePlace, UnitConfig};
use crate::layers::{NormLayer, convolution, convolution_part};
use crate::outline::UnitPart;
use crate::placement::{BranchElement, Placement};

/// A branch with its parameters: `conv1`, `bn1` (or `norm1`), `conv2`, ... It includes what follows the
/// addition, because the last norm of figure 4(b) stands there.
#[derive(Debug, Clone)]
pub(crate) struct ResidualBranch {
    before: Vec<BranchLayer>,
    rest: Vec<BranchLayer>,
    after_addition: Vec<BranchLayer>,
}

/// A [`BranchElement`] with its parameters.
#[derive(Debug, Clone)]
enum BranchLayer {
    Conv(Conv2d),
    Norm(NormLayer),
    Relu,
}

/// Channels into and out of one convolution, and its geometry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct WeightLayer {
    in_channels: usize,
    out_channels: usize,
    geometry: ConvConfig,
}

/// Makes a branch's layers in the order in which they stand, which is how their parameters are numbered.
struct Builder<'a> {
    config: &'a UnitConfig,
    vb: &'a VarBuilder<'a>,
    weight_layers: std::vec::IntoIter<WeightLayer>,
    convs: usize,
    norms: usize,
    /// Channels at the point reached.
    channels: usize,
}

impl Builder<'_> {
    fn build(&mut self, elements: &[BranchElement]) -> Result<Vec<BranchLayer>> {
        elements.iter().map(|element| self.layer(*element)).collect()
    }

    fn layer(&mut self, element: BranchElement) -> Result<BranchLayer> {
        Ok(match element {
            BranchElement::Relu => BranchLayer::Relu,
            BranchElement::Norm => {
                self.norms += 1;
                let vb = self.vb.pp(self.config.names.norm(self.norms));
                BranchLayer::Norm(NormLayer::of_unit(self.config, self.channels, vb)?)
            }
            BranchElement::Conv => {
                let Some(layer) = self.weight_layers.next() else { bail!("a branch without weight layers") };
                self.convs += 1;
                self.channels = layer.out_channels;
                let channels = (layer.in_channels, layer.out_channels);
                let vb = self.vb.pp(format!("conv{}", self.convs));
                BranchLayer::Conv(convolution(self.config.filters, channels, layer.geometry, vb)?)
            }
        })
    }
}

impl ResidualBranch {
    pub(crate) fn new(config: &UnitConfig, placement: Placement, vb: &VarBuilder) -> Result<Self> {
        let order = placement.order();
        let weight_layers = weight_layers(config)?;
        let mut inside = vec![];
        for index in 0..weight_layers.len() {
            inside.extend_from_slice(if index == 0 { &[] } else { order.between });
            inside.push(BranchElement::Conv);
        }
        inside.extend_from_slice(order.end);
        let channels = config.in_channels;
        let weight_layers = weight_layers.into_iter();
        let mut builder = Builder { config, vb, weight_layers, convs: 0, norms: 0, channels };
        Ok(ResidualBranch {
            before: builder.build(order.before)?,
            rest: builder.build(&inside)?,
            after_addition: builder.build(order.after_addition)?,
        })
    }

    /// Appends what stands before the first weight layer to `graph`.
    pub(crate) fn trace_pre_activation(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        trace_all(&self.before, graph, x)
    }

    /// Appends the rest to `graph`, up to the addition.
    pub(crate) fn trace(&self, graph: &mut Graph, activated: Value) -> Result<Value> {
        trace_all(&self.rest, graph, activated)
    }

    /// The parts before the first weight layer, from there to the addition, and after the addition.
    pub(crate) fn parts(&self) -> [Vec<UnitPart>; 3] {
        [&self.before, &self.rest, &self.after_addition]
            .map(|layers| layers.iter().map(BranchLayer::part).collect())
    }

    /// Appends the addition and `f` of equation (2) to `graph`.
    pub(crate) fn trace_sum(&self, graph: &mut Graph, shortcut: Value, branch: Value) -> Result<Value> {
        match &self.after_addition[..] {
            [BranchLayer::Relu, rest @ ..] => {
                let sum = graph.add_relu(shortcut, branch)?;
                trace_all(rest, graph, sum)
            }
            all => {
                let sum = graph.add(shortcut, branch)?;
                trace_all(all, graph, sum)
            }
        }
    }
}

impl BranchLayer {
    fn part(&self) -> UnitPart {
        match self {
            BranchLayer::Conv(conv) => convolution_part(conv),
            BranchLayer::Norm(norm) => UnitPart::Norm(norm.kind()),
            BranchLayer::Relu => UnitPart::Relu,
        }
    }
}

/// Appends layers in order; a norm and the ReLU after it become one step.
fn trace_all(layers: &[BranchLayer], graph: &mut Graph, mut x: Value) -> Result<Value> {
    let mut layers = layers.iter().peekable();
    while let Some(layer) = layers.next() {
        x = match layer {
            BranchLayer::Conv(conv) => conv.trace(graph, x)?,
            BranchLayer::Relu => graph.relu(x),
            BranchLayer::Norm(norm) => match layers.next_if(|next| matches!(next, BranchLayer::Relu)) {
                Some(_) => norm.trace_relu(graph, x)?,
                None => norm.trace(graph, x)?,
            },
        };
    }
    Ok(x)
}

/// The convolutions of `config`'s branch, in order.
fn weight_layers(config: &UnitConfig) -> Result<Vec<WeightLayer>> {
    let UnitConfig { in_channels, out_channels, width, stride, .. } = *config;
    let expansion = config.branch.expansion();
    if !out_channels.is_multiple_of(expansion) {
        bail!("a bottleneck unit's {out_channels} output channels are no multiple of {expansion}");
    }
    if width == 0 {
        bail!("a residual branch needs at least one channel inside");
    }
    let layer = |in_channels, out_channels, kernel, stride| WeightLayer {
        in_channels,
        out_channels,
        geometry: ConvConfig::same(kernel).with_stride(stride),
    };
    Ok(match config.branch {
        Branch::OneLayer => vec![layer(in_channels, out_channels, 3, stride)],
        Branch::Basic => vec![layer(in_channels, width, 3, stride), layer(width, out_channels, 3, 1)],
        Branch::Bottleneck(place) => {
            let (first, middle) = match place {
                StridePlace::First1x1 => (stride, 1),
                StridePlace::Middle3x3 => (1, stride),
            };
            vec![
                layer(in_channels, width, 1, first),
                layer(width, width, 3, middle),
                layer(width, out_channels, 1, 1),
            ]
        }
    })
}
