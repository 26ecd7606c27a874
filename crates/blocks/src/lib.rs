//! Residual units of "Identity Mappings in Deep Residual Networks", each importable alone.
//!
//! A unit computes `y = h(x) + F(x)`, `x' = f(y)` (equations 1 and 2): `h` is the shortcut, `F` the residual
//! branch, `f` what follows the addition. All units are a [`resnet_ops::Layer`]; run
//! alone, a unit is one candle node, and a whole network of them is one node as well.
//!
//! ```
//! use candle_core::{DType, Device, Tensor};
//! use candle_nn::{VarBuilder, VarMap};
//! use resnet_blocks::{FullPreActivation, UnitConfig};
//! use resnet_ops::{Layer, Mode};
//!
//! # fn main() -> candle_core::Result<()> {
//! let variables = VarMap::new();
//! let vb = VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu);
//! let unit = FullPreActivation::new(UnitConfig::basic(16, 16, 1), vb.pp("unit"))?;
//!
//! let x = Tensor::randn(0f32, 1.0, (2, 16, 32, 32), &Device::Cpu)?;
//! let y = unit.forward(&x, Mode::Train)?;
//! assert_eq!(y.dims(), x.dims());
//! let gradients = y.sqr()?.mean_all()?.backward()?;
//! assert!(variables.all_vars().iter().any(|var| gradients.get(var).is_some()));
//! # Ok(())
//! # }
//! ```

mod branch;
mod config;
pub mod layers;
mod placement;
mod residual_unit;
mod shortcut;
mod units;

pub use config::{Branch, Filters, Names, NormKind, ShapeChange, StridePlace, UnitConfig};
pub use placement::{Element, Order, Placement, ShortcutInput};
pub use residual_unit::ResidualUnit;
pub use shortcut::Shortcut;
pub use units::{
    BnAfterAddition, ConstantScaling, ConvShortcut, DropoutShortcut, ExclusiveGating, FullPreActivation,
    Original, ReluBeforeAddition, ReluOnlyPreActivation, ShortcutOnlyGating,
};
