//! ReLU-only pre-activation, figure 4(d).

use candle_core::Result;
use candle_nn::VarBuilder;

use super::named_unit;
use crate::{Placement, ResidualUnit, Shortcut, ShortcutInput, UnitConfig};

/// The unit with ReLU alone as its pre-activation, figure 4(d): `x' = h(x) + F(x)` with
/// `F = ReLU conv BN ReLU conv BN` (a bottleneck has one more `ReLU conv BN`).
///
/// `[N, in, H, W]` to `[N, out, ceil(H / stride), ceil(W / stride)]`, f32 on the CPU.
///
/// Parameters: `conv1.weight`, `bn1.*`, `conv2.weight`, `bn2.*` (`conv3.weight`, `bn3.*`) and, with a
/// projection, which starts from the activated signal, `downsample.0.weight`, `downsample.1.*`. Table 2 (d):
/// 6.71 % error on CIFAR-10 as ResNet-110, 5.91 % as ResNet-164.
///
#[cfg_attr(doc, doc = include_str!("../../pictures/relu_only_preactivation.svg"))]
///
/// ```
/// # use candle_core::{DType, Device, Tensor};
/// # use candle_nn::{ModuleT, VarBuilder};
/// # use resnet_blocks::{ReluOnlyPreActivation, UnitConfig};
/// # fn main() -> candle_core::Result<()> {
/// let vb = VarBuilder::zeros(DType::F32, &Device::Cpu);
/// let unit = ReluOnlyPreActivation::new(UnitConfig::basic(16, 16, 1), vb)?;
/// let x = Tensor::ones((1, 16, 8, 8), DType::F32, &Device::Cpu)?;
/// assert_eq!(unit.forward_t(&x, false)?.dims(), [1, 16, 8, 8]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ReluOnlyPreActivation(ResidualUnit);

impl ReluOnlyPreActivation {
    /// Takes the unit's parameters from `vb`.
    ///
    /// # Errors
    /// If a parameter is missing or has another shape, or `config` breaks a rule of [`UnitConfig`].
    pub fn new(config: UnitConfig, vb: VarBuilder) -> Result<Self> {
        Ok(ReluOnlyPreActivation(ResidualUnit::new(
            config,
            Placement::ReluOnlyPreActivation,
            Shortcut::Identity,
            vb,
        )?))
    }

    /// The same unit with a shortcut that starts from `shortcut_input`: [`ShortcutInput::Activated`] for a
    /// network's first unit.
    pub fn with_shortcut_input(self, shortcut_input: ShortcutInput) -> Self {
        ReluOnlyPreActivation(self.0.with_shortcut_input(shortcut_input))
    }
}

named_unit!(ReluOnlyPreActivation);
