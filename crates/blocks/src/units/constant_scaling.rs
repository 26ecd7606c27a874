//! Constant scaling, figure 2(b).

use candle_core::Result;
use candle_nn::VarBuilder;

use super::named_unit;
use crate::{Placement, ResidualUnit, Shortcut, UnitConfig};

/// The unit with a scaled shortcut, figure 2(b): `x' = ReLU(a h(x) + b F(x))` with the original unit's `F`
/// and parameters.
///
/// `[N, in, H, W]` to `[N, out, ceil(H / stride), ceil(W / stride)]`, f32 on the CPU.
///
/// Through many of them the signal and its gradient shrink as the product of the factors, equations (6) to
/// (8). Table 1 (b): ResNet-110 fails to converge with `a = 0.5`, `b = 1` (an error above 20 %), and reaches
/// 12.35 % with 0.5 and 0.5.
///
#[cfg_attr(doc, doc = include_str!("../../pictures/constant_scaling.svg"))]
///
/// ```
/// # use candle_core::{DType, Device, Tensor};
/// # use candle_nn::{ModuleT, VarBuilder};
/// # use resnet_blocks::{ConstantScaling, UnitConfig};
/// # fn main() -> candle_core::Result<()> {
/// let vb = VarBuilder::zeros(DType::F32, &Device::Cpu);
/// let unit = ConstantScaling::new(UnitConfig::basic(16, 16, 1), (0.5, 0.5), vb)?;
/// let x = Tensor::ones((1, 16, 8, 8), DType::F32, &Device::Cpu)?;
/// assert_eq!(unit.forward_t(&x, false)?.dims(), [1, 16, 8, 8]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ConstantScaling(ResidualUnit);

impl ConstantScaling {
    /// Takes the unit's parameters from `vb`; `shortcut` and `branch` are the factors `a` and `b`.
    ///
    /// # Errors
    /// If a parameter is missing or has another shape, or `config` breaks a rule of [`UnitConfig`].
    pub fn new(config: UnitConfig, (shortcut, branch): (f64, f64), vb: VarBuilder) -> Result<Self> {
        let shortcut = Shortcut::ConstantScaling { shortcut, branch };
        Ok(ConstantScaling(ResidualUnit::new(config, Placement::Original, shortcut, vb)?))
    }
}

named_unit!(ConstantScaling);
