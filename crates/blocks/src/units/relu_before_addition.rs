//! ReLU before addition, figure 4(c).

use candle_core::Result;
use candle_nn::VarBuilder;

use super::named_unit;
use crate::{Placement, ResidualUnit, Shortcut, UnitConfig};

/// The unit with its last ReLU before the addition, figure 4(c): `x' = h(x) + F(x)` with
/// `F = conv BN ReLU conv BN ReLU`. `F` is never negative, so an identity shortcut's signal only grows.
///
/// `[N, in, H, W]` to `[N, out, ceil(H / stride), ceil(W / stride)]`, f32 on the CPU.
///
/// Parameters: `conv1.weight`, `bn1.*`, `conv2.weight`, `bn2.*` (`conv3.weight`, `bn3.*`) and, with a
/// projection, `downsample.0.weight`, `downsample.1.*`. Table 2 (c): 7.84 % error on CIFAR-10 as ResNet-110,
/// 6.14 % as ResNet-164.
///
#[cfg_attr(doc, doc = include_str!("../../pictures/relu_before_addition.svg"))]
///
/// ```
/// # use candle_core::{DType, Device, Tensor};
/// # use candle_nn::{ModuleT, VarBuilder};
/// # use resnet_blocks::{ReluBeforeAddition, UnitConfig};
/// # fn main() -> candle_core::Result<()> {
/// let vb = VarBuilder::zeros(DType::F32, &Device::Cpu);
/// let unit = ReluBeforeAddition::new(UnitConfig::basic(16, 16, 1), vb)?;
/// let x = Tensor::ones((1, 16, 8, 8), DType::F32, &Device::Cpu)?;
/// assert_eq!(unit.forward_t(&x, false)?.dims(), [1, 16, 8, 8]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ReluBeforeAddition(ResidualUnit);

impl ReluBeforeAddition {
    /// Takes the unit's parameters from `vb`.
    ///
    /// # Errors
    /// If a parameter is missing or has another shape, or `config` breaks a rule of [`UnitConfig`].
    pub fn new(config: UnitConfig, vb: VarBuilder) -> Result<Self> {
        Ok(ReluBeforeAddition(ResidualUnit::new(
            config,
            Placement::ReluBeforeAddition,
            Shortcut::Identity,
            vb,
        )?))
    }
}

named_unit!(ReluBeforeAddition);
