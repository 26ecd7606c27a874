//! candle ops for residual networks, CPU and f32, forward and backward.
//!
//! Three ways in:
//!
//! - a function on tensors, such as [`conv2d`] or [`bn_relu`]: one op, one candle node, NCHW in and out, for
//!   use in any candle network;
//! - a [`Layer`], such as [`Conv2d`]: the same with named parameters, and a module of candle's (`ModuleT`);
//! - a [`Graph`]: trace layers one after another and run them as *one* candle node. Inside, activations stay
//!   in channels-last buffers from a pool, batch norm and ReLU are applied while a convolution loads its
//!   input, the residual is added while it stores its output, and backward is explicit. Units, stages and
//!   whole networks of `resnet-blocks` and `resnet-models` are traced this way.
//!
//! Everything runs on the CPU in f32. Build with `--release`, or set `opt-level = 3` for
//! `[profile.dev.package."*"]`: without optimisation the kernels are slow. Tensors are those of candle 0.11,
//! re-exported as `candle_core`.
//!
//! Freed activations stay in the process, kept by size for the next run. With images of many sizes, or after
//! a large batch, [`release_free_memory`] gives them back to the system.
//!
//! This crate knows no residual unit and no network, and has no `unsafe` code: arithmetic is
//! `resnet-kernels`'.
//!
//! | file | what it holds |
//! |---|---|
//! | `functions.rs` | functions on tensors |
//! | `layers/` | [`Layer`] and the layers: parameters, names, how they are traced |
//! | `loss.rs`, `standardise.rs` | candle ops beside plans: cross-entropy, weight standardisation |
//! | `run.rs`, `node.rs` | [`Plan::run`] and [`FoldedPlan`]; a plan as a candle op |
//! | `inspect.rs`, `stopwatch.rs` | [`Plan::inspect`]: what each step puts out; [`Stopwatch`]: how long it takes |
//! | `executor.rs` | the trait of what runs a plan |
//! | `cpu/` | the executor: buffers, lazy norms, each step's forward and backward |
//! | `plan/` | what a plan is: [`Graph`], [`Plan`], steps as data, what is folded |
//! | `draws.rs`, `mode.rs` | random draws by counter; training or evaluation |
//! | `parameters.rs` | parameters on their way into a run, gradients on the way back |
//! | `part.rs` | a batch that several processes compute together |
//!
//! ```
//! use candle_core::{DType, Device, Tensor, Var};
//! use resnet_ops::{ConvConfig, conv2d, softmax_cross_entropy};
//!
//! # fn main() -> candle_core::Result<()> {
//! let x = Tensor::zeros((2, 3, 8, 8), DType::F32, &Device::Cpu)?;
//! let w = Var::ones((10, 3, 3, 3), DType::F32, &Device::Cpu)?;
//! let logits = conv2d(&x, &w, ConvConfig::same(3))?.mean((2, 3))?;
//! let labels = Tensor::new(&[1u32, 7], &Device::Cpu)?;
//! let gradients = softmax_cross_entropy(&logits, &labels)?.backward()?;
//! assert_eq!(gradients.get(&w).unwrap().dims(), w.dims());
//! # Ok(())
//! # }
//! ```

mod cpu;
mod draws;
mod executor;
mod functions;
mod inspect;
pub mod layers;
mod loss;
mod mode;
mod node;
mod parameters;
mod part;
mod plan;
mod run;
mod standardise;
mod stopwatch;

// A caller of this crate need not depend on candle; `module_t!` names both.
pub use {candle_core, candle_nn};

pub use draws::{Draws, path_key};
pub use functions::{
    add, avg_pool, avg_pool_2x2_ceil, batch_norm, bn_relu, conv2d, gate, global_avg_pool, group_norm, linear,
    max_pool, max_pool_zeros, relu, scale, zero_pad_shortcut,
};
pub use inspect::{Extremes, StepOutput};
pub use layers::{
    BatchNorm, Conv2d, ConvConfig, DropPath, Dropout, GroupNorm, GroupNormConfig, Layer, Linear,
};
pub use loss::{ClassReduction, binary_cross_entropy, soft_cross_entropy, softmax_cross_entropy};
pub use mode::Mode;
pub use part::{BatchPart, GradientTaken, OnGradient, SumOver};
pub use plan::step::{is_running_statistic, layer_of};
pub use plan::{
    Graph, LayerInfo, LayerRole, Learning, Plan, PoolConfig, Recompute, Shape, Value, ZeroPadConfig,
};
pub use resnet_kernels::buffer::release_free_memory;
pub use resnet_kernels::conv::ConvShape;
pub use resnet_kernels::gate::Gate;
pub use resnet_kernels::parallel::{set_threads, threads, with_threads};
pub use run::FoldedPlan;
pub use standardise::standardise_weight;
pub use stopwatch::{Pass, StepCost, Stopwatch};
