//! Plain loops in f64: what every kernel and op is compared with.
//!
//! Obvious, slow and right: no threads, no blocking, no dependencies. Activations are row-major
//! `[N, H, W, C]` (channels last), convolution weights `[out, in, kh, kw]` and linear weights `[out, in]`, as
//! checkpoints hold them. A function takes slices with a small shape struct and returns new vectors; a slice
//! of the wrong length panics, since only tests call these functions. Every backward is checked in its own
//! file against central differences of its forward.

mod add;
mod avg_pool_2x2_ceil;
mod batch_norm;
mod batch_norm_backward;
mod conv2d;
mod conv2d_backward;
mod gate;
mod group_norm;
mod layout;
mod linear;
mod loss;
mod pool;
mod pool_backward;
mod relu;
mod shortcut;
mod standardise;

#[cfg(test)]
mod finite_difference;

pub use add::{add, add_backward};
pub use avg_pool_2x2_ceil::{avg_pool_2x2_ceil, avg_pool_2x2_ceil_backward, pooled_2x2};
pub use batch_norm::{BatchNormOutput, batch_norm_eval, batch_norm_train, update_running};
pub use batch_norm_backward::{BatchNormGradients, batch_norm_eval_backward, batch_norm_train_backward};
pub use conv2d::{Conv, conv2d};
pub use conv2d_backward::{conv2d_input_grad, conv2d_weight_grad};
pub use gate::{gate, gate_backward, sigmoid};
pub use group_norm::{Groups, group_norm, group_norm_backward};
pub use layout::{Image, nchw_to_nhwc, nhwc_to_nchw, to_f64};
pub use linear::{Linear, LinearGradients, linear, linear_backward};
pub use loss::{
    binary_cross_entropy, binary_cross_entropy_backward, soft_cross_entropy, soft_cross_entropy_backward,
    softmax_cross_entropy, softmax_cross_entropy_backward,
};
pub use pool::{Pool, avg_pool, global_avg_pool, max_pool, max_pool_zeros};
pub use pool_backward::{
    avg_pool_backward, global_avg_pool_backward, max_pool_backward, max_pool_zeros_backward,
};
pub use relu::{relu, relu_backward};
pub use shortcut::{ZeroPad, zero_pad_shortcut, zero_pad_shortcut_backward};
pub use standardise::{standardise, standardise_backward};
