//! Winograd's F(4x4, 3x3) (arXiv 1509.09308) for 3x3 convolutions at stride 1 and padding 1: a quarter of the
//! multiplications.
//!
//! ```text
//! Y = A^T [ (G g G^T) . (B^T d B) ] A          d: 6x6 of the input, g: 3x3 filter, Y: 4x4 of the output
//! ```
//!
//! The dot is the product position by position. Summed over channels, the products at the 36 positions are 36
//! matrix products of `[tiles, in] x [in, out]`. Work is cut into blocks of tile rows whose transformed input
//! and products stay in the second-level cache. The input gradient is the same pass with filters rotated by
//! 180 degrees; the weight gradient works in the transformed domain as well:
//! `dg = G^T [ sum over tiles of (B^T d B) . (A dY A^T) ] G`.
//!
//! Error against exact arithmetic: a few times that of direct convolution (docs/kernels.md has the figures).
//! Reference: `resnet_reference::conv2d`.

mod ahead;
mod block;
mod filter;
mod forward;
mod store;
mod transform;
mod weight_grad;
mod wide_weight_grad;

use super::{ConvInput, ConvShape};
use crate::simd::Isa;

pub(super) use forward::{input_grad, output, pack};

/// Positions of a transformed tile.
const POSITIONS: usize = 36;
/// Output pixels of a tile, along one axis.
const TILE: usize = 4;

/// Tiles of the output over all images.
pub(super) fn tiles(shape: &ConvShape) -> usize {
    shape.images * shape.out_h().div_ceil(TILE) * shape.out_w().div_ceil(TILE)
}

/// `dw` (OIHW) from the input and the output's gradient.
pub(super) fn weight_grad(isa: Isa, shape: &ConvShape, input: ConvInput, dy: &[f32], dw: &mut [f32]) {
    if wide_weight_grad::pays(shape) {
        return wide_weight_grad::run(isa, shape, input, dy, dw);
    }
    weight_grad::run(isa, shape, input, dy, dw);
}

/// Whether this algorithm can do `shape` with vectors of `lanes`.
pub(super) fn applies(shape: &ConvShape, lanes: usize) -> bool {
    let geometry = shape.kernel == 3 && shape.stride == 1 && shape.padding == 1;
    geometry && shape.in_channels.is_multiple_of(lanes) && shape.out_channels.is_multiple_of(lanes)
}
