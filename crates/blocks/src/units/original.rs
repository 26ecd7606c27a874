//! The original unit, figures 1(a), 2(a) and 4(a).

use candle_core::Result;
use candle_nn::VarBuilder;

use super::named_unit;
use crate::{Placement, ResidualUnit, Shortcut, UnitConfig};

/// The original residual unit, figure 1(a): `x' = ReLU(h(x) + F(x))` with `F = conv BN ReLU conv BN` (a
/// bottleneck has one more `ReLU conv BN`).
///
/// `[N, in, H, W]` to `[N, out, ceil(H / stride), ceil(W / stride)]`, f32 on the CPU.
///
/// Parameters: `conv1.weight`, `bn1.*`, `conv2.weight`, `bn2.*` (`conv3.weight`, `bn3.*`) and, with a
/// projection, `downsample.0.weight`, `downsample.1.*`. Table 1 (a): 6.61 % error on CIFAR-10 as ResNet-110.
///
#[cfg_attr(doc, doc = include_str!("../../pictures/original.svg"))]
///
/// ```
/// # use candle_core::{DType, Device, Tensor};
/// # use candle_nn::{ModuleT, VarBuilder};
/// # use resnet_blocks::{Original, UnitConfig};
/// # fn main() -> candle_core::Result<()> {
/// let vb = VarBuilder::zeros(DType::F32, &Device::Cpu);
/// let unit = Original::new(UnitConfig::basic(16, 32, 2), vb)?;
/// let x = Tensor::ones((1, 16, 8, 8), DType::F32, &Device::Cpu)?;
/// assert_eq!(unit.forward_t(&x, false)?.dims(), [1, 32, 4, 4]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Original(ResidualUnit);

impl Original {
    /// Takes the unit's parameters from `vb`.
    ///
    /// # Errors
    /// If a parameter is missing or has another shape, or `config` breaks a rule of [`UnitConfig`].
    pub fn new(config: UnitConfig, vb: VarBuilder) -> Result<Self> {
        Ok(Original(ResidualUnit::new(config, Placement::Original, Shortcut::Identity, vb)?))
    }
}

named_unit!(Original);
