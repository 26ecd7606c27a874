//! BN after addition, figure 4(b).

use candle_core::Result;
use candle_nn::VarBuilder;

use super::named_unit;
use crate::{Placement, ResidualUnit, Shortcut, UnitConfig};

/// The unit with batch norm after the addition, figure 4(b): `x' = ReLU(BN(h(x) + F(x)))` with
/// `F = conv BN ReLU conv`. The last norm, `bn2` (`bn3` of a bottleneck), also changes the shortcut's signal.
///
/// `[N, in, H, W]` to `[N, out, ceil(H / stride), ceil(W / stride)]`, f32 on the CPU.
///
/// Parameters: `conv1.weight`, `bn1.*`, `conv2.weight`, `bn2.*` (`conv3.weight`, `bn3.*`) and, with a
/// projection, `downsample.0.weight`; the projection has no norm of its own. Table 2 (b): 8.17 % error on
/// CIFAR-10 as ResNet-110, 6.50 % as ResNet-164.
///
#[cfg_attr(doc, doc = include_str!("../../pictures/bn_after_addition.svg"))]
///
/// ```
/// # use candle_core::{DType, Device, Tensor};
/// # use candle_nn::{ModuleT, VarBuilder};
/// # use resnet_blocks::{BnAfterAddition, UnitConfig};
/// # fn main() -> candle_core::Result<()> {
/// let vb = VarBuilder::zeros(DType::F32, &Device::Cpu);
/// let unit = BnAfterAddition::new(UnitConfig::basic(16, 16, 1), vb)?;
/// let x = Tensor::ones((1, 16, 8, 8), DType::F32, &Device::Cpu)?;
/// assert_eq!(unit.forward_t(&x, false)?.dims(), [1, 16, 8, 8]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct BnAfterAddition(ResidualUnit);

impl BnAfterAddition {
    /// Takes the unit's parameters from `vb`.
    ///
    /// # Errors
    /// If a parameter is missing or has another shape, or `config` breaks a rule of [`UnitConfig`].
    pub fn new(config: UnitConfig, vb: VarBuilder) -> Result<Self> {
        Ok(BnAfterAddition(ResidualUnit::new(config, Placement::BnAfterAddition, Shortcut::Identity, vb)?))
    }
}

named_unit!(BnAfterAddition);
