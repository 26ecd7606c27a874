//! 1x1 convolutions without padding: products of matrices, `[pixels, in] x [in, out]`.
//!
//! ```text
//! y[n, oy, ox, o] = sum over c of x[n, oy s, ox s, c] w[o, c]
//! ```
//!
//! A [`pass::Pass`] cuts the product into tasks of pixels by output channels, tasks into blocks of pixels by input
//! channels whose input stays in cache while all panels of weights go over it, and blocks into tiles of six pixels
//! by two vectors of outputs, which stay in registers from the product to the fused store. The input gradient is
//! the same pass from the other side.

mod load;
mod pass;
mod rows;
mod store;
mod tile;

use super::{ConvShape, Epilogue, Prologue, Statistics, pack};
use crate::buffer::Buffer;
use crate::norm::Moments;
use crate::simd::Isa;
use pass::Pass;
use rows::Rows;
use store::Output;

/// Whether this algorithm can do `shape`.
pub(super) fn applies(shape: &ConvShape) -> bool {
    shape.kernel == 1 && shape.padding == 0
}

/// Filters for [`output`]: `[panel of outputs][input][output]`.
pub(super) fn pack(isa: Isa, shape: &ConvShape, weight: &[f32]) -> Buffer {
    pack::for_output(shape, weight, 2 * isa.lanes())
}

/// `out = conv(prologue(x), filters)` with the epilogue applied.
pub(super) fn output(
    isa: Isa,
    shape: &ConvShape,
    x: &[f32],
    prologue: Prologue,
    filters: &[f32],
    epilogue: Epilogue,
    out: &mut [f32],
) -> Option<Moments> {
    let pixels = shape.images * shape.out_h() * shape.out_w();
    let pass = Pass::new(isa, Rows::input(shape), Rows::dense(pixels, shape.out_c));
    let mut parts = (epilogue.statistics == Statistics::Gather).then(|| pass.moment_parts());
    let gather = parts.as_mut().map(|parts| parts.iter_mut().map(|part| part.shared()).collect());
    pass.run(x, prologue, filters, &Output { epilogue, gather }, out);
    parts.map(|parts| pass.combine_moments(&parts))
}
