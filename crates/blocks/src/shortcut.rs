//! Shortcuts `h` of equation (1), figure 2.

use candle_core::{Result, bail};
use candle_nn::VarBuilder;
use resnet_ops::{Conv2d, ConvConfig, Draws, Dropout, Gate, Graph, Layer, Value, ZeroPadConfig};

use crate::config::{ShapeChange, UnitConfig};
use crate::layers::{NormLayer, convolution, convolution_part};
use crate::outline::UnitPart;
use crate::placement::Placement;

/// What the shortcut does to the signal, figure 2. Where a unit changes the shape, [`ShapeChange`] first
/// brings the signal to the new shape; [`Shortcut::Convolution`] does that itself.
///
/// Errors are table 1's, of ResNet-110 on CIFAR-10 with original placement.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Shortcut {
    /// (a): `h(x) = x`, 6.61 %.
    #[default]
    Identity,
    /// (b): `h(x) = shortcut x`, and the branch times `branch`. Factors 0 and 1 (a plain network without
    /// shortcuts) fail to converge, as do 0.5 and 1; 0.5 and 0.5 reach 12.35 %.
    ConstantScaling {
        /// The shortcut's factor.
        shortcut: f64,
        /// The branch's factor.
        branch: f64,
    },
    /// (c): `(1 - g) x + g F(x)` with `g = sigmoid(conv1x1(x))`: 8.70 % with a bias of -6, 9.81 % with -7,
    /// failure with 0 to -5.
    ExclusiveGating {
        /// The initial value of the gate's bias, `b_g`.
        bias: f64,
    },
    /// (d): `(1 - g) x + F(x)`: 12.86 % with a bias of 0, 6.91 % with -6.
    ShortcutOnlyGating {
        /// The initial value of the gate's bias, `b_g`.
        bias: f64,
    },
    /// (e): `h(x) = conv1x1(x)`, 12.22 %.
    Convolution,
    /// (f): dropout, ratio 0.5 in the paper, where it fails to converge. Kept elements are divided by the
    /// probability of keeping them, as in PyTorch, so the expectation is `x`.
    Dropout {
        /// Probability that an element is dropped.
        ratio: f64,
    },
}

/// A shortcut with its parameters.
#[derive(Debug, Clone)]
pub(crate) struct ShortcutPath {
    change: Change,
    effect: Effect,
}

/// How the signal is brought to the output's shape.
#[derive(Debug, Clone)]
enum Change {
    None,
    /// Option A.
    ZeroPadding(ZeroPadConfig),
    /// Option B, and figure 2(e): a 1x1 convolution, with the mean over 2x2 pixels before it in the d
    /// variants.
    Convolution {
        pool: ProjectionPool,
        conv: Conv2d,
        norm: Option<NormLayer>,
    },
}

/// What comes before a projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ProjectionPool {
    None,
    Average2x2,
}

/// What is then done to the signal, and to the branch.
#[derive(Debug, Clone)]
enum Effect {
    None,
    Scaling { shortcut: f64, branch: f64 },
    ExclusiveGating(Conv2d),
    ShortcutOnlyGating(Conv2d),
    Dropout(Dropout),
}

impl ShortcutPath {
    pub(crate) fn new(
        config: &UnitConfig,
        placement: Placement,
        shortcut: Shortcut,
        vb: &VarBuilder,
    ) -> Result<Self> {
        let change = match shortcut {
            Shortcut::Convolution => {
                let names = ("shortcut", config.names.shortcut_norm());
                convolved(config, placement, names, (ProjectionPool::None, config.stride), vb)?
            }
            _ => changed(config, placement, vb)?,
        };
        let gate = |bias| {
            let channels = (config.in_channels, config.out_channels);
            let vb = vb.pp("gate");
            Conv2d::new(channels.0, channels.1, ConvConfig::same(1).with_stride(config.stride), vb.clone())?
                .with_bias(bias, vb)
        };
        let effect = match shortcut {
            Shortcut::Identity | Shortcut::Convolution => Effect::None,
            Shortcut::ConstantScaling { shortcut, branch } => Effect::Scaling { shortcut, branch },
            Shortcut::ExclusiveGating { bias } => Effect::ExclusiveGating(gate(bias)?),
            Shortcut::ShortcutOnlyGating { bias } => Effect::ShortcutOnlyGating(gate(bias)?),
            Shortcut::Dropout { ratio } => {
                let draws = Draws::of_path(&vb.pp("dropout").prefix());
                Effect::Dropout(Dropout::new(ratio, draws)?)
            }
        };
        Ok(ShortcutPath { change, effect })
    }

    /// The same with other draws, if the shortcut has dropout.
    pub(crate) fn with_draws(self, draws: Draws) -> Self {
        match self.effect {
            Effect::Dropout(dropout) => {
                ShortcutPath { effect: Effect::Dropout(dropout.with_draws(draws)), ..self }
            }
            _ => self,
        }
    }

    /// Whether the shortcut convolves the signal; then it starts from the activated one.
    pub(crate) fn is_convolution(&self) -> bool {
        matches!(self.change, Change::Convolution { .. })
    }

    /// The operations on the shortcut.
    pub(crate) fn parts(&self) -> Vec<UnitPart> {
        let mut parts = match &self.change {
            Change::None => vec![],
            Change::ZeroPadding(ZeroPadConfig { out_channels, stride }) => {
                vec![UnitPart::ZeroPadding { stride: *stride, out_channels: *out_channels }]
            }
            Change::Convolution { pool, conv, norm } => {
                let pool = (*pool == ProjectionPool::Average2x2).then_some(UnitPart::AveragePool2x2);
                let norm = norm.as_ref().map(|norm| UnitPart::Norm(norm.kind()));
                [pool, Some(convolution_part(conv)), norm].into_iter().flatten().collect()
            }
        };
        parts.extend(match &self.effect {
            Effect::None => None,
            Effect::Scaling { shortcut, .. } => (*shortcut != 1.0).then_some(UnitPart::Scale(*shortcut)),
            Effect::ExclusiveGating(_) | Effect::ShortcutOnlyGating(_) => Some(UnitPart::CarryGate),
            Effect::Dropout(dropout) => Some(UnitPart::Dropout(dropout.ratio())),
        });
        parts
    }

    /// The factor or gate that comes with the shortcut and acts on the residual branch.
    pub(crate) fn branch_part(&self) -> Option<UnitPart> {
        match &self.effect {
            Effect::Scaling { branch, .. } => (*branch != 1.0).then_some(UnitPart::Scale(*branch)),
            Effect::ExclusiveGating(_) => Some(UnitPart::TransformGate),
            Effect::None | Effect::ShortcutOnlyGating(_) | Effect::Dropout(_) => None,
        }
    }

    /// The convolution that the gates are computed from.
    pub(crate) fn gate_part(&self) -> Option<UnitPart> {
        match &self.effect {
            Effect::ExclusiveGating(gate) | Effect::ShortcutOnlyGating(gate) => Some(convolution_part(gate)),
            Effect::None | Effect::Scaling { .. } | Effect::Dropout(_) => None,
        }
    }

    /// Appends the shortcut to `graph`: `x` to `h(x)`, and how the branch's output is to be treated.
    pub(crate) fn trace(&self, graph: &mut Graph, x: Value) -> Result<(Value, BranchShare)> {
        let carried = self.trace_change(graph, x)?;
        let logits = self.trace_gate(graph, x)?;
        let carried = match (&self.effect, logits) {
            (Effect::ExclusiveGating(_) | Effect::ShortcutOnlyGating(_), Some(z)) => {
                graph.gate(Gate::Carry, z, carried)?
            }
            (Effect::Scaling { shortcut, .. }, _) => graph.scale(carried, *shortcut),
            (Effect::Dropout(dropout), _) => dropout.trace(graph, carried)?,
            _ => carried,
        };
        Ok((carried, self.share(logits)))
    }

    /// Appends only what the branch needs of the shortcut: the logits of exclusive gating.
    pub(crate) fn trace_share(&self, graph: &mut Graph, x: Value) -> Result<BranchShare> {
        Ok(match self.effect {
            Effect::ExclusiveGating(_) => self.share(self.trace_gate(graph, x)?),
            _ => self.share(None),
        })
    }

    fn trace_change(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        match &self.change {
            Change::None => Ok(x),
            Change::ZeroPadding(config) => graph.zero_pad_shortcut(x, *config),
            Change::Convolution { pool, conv, norm } => {
                let x = match pool {
                    ProjectionPool::None => x,
                    ProjectionPool::Average2x2 => graph.avg_pool_2x2_ceil(x)?,
                };
                let y = conv.trace(graph, x)?;
                norm.as_ref().map_or(Ok(y), |norm| norm.trace(graph, y))
            }
        }
    }

    /// The gates' logits, if there are gates.
    fn trace_gate(&self, graph: &mut Graph, x: Value) -> Result<Option<Value>> {
        match &self.effect {
            Effect::ExclusiveGating(gate) | Effect::ShortcutOnlyGating(gate) => {
                gate.trace(graph, x).map(Some)
            }
            Effect::None | Effect::Scaling { .. } | Effect::Dropout(_) => Ok(None),
        }
    }

    fn share(&self, logits: Option<Value>) -> BranchShare {
        match (&self.effect, logits) {
            (Effect::Scaling { branch, .. }, _) => BranchShare::Scaled(*branch),
            (Effect::ExclusiveGating(_), Some(z)) => BranchShare::Gated(z),
            _ => BranchShare::Whole,
        }
    }
}

/// What is done to the branch's output before the addition.
#[derive(Debug, Clone, Copy)]
pub(crate) enum BranchShare {
    Whole,
    Scaled(f64),
    /// By the gate with these logits.
    Gated(Value),
}

impl BranchShare {
    pub(crate) fn trace(self, graph: &mut Graph, branch: Value) -> Result<Value> {
        match self {
            BranchShare::Whole => Ok(branch),
            BranchShare::Scaled(factor) => Ok(graph.scale(branch, factor)),
            BranchShare::Gated(z) => graph.gate(Gate::Transform, z, branch),
        }
    }
}

/// The change of shape that the configuration asks for.
fn changed(config: &UnitConfig, placement: Placement, vb: &VarBuilder) -> Result<Change> {
    if !config.changes_shape() {
        return Ok(Change::None);
    }
    let pool = match (config.shape_change, config.stride) {
        (ShapeChange::ZeroPadding, stride) => {
            return Ok(Change::ZeroPadding(ZeroPadConfig { out_channels: config.out_channels, stride }));
        }
        (ShapeChange::PooledProjection, 2) => (ProjectionPool::Average2x2, 1),
        (ShapeChange::PooledProjection, 1) => (ProjectionPool::None, 1),
        (ShapeChange::PooledProjection, stride) => {
            bail!("a pooled projection halves the image: its stride is 1 or 2, not {stride}")
        }
        (ShapeChange::Projection, stride) => (ProjectionPool::None, stride),
    };
    let names = config.names.projection(config.shape_change);
    convolved(config, placement, (names.conv, names.norm), pool, vb)
}

/// A 1x1 convolution, with a norm where `placement` has one.
fn convolved(
    config: &UnitConfig,
    placement: Placement,
    (conv, norm): (&str, &str),
    (pool, stride): (ProjectionPool, usize),
    vb: &VarBuilder,
) -> Result<Change> {
    let channels = (config.in_channels, config.out_channels);
    let conv = convolution(config.filters, channels, ConvConfig::same(1).with_stride(stride), vb.pp(conv))?;
    let norm = match placement.ends_in_norm() {
        true => Some(NormLayer::of_unit(config, config.out_channels, vb.pp(norm))?),
        false => None,
    };
    Ok(Change::Convolution { pool, conv, norm })
}
