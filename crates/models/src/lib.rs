//! ResNet definitions, their registry and their checkpoints.
//!
//! A [`Spec`] is plain data; [`registry::find`] makes one from a name; [`Model::init`] builds the network
//! with fresh weights, and [`checkpoint`] reads and writes the files people have.
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
