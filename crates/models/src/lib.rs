//! ResNet definitions, their registry and their checkpoints.
//!
//! A [`Spec`] is plain data; [`registry::find`] makes one from a name; [`Model::init`] builds the network
//! with fresh weights, and [`checkpoint`] reads and writes the files people have.
//!
//! Everything runs on the CPU in f32. Build with `--release`, or set `opt-level = 3` for
//! `[profile.dev.package."*"]`: without optimisation the kernels are slow. Tensors are those of candle 0.11,
//! re-exported as `resnet_ops::candle_core`.
//!
//! This crate must not know data sets, recipes, optimizers, the hub or options of a command line. What a
//! checkpoint says of preprocessing, classes and training is passed on and not acted on.
//!
//! | file | what it holds |
//! |---|---|
//! | `spec.rs` | [`Spec`]: a network as plain data |
//! | `registry/` | [`registry`]: names and the networks behind them |
//! | `stem.rs` | what comes before the first unit |
//! | `network.rs` | [`Network`]: stem, stages of units and head, run as one candle node |
//! | `model.rs`, `init.rs` | [`Model`]: a network with its named variables; their initial weights |
//! | `inference.rs` | [`Inference`]: norms folded into weights, filters packed |
//! | `checkpoint/` | [`checkpoint`]: whose names the tensors have, which network they are of; load and export |
//! | `summary.rs` | [`summary`]: layers with shapes, parameters and multiply-adds |
//! | `departures.rs` | how a network differs from the one that the papers describe |
//!
//! ```
//! use candle_core::{DType, Device, Tensor};
//! use resnet_models::{Model, registry};
//! use resnet_ops::Mode;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let spec = registry::find("resnet20-v2", 10)?;
//! let model = Model::init(&spec, 0)?;
//! let images = Tensor::zeros((2, 3, 32, 32), DType::F32, &Device::Cpu)?;
//! assert_eq!(model.forward(&images, Mode::Eval)?.dims(), [2, 10]);
//! # Ok(())
//! # }
//! ```

pub mod checkpoint;
mod departures;
mod inference;
mod init;
mod model;
mod network;
pub mod registry;
mod spec;
mod stem;
pub mod summary;

pub use inference::Inference;
pub use model::{Model, ModelOptions};
// What a `Spec` is made of.
pub use resnet_blocks::{
    Branch, Filters, NormKind, Placement, ShapeChange, Shortcut, ShortcutInput, StridePlace,
};

pub use network::{Frozen, Network, StochasticDepth};
pub use spec::{Family, Head, Spec, Stage, StemLayers, StemPool, StemSpec};
