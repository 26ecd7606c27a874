//! Residual units of "Identity Mappings in Deep Residual Networks", each importable alone.
//!
//! A unit computes `y = h(x) + F(x)`, `x' = f(y)` (equations 1 and 2): `h` is the shortcut, `F` the residual
//! branch, `f` what follows the addition. All units are [`resnet_ops::Layer`]s: run alone, a unit is one
//! candle node, and a whole network of them is one node as well.
//!
//! Everything runs on the CPU in f32. Build with `--release`, or set `opt-level = 3` for
//! `[profile.dev.package."*"]`: without optimisation the kernels are slow. Tensors are those of candle 0.11,
//! re-exported as `resnet_ops::candle_core`.
//!
//! This crate knows no network: neither stems nor heads, neither names of models nor checkpoints.
//!
//! | file | what it holds |
//! |---|---|
//! | `units/` | the paper's units by name, a file each |
//! | `residual_unit.rs` | [`ResidualUnit`]: any shortcut, placement and branch |
//! | `shortcut.rs` | `h`: figure 2 |
//! | `placement.rs` | the order of norm, ReLU and convolution: figure 4 as a table |
//! | `branch.rs` | `F`: the table's row with its parameters |
//! | `config.rs` | [`UnitConfig`]: channels, stride, norm, parameter names |
//! | `outline.rs` | [`UnitOutline`]: what a built unit consists of, for pictures |
//! | `layers.rs` | norms and convolutions as a configuration asks for them |
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
//!
//! `examples/in_a_candle_network.rs` trains a unit among candle's own layers, saves and loads the variables
//! and evaluates.

mod branch;
mod config;
pub mod layers;
mod outline;
mod placement;
mod residual_unit;
mod shortcut;
mod units;

pub use config::{Branch, Filters, Names, NormKind, ShapeChange, StridePlace, UnitConfig};
pub use outline::{UnitOutline, UnitPart};
pub use placement::{BranchElement, Placement, PlacementOrder, ShortcutInput};
pub use residual_unit::ResidualUnit;
pub use shortcut::Shortcut;
pub use units::{
    BnAfterAddition, ConstantScaling, ConvShortcut, DropoutShortcut, ExclusiveGating, FullPreActivation,
    Original, ReluBeforeAddition, ReluOnlyPreActivation, ShortcutOnlyGating,
};
