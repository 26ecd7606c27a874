//! The dropout shortcut, figure 2(f).

use candle_core::Result;
use candle_nn::VarBuilder;
use resnet_ops::Draws;

use super::named_unit;
use crate::{Placement, ResidualUnit, Shortcut, UnitConfig};

/// The unit with dropout on its shortcut, figure 2(f): `x' = ReLU(dropout(h(x)) + F(x))` with the original
/// unit's `F` and parameters. In evaluation it is the original unit.
///
/// Kept elements are divided by the probability of keeping them, as in PyTorch, so the expectation is `x`.
///
/// `[N, in, H, W]` to `[N, out, ceil(H / stride), ceil(W / stride)]`, f32 on the CPU.
///
/// Which elements training drops depends on the path of the unit's parameters: units at other paths drop
/// other elements, and a unit drops the same ones in every run. [`DropoutShortcut::with_draws`] can make it
/// depend on a seed. Table 1 (f): ResNet-110 fails to converge with a ratio of 0.5 (an error above 20 %).
///
#[cfg_attr(doc, doc = include_str!("../../pictures/dropout_shortcut.svg"))]
///
/// ```
/// # use candle_core::{DType, Device, Tensor};
/// # use candle_nn::{ModuleT, VarBuilder};
/// # use resnet_blocks::{DropoutShortcut, UnitConfig};
/// # fn main() -> candle_core::Result<()> {
/// let vb = VarBuilder::zeros(DType::F32, &Device::Cpu);
/// let unit = DropoutShortcut::new(UnitConfig::basic(16, 16, 1), 0.5, vb)?;
/// let x = Tensor::ones((1, 16, 8, 8), DType::F32, &Device::Cpu)?;
/// assert_eq!(unit.forward_t(&x, false)?.dims(), [1, 16, 8, 8]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct DropoutShortcut(ResidualUnit);

impl DropoutShortcut {
    /// Takes the unit's parameters from `vb`; `ratio` is the probability that an element is dropped.
    ///
    /// # Errors
    /// If a parameter is missing or has another shape, or `config` breaks a rule of [`UnitConfig`], or
    /// `ratio` is not in `[0, 1)`.
    pub fn new(config: UnitConfig, ratio: f64, vb: VarBuilder) -> Result<Self> {
        let shortcut = Shortcut::Dropout { ratio };
        Ok(DropoutShortcut(ResidualUnit::new(config, Placement::Original, shortcut, vb)?))
    }

    /// The same unit with other draws.
    pub fn with_draws(self, draws: Draws) -> Self {
        DropoutShortcut(self.0.with_draws(draws))
    }
}

named_unit!(DropoutShortcut);
