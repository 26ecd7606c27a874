//! A residual unit of any shortcut, placement and branch.

use candle_core::Result;
use candle_nn::VarBuilder;
use resnet_ops::{Draws, DropPath, Graph, Value};

use crate::branch::ResidualBranch;
use crate::config::UnitConfig;
use crate::placement::{Placement, Split};
use crate::shortcut::{Shortcut, ShortcutPath};
use crate::unit::{Unit, module_t};

/// Any unit of the paper: `x' = f(h(x) + F(x))`, equations (1) and (2), with a [`Shortcut`] of figure 2 for
/// `h`, a [`Placement`] of figure 4, which says what `f` is, and a [`Branch`](crate::Branch) for `F`.
///
/// The paper's own combinations have names: [`Original`](crate::Original),
/// [`FullPreActivation`](crate::FullPreActivation), ... Others are as easy:
///
/// ```
/// # use candle_core::{DType, Device, Tensor};
/// # use candle_nn::{ModuleT, VarBuilder};
/// use resnet_blocks::{Placement, ResidualUnit, Shortcut, UnitConfig};
///
/// # fn main() -> candle_core::Result<()> {
/// // Full pre-activation with a gate on its shortcut, around a bottleneck.
/// let gating = Shortcut::ShortcutOnlyGating { bias: -6.0 };
/// let vb = VarBuilder::zeros(DType::F32, &Device::Cpu);
/// let config = UnitConfig::bottleneck(16, 64, 2);
/// let unit = ResidualUnit::new(config, Placement::FullPreActivation, gating, vb)?;
/// let x = Tensor::ones((1, 16, 8, 8), DType::F32, &Device::Cpu)?;
/// assert_eq!(unit.forward_t(&x, false)?.dims(), [1, 64, 4, 4]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ResidualUnit {
    branch: ResidualBranch,
    shortcut: ShortcutPath,
    split: Split,
    drop_path: Option<DropPath>,
}

impl ResidualUnit {
    /// Takes the unit's parameters from `vb`. A pre-activation unit's paths part before the activation, or
    /// after it if the shortcut is a convolution.
    ///
    /// Parameters: `conv1.weight`, `bn1.*`, `conv2.weight`, `bn2.*` (`conv3.weight`, `bn3.*`), or `norm1.*`
    /// etc. with timm's names; `downsample.0.weight`, `downsample.1.*` or `downsample.conv.weight` of a
    /// projection; `gate.weight`, `gate.bias`; `shortcut.weight`, `shortcut_bn.*`.
    ///
    /// # Errors
    /// If a parameter is missing or has another shape, the widths don't fit the branch, or a ratio of dropout
    /// is not in `[0, 1)`.
    pub fn new(config: UnitConfig, placement: Placement, shortcut: Shortcut, vb: VarBuilder) -> Result<Self> {
        let branch = ResidualBranch::new(&config, placement, &vb)?;
        let shortcut = ShortcutPath::new(&config, placement, shortcut, &vb)?;
        let split = if shortcut.is_convolution() { Split::AfterActivation } else { Split::BeforeActivation };
        Ok(ResidualUnit { branch, shortcut, split, drop_path: None })
    }

    /// The same unit with another split; [`Split::AfterActivation`] makes it a network's first unit. Without
    /// a pre-activation there is nothing to split, and nothing changes.
    pub fn with_split(self, split: Split) -> Self {
        ResidualUnit { split, ..self }
    }

    /// The same unit with stochastic depth on its residual branch.
    pub fn with_drop_path(self, drop_path: DropPath) -> Self {
        ResidualUnit { drop_path: Some(drop_path), ..self }
    }

    /// The same unit with other draws for the dropout on its shortcut. Those of a new one are [of the
    /// path](Draws::of_path) of its parameters with `.dropout` behind it, so that the units of a stack drop
    /// different elements.
    pub fn with_draws(self, draws: Draws) -> Self {
        ResidualUnit { shortcut: self.shortcut.with_draws(draws), ..self }
    }
}

impl Unit for ResidualUnit {
    fn record(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let activated = self.branch.record_pre_activation(graph, x)?;
        let source = match self.split {
            Split::BeforeActivation => x,
            Split::AfterActivation => activated,
        };
        let (shortcut, share) = self.shortcut.record(graph, source)?;
        let mut y = self.branch.record(graph, activated)?;
        if let Some(drop_path) = &self.drop_path {
            y = drop_path.record(graph, y)?;
        }
        let y = share.record(graph, y)?;
        self.branch.record_sum(graph, shortcut, y)
    }
}

module_t!(ResidualUnit);
