//! candle ops for residual networks, CPU and f32, forward and backward.
//!
//! Two ways in:
//!
//! - a function on tensors, such as [`conv2d`] or [`bn_relu`]: one op, one candle node, NCHW in and out, for
//!   use in any candle network;
//! - a [`Graph`]: record layers one after another and run them as *one* candle node. Inside, activations stay
//!   in channels-last buffers from a pool, batch norm and ReLU are applied while a convolution loads its
//!   input, the residual is added while it stores its output, and backward is explicit. Units, stages and
//!   whole networks of `resnet-blocks` and `resnet-models` are recorded this way.
//!
//! ```
//! use candle_core::{DType, Device, Tensor, Var};
//! use resnet_ops::{conv2d, softmax_cross_entropy};
//!
//! # fn main() -> candle_core::Result<()> {
//! let x = Tensor::zeros((2, 3, 8, 8), DType::F32, &Device::Cpu)?;
//! let w = Var::ones((10, 3, 3, 3), DType::F32, &Device::Cpu)?;
//! let logits = conv2d(&x, &w, 1, 1)?.mean((2, 3))?;
//! let labels = Tensor::new(&[1u32, 7], &Device::Cpu)?;
//! let gradients = softmax_cross_entropy(&logits, &labels)?.backward()?;
//! assert_eq!(gradients.get(&w).unwrap().dims(), w.dims());
//! # Ok(())
//! # }
//! ```

mod functions;
mod graph;
mod group_norm;
pub mod layers;
mod loss;
mod random;
mod standardise;
mod steps;

pub use functions::{
    add, avg_pool, batch_norm, bn_relu, conv2d, gate, global_avg_pool, group_norm, halve, linear, max_pool,
    max_pool_zeros, relu, scale, zero_pad_shortcut,
};
pub use graph::{Graph, Inference, LayerInfo, Memory, Plan, Shape, Value};
pub use group_norm::GroupNorm;
pub use layers::{BatchNorm, Conv2d, ConvConfig, Linear};
pub use loss::{soft_cross_entropy, softmax_cross_entropy};
pub use random::{Draws, DropPath, Dropout, path_key};
pub use resnet_kernels::conv::ConvShape;
pub use resnet_kernels::gate::Gate;
pub use resnet_kernels::parallel::{set_threads, threads, with_threads};
pub use standardise::standardise_weight;

/// Whether batch norm uses the batch's statistics and updates the running ones, or only reads the running
/// ones.
///
/// Passed to every forward call, never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Batch statistics; running statistics are updated; what backward needs is kept.
    Train,
    /// Running statistics. Parameters count as constants: a gradient flows to the input only, and only if the
    /// input is part of a graph itself, so plain inference keeps nothing.
    Eval,
}
