//! A residual unit of any shortcut, placement and branch.

use candle_core::Result;
use candle_nn::VarBuilder;
use resnet_ops::{Draws, DropPath, Graph, Layer, Value, module_t};

use crate::branch::ResidualBranch;
use crate::config::UnitConfig;
use crate::outline::UnitOutline;
use crate::placement::{Placement, ShortcutInput};
use crate::shortcut::{BranchShare, Shortcut, ShortcutPath};

/// Any unit of the paper: `x' = f(h(x) + F(x))`, equations (1) and (2), with a [`Shortcut`] of figure 2 for
/// `h`, a [`Placement`] of figure 4, which says what `f` is, and a [`Branch`](crate::Branch) for `F`.
///
/// `[N, in, H, W]` to `[N, out, ceil(H / stride), ceil(W / stride)]`, f32 on the CPU.
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
    shortcut_input: ShortcutInput,
    drop_path: Option<DropPath>,
}

impl ResidualUnit {
    /// Takes the unit's parameters from `vb`. A pre-activation unit's shortcut starts from the unit's input,
    /// or from the activated signal if the shortcut is a convolution.
    ///
    /// Parameters: `conv1.weight`, `bn1.*`, `conv2.weight`, `bn2.*` (`conv3.weight`, `bn3.*`), or `norm1.*`
    /// etc. with timm's names; `downsample.0.weight`, `downsample.1.*` of a projection, one number higher of
    /// a pooled one (`downsample.1.weight`, `downsample.2.*`), or `downsample.conv.weight`,
    /// `downsample.norm.*` with timm's names; `gate.weight`, `gate.bias`; `shortcut.weight`, `shortcut_bn.*`,
    /// or `shortcut_norm.*` with timm's names.
    ///
    /// # Errors
    /// If a parameter is missing or has another shape, `config` breaks a rule of [`UnitConfig`], or a ratio
    /// of dropout is not in `[0, 1)`.
    pub fn new(config: UnitConfig, placement: Placement, shortcut: Shortcut, vb: VarBuilder) -> Result<Self> {
        let branch = ResidualBranch::new(&config, placement, &vb)?;
        let shortcut = ShortcutPath::new(&config, placement, shortcut, &vb)?;
        let shortcut_input =
            if shortcut.is_convolution() { ShortcutInput::Activated } else { ShortcutInput::Raw };
        Ok(ResidualUnit { branch, shortcut, shortcut_input, drop_path: None })
    }

    /// The same unit with a shortcut that starts from `shortcut_input`: [`ShortcutInput::Activated`] for a
    /// network's first unit. Without a pre-activation both are the same.
    pub fn with_shortcut_input(self, shortcut_input: ShortcutInput) -> Self {
        ResidualUnit { shortcut_input, ..self }
    }

    /// The same unit with stochastic depth on its residual branch.
    pub fn with_drop_path(self, drop_path: DropPath) -> Self {
        ResidualUnit { drop_path: Some(drop_path), ..self }
    }

    /// The same unit with other draws for the dropout on its shortcut. By default they are those
    /// [of the path](Draws::of_path) of the unit's parameters with `.dropout` appended, so that the units of
    /// a stack drop different elements.
    pub fn with_draws(self, draws: Draws) -> Self {
        ResidualUnit { shortcut: self.shortcut.with_draws(draws), ..self }
    }
}

/// The unit in pieces, to measure what each piece adds to the signal and to its gradient.
impl ResidualUnit {
    /// What the unit consists of, for a picture.
    ///
    /// ```
    /// # use candle_core::{DType, Device};
    /// # use candle_nn::VarBuilder;
    /// use resnet_blocks::{Placement, ResidualUnit, Shortcut, UnitConfig, UnitPart};
    ///
    /// # fn main() -> candle_core::Result<()> {
    /// let vb = VarBuilder::zeros(DType::F32, &Device::Cpu);
    /// let halving = Shortcut::ConstantScaling { shortcut: 0.5, branch: 0.5 };
    /// let unit = ResidualUnit::new(UnitConfig::basic(16, 16, 1), Placement::Original, halving, vb)?;
    /// assert_eq!(unit.outline().shortcut, [UnitPart::Scale(0.5)]);
    /// assert_eq!(unit.outline().after_addition, [UnitPart::Relu]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn outline(&self) -> UnitOutline {
        let [pre_activation, mut branch, after_addition] = self.branch.parts();
        branch.extend(self.shortcut.branch_part());
        let (shortcut, gate) = (self.shortcut.parts(), self.shortcut.gate_part());
        // Without a pre-activation both starts are the same.
        let shortcut_input = if pre_activation.is_empty() { ShortcutInput::Raw } else { self.shortcut_input };
        UnitOutline { pre_activation, branch, shortcut, shortcut_input, gate, after_addition }
    }

    /// Appends the shortcut alone to `graph`: `x` to `h(x)` of equation (1), from the activated signal where
    /// both paths share it.
    ///
    /// # Errors
    /// If `x` has other channels than the unit.
    pub fn trace_shortcut(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let source = match self.shortcut_input {
            ShortcutInput::Raw => x,
            ShortcutInput::Activated => self.branch.trace_pre_activation(graph, x)?,
        };
        let (shortcut, _) = self.shortcut.trace(graph, source)?;
        Ok(shortcut)
    }

    /// Appends the residual branch alone to `graph`: `x` to what is added to `h(x)`, gates and factors on
    /// the branch included; `F(x)` of equation (1).
    ///
    /// # Errors
    /// If `x` has other channels than the unit.
    pub fn trace_branch(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let activated = self.branch.trace_pre_activation(graph, x)?;
        let share = self.shortcut.trace_share(graph, self.source(x, activated))?;
        self.trace_weight_layers(graph, activated, share)
    }

    /// Appends the addition and `f` of equation (2) to `graph`: `h(x)` and `F(x)` to the unit's output.
    ///
    /// # Errors
    /// If their shapes differ.
    pub fn trace_sum(&self, graph: &mut Graph, shortcut: Value, branch: Value) -> Result<Value> {
        self.branch.trace_sum(graph, shortcut, branch)
    }

    /// What the shortcut starts from.
    fn source(&self, x: Value, activated: Value) -> Value {
        match self.shortcut_input {
            ShortcutInput::Raw => x,
            ShortcutInput::Activated => activated,
        }
    }

    fn trace_weight_layers(&self, graph: &mut Graph, activated: Value, share: BranchShare) -> Result<Value> {
        let mut y = self.branch.trace(graph, activated)?;
        if let Some(drop_path) = &self.drop_path {
            y = drop_path.trace(graph, y)?;
        }
        share.trace(graph, y)
    }
}

impl Layer for ResidualUnit {
    fn trace(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let activated = self.branch.trace_pre_activation(graph, x)?;
        let (shortcut, share) = self.shortcut.trace(graph, self.source(x, activated))?;
        let branch = self.trace_weight_layers(graph, activated, share)?;
        self.trace_sum(graph, shortcut, branch)
    }
}

module_t!(ResidualUnit);
