//! SIMD kernels on slices: convolution, normalisation, pooling, loss.
//!
//! Slices in, slices out: this crate knows no tensor and no graph. Activations are f32 in channels-last
//! order (`[N, H, W, C]`, called NHWC), convolution weights are `[out, in, kh, kw]` (OIHW), as checkpoints
//! have them.
//!
//! ```
//! use resnet_kernels::Isa;
//! use resnet_kernels::conv::{Algorithm, ConvInput, ConvShape, Epilogue, PackedFilters, forward};
//!
//! let shape = ConvShape {
//!     images: 1, in_h: 2, in_w: 2, in_channels: 1, out_channels: 1, kernel: 1, stride: 1, padding: 0,
//! };
//! let isa = Isa::best();
//! let filters = PackedFilters::new(Algorithm::choose(isa, &shape), isa, &shape, &[2.0]);
//! let (x, mut y) = ([1.0, 2.0, 3.0, 4.0], [0.0; 4]);
//! forward(isa, &shape, ConvInput::plain(&x), &filters, Epilogue::default(), &mut y);
//! assert_eq!(y, [2.0, 4.0, 6.0, 8.0]);
//! ```
//!
//! | file | what it computes |
//! |---|---|
//! | `conv/mod.rs` | convolution, its input gradient and its weight gradient; `algorithm.rs` chooses how |
//! | `conv/direct.rs`, `conv/weight_grad.rs` | any geometry, through strips of the input |
//! | `conv/winograd/` | 3x3 at stride 1, by Winograd's F(4x4, 3x3) |
//! | `conv/pointwise/` | 1x1, as products of matrices |
//! | `conv/product.rs`, `conv/panel.rs` | the matrix product in registers, which all three share |
//! | `conv/fusion.rs` | what is fused: prologue on load, epilogue on store |
//! | `norm/mod.rs`, `norm/backward.rs` | batch norm: statistics, application, backward |
//! | `norm/gather.rs`, `norm/mask.rs` | batch norm's sums and ReLU's mask inside of a convolution |
//! | `norm/group.rs`, `norm/standardise.rs` | group norm, weight standardisation |
//! | `elementwise.rs` | ReLU, addition, scaling, option A's zero-padding shortcut |
//! | `gate.rs`, `dropout.rs` | gates of figure 2(c) and (d), dropout of figure 2(f) |
//! | `pool/`, `avg_pool_2x2_ceil.rs` | average, maximum and global pooling; the d variants' average |
//! | `loss.rs` | softmax cross-entropy by labels and by probabilities, binary cross-entropy |
//! | `layout.rs` | NCHW to NHWC and back |
//! | `pixels/` | bytes of images: the inverse transform of JPEG's blocks, the sums of resizing |
//! | `simd/` | instruction sets, one vector type each |
//! | `parallel/` | tasks over threads, and how work is cut |
//! | `buffer.rs`, `writes.rs` | memory, and which of it is written past the caches |
//! | `size.rs`, `probe.rs` | sizes that can't wrap around, the machine's ceilings |
//! | `hangup.rs` | no kernel: the signal of a closed terminal, here since `unsafe` stands in this crate alone |
//!
//! Every kernel
//!
//! - runs on the [`Isa`] that its caller passes, usually [`Isa::best`], or is a plain loop that the compiler
//!   vectorises,
//! - checks its arguments once a call, so that no safe caller makes it touch memory outside of the slices: it
//!   panics, and says why, where lengths and shapes contradict each other or a shape makes no sense,
//! - splits its work by shape alone, never by the number of threads, and adds partial sums in a fixed
//!   order, so that one thread and sixteen give the same bits,
//! - has an f64 counterpart in `resnet-reference`, and a test that compares the two (but for scaling, dropout
//!   and the integer kernels of `pixels/`, whose portable form is the definition).
//!
//! All `unsafe` of the workspace lives here; each block says why it is sound.
#![allow(unsafe_code)]
// Kernels count through several register arrays at once; an iterator over one of them hides the others.
#![allow(clippy::needless_range_loop)]

pub mod avg_pool_2x2_ceil;
pub mod buffer;
pub mod conv;
pub mod dropout;
pub mod elementwise;
pub mod gate;
pub mod hangup;
pub mod layout;
pub mod loss;
pub mod norm;
pub mod parallel;
pub mod pixels;
pub mod pool;
pub mod probe;
pub mod simd;
mod size;
mod writes;

pub use buffer::Buffer;
pub use simd::Isa;
