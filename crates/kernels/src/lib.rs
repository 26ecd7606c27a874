//! SIMD kernels on slices: convolution, normalisation, pooling, products.
//!
//! Slices in, slices out: this crate knows no tensor and no graph. Activations are f32 in channels-last
//! order (`[N, H, W, C]`, called NHWC), convolution weights are `[out, in, kh, kw]` (OIHW), as checkpoints
//! have them. Every kernel
//!
//! - runs on the instruction set that [`Isa::best`] finds at run time, or on one that a test names,
//! - checks what it is given once a call, so that no safe caller makes it touch memory outside of the slices:
//!   it panics, and says why, where lengths and shapes contradict each other or a shape makes no sense,
//! - splits its work by shape alone, never by the number of threads, and adds partial sums in a fixed
//!   order, so that one thread and sixteen give the same bits,
//! - has a plain f64 counterpart in `resnet-reference`, and a test that compares the two.
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
pub mod layout;
pub mod loss;
pub mod norm;
pub mod parallel;
pub mod pool;
pub mod probe;
pub mod simd;
mod size;

pub use buffer::Buffer;
pub use simd::Isa;
