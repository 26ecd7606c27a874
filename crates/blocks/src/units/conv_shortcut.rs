//! The 1x1 convolutional shortcut, figure 2(e).

use candle_core::Result;
use candle_nn::VarBuilder;

use super::named_unit;
use crate::{Placement, ResidualUnit, Shortcut, UnitConfig};

/// The unit with a 1x1 convolution for its shortcut, figure 2(e): `x' = ReLU(BN(conv1x1(x)) + F(x))` with the
/// original unit's `F`. Option C of arXiv 1512.03385. Where the shape changes, the convolution changes it.
///
/// `[N, in, H, W]` to `[N, out, ceil(H / stride), ceil(W / stride)]`, f32 on the CPU.
///
/// Parameters: the original unit's, `shortcut.weight` and `shortcut_bn.*`. Table 1 (e), ResNet-110: 12.22 %.
///
#[cfg_attr(doc, doc = include_str!("../../pictures/conv_shortcut.svg"))]
///
/// ```
/// # use candle_core::{DType, Device, Tensor};
/// # use candle_nn::{ModuleT, VarBuilder};
/// # use resnet_blocks::{ConvShortcut, UnitConfig};
/// # fn main() -> candle_core::Result<()> {
/// let vb = VarBuilder::zeros(DType::F32, &Device::Cpu);
/// let unit = ConvShortcut::new(UnitConfig::basic(16, 32, 2), vb)?;
/// let x = Tensor::ones((1, 16, 8, 8), DType::F32, &Device::Cpu)?;
/// assert_eq!(unit.forward_t(&x, false)?.dims(), [1, 32, 4, 4]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ConvShortcut(ResidualUnit);

impl ConvShortcut {
    /// Takes the unit's parameters from `vb`.
    ///
    /// # Errors
    /// If a parameter is missing or has another shape, or `config` breaks a rule of [`UnitConfig`].
    pub fn new(config: UnitConfig, vb: VarBuilder) -> Result<Self> {
        let shortcut = Shortcut::Convolution;
        Ok(ConvShortcut(ResidualUnit::new(config, Placement::Original, shortcut, vb)?))
    }
}

named_unit!(ConvShortcut);
