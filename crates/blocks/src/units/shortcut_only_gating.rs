//! Shortcut-only gating, figure 2(d).

use candle_core::Result;
use candle_nn::VarBuilder;

use super::named_unit;
use crate::{Placement, ResidualUnit, Shortcut, UnitConfig};

/// The unit with a gate on its shortcut alone, figure 2(d): `x' = ReLU((1 - g) h(x) + F(x))` with the
/// original unit's `F` and `g = sigmoid(W_g x + b_g)`, a 1x1 convolution.
///
/// `[N, in, H, W]` to `[N, out, ceil(H / stride), ceil(W / stride)]`, f32 on the CPU.
///
/// Parameters: the original unit's, `gate.weight` and `gate.bias`; a fresh `gate.bias` is filled with `bias`.
/// Table 1 (d), ResNet-110: 12.86 % with a bias of 0, 6.91 % with -6.
///
#[cfg_attr(doc, doc = include_str!("../../pictures/shortcut_only_gating.svg"))]
///
/// ```
/// # use candle_core::{DType, Device, Tensor};
/// # use candle_nn::{ModuleT, VarBuilder};
/// # use resnet_blocks::{ShortcutOnlyGating, UnitConfig};
/// # fn main() -> candle_core::Result<()> {
/// let vb = VarBuilder::zeros(DType::F32, &Device::Cpu);
/// let unit = ShortcutOnlyGating::new(UnitConfig::basic(16, 16, 1), -6.0, vb)?;
/// let x = Tensor::ones((1, 16, 8, 8), DType::F32, &Device::Cpu)?;
/// assert_eq!(unit.forward_t(&x, false)?.dims(), [1, 16, 8, 8]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ShortcutOnlyGating(ResidualUnit);

impl ShortcutOnlyGating {
    /// Takes the unit's parameters from `vb`.
    ///
    /// # Errors
    /// If a parameter is missing or has another shape, or `config` breaks a rule of [`UnitConfig`].
    pub fn new(config: UnitConfig, bias: f64, vb: VarBuilder) -> Result<Self> {
        let shortcut = Shortcut::ShortcutOnlyGating { bias };
        Ok(ShortcutOnlyGating(ResidualUnit::new(config, Placement::Original, shortcut, vb)?))
    }
}

named_unit!(ShortcutOnlyGating);
