//! The full pre-activation unit, figures 1(b) and 4(e): the paper's proposal.

use candle_core::Result;
use candle_nn::VarBuilder;

use super::named_unit;
use crate::{Placement, ResidualUnit, Shortcut, ShortcutInput, UnitConfig};

/// The full pre-activation residual unit, figure 1(b): `x' = h(x) + F(x)` with
/// `F = BN ReLU conv BN ReLU conv` (a bottleneck has one more `BN ReLU conv`).
///
/// `[N, in, H, W]` to `[N, out, ceil(H / stride), ceil(W / stride)]`, f32 on the CPU.
///
/// Parameters: `bn1.*`, `conv1.weight`, `bn2.*`, `conv2.weight` (`bn3.*`, `conv3.weight`), `norm1.*` etc.
/// with timm's names, and with a projection `downsample.0.weight` or `downsample.conv.weight`; the projection
/// has no norm of its own, and starts from the activated signal. Table 2 (e): 6.37 % error on CIFAR-10 as
/// ResNet-110, 5.46 % as ResNet-164.
///
#[cfg_attr(doc, doc = include_str!("../../pictures/full_preactivation.svg"))]
///
/// ```
/// # use candle_core::{DType, Device, Tensor};
/// # use candle_nn::{ModuleT, VarBuilder};
/// # use resnet_blocks::{FullPreActivation, UnitConfig};
/// # fn main() -> candle_core::Result<()> {
/// let vb = VarBuilder::zeros(DType::F32, &Device::Cpu);
/// let unit = FullPreActivation::new(UnitConfig::bottleneck(16, 64, 1), vb)?;
/// let x = Tensor::ones((1, 16, 8, 8), DType::F32, &Device::Cpu)?;
/// assert_eq!(unit.forward_t(&x, false)?.dims(), [1, 64, 8, 8]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct FullPreActivation(ResidualUnit);

impl FullPreActivation {
    /// Takes the unit's parameters from `vb`.
    ///
    /// # Errors
    /// If a parameter is missing or has another shape, or `config` breaks a rule of [`UnitConfig`].
    pub fn new(config: UnitConfig, vb: VarBuilder) -> Result<Self> {
        Ok(FullPreActivation(ResidualUnit::new(
            config,
            Placement::FullPreActivation,
            Shortcut::Identity,
            vb,
        )?))
    }

    /// The same unit with a shortcut that starts from `shortcut_input`: [`ShortcutInput::Activated`] for a
    /// network's first unit.
    pub fn with_shortcut_input(self, shortcut_input: ShortcutInput) -> Self {
        FullPreActivation(self.0.with_shortcut_input(shortcut_input))
    }
}

named_unit!(FullPreActivation);
