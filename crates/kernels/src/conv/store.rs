//! The way of a tile of products to memory: what is fused into the store, and the sums gathered on the way.

use super::micro::PanelWidth;
use super::{Epilogue, lines};
use crate::norm::{Activation, BackwardPart, MomentPart, ScaleShift, SharedMoments, SharedSums};
use crate::parallel::Shared;
use crate::simd::Simd;

/// What happens to a tile.
pub(super) enum DirectStore<'a> {
    /// It is output.
    Output { epilogue: Epilogue<'a>, gather: Option<SharedMoments<'a>> },
    /// It is the gradient of a norm's output, the norm's input being `x`.
    Gradient { x: &'a [f32], mean: &'a [f32], map: &'a ScaleShift, gather: SharedSums<'a> },
}

/// Up to six pixels by one block of outputs.
#[derive(Debug, Clone, Copy)]
pub(super) struct DirectTile<'a> {
    /// Rows of two vectors.
    pub(super) products: *const f32,
    /// Where the pixels begin in the output, from `target`.
    pub(super) pixels: &'a [usize],
    pub(super) target: usize,
    /// The block's first output channel.
    pub(super) column: usize,
    /// The part that sums are added to.
    pub(super) part: usize,
    /// Whether these are the part's first pixels.
    pub(super) is_first: bool,
}

impl DirectStore<'_> {
    /// Asks for the cache lines that a block of outputs at offset `at` will be stored to, and those it will
    /// meet.
    #[inline(always)]
    pub(super) fn prefetch<S: Simd>(&self, simd: S, at: usize, out: &Shared) {
        lines::write(simd, out.as_mut_ptr().wrapping_add(at), 2 * S::LANES);
        let beside = match self {
            DirectStore::Output { epilogue, .. } => epilogue.residual,
            DirectStore::Gradient { x, .. } => Some(*x),
        };
        if let Some(beside) = beside {
            lines::read(simd, beside.as_ptr().wrapping_add(at), 2 * S::LANES);
        }
    }

    /// Stores the pixels of `tile`.
    ///
    /// # Safety
    /// Products, pixels and `columns` exist in the tile, in `out` and in the tensors in `self`; nobody else
    /// has them, or the tile's channels of the part, at the same time. Parts have whole blocks of channels.
    #[inline(always)]
    pub(super) unsafe fn tile<S: Simd, C: PanelWidth>(
        &self,
        simd: S,
        tile: DirectTile,
        columns: C,
        out: &Shared,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            match self {
                DirectStore::Output { epilogue, gather: None } => {
                    output(simd, tile, columns, epilogue, None, out);
                }
                DirectStore::Output { epilogue, gather: Some(gather) } => {
                    output(simd, tile, columns, epilogue, Some(gather.task(tile.part)), out);
                }
                DirectStore::Gradient { x, mean, map, gather } => {
                    gradient(simd, tile, columns, (x, mean, map), gather.task(tile.part), out);
                }
            }
        }
    }
}

/// # Safety
/// As [`DirectStore::tile`].
#[inline(always)]
unsafe fn output<S: Simd, C: PanelWidth>(
    simd: S,
    tile: DirectTile,
    columns: C,
    epilogue: &Epilogue,
    part: Option<MomentPart>,
    out: &Shared,
) {
    let DirectTile { mut products, column, .. } = tile;
    let zero = simd.splat(0.0);
    // SAFETY: the caller's promise.
    unsafe {
        let bias = match epilogue.bias {
            Some(bias) => columns.load(simd, bias.as_ptr().add(column)),
            None => [zero; 2],
        };
        let mut pivot = match part {
            Some(part) if !tile.is_first => pivot(simd, part, column),
            _ => [zero; 2],
        };
        let (mut distances, mut squares) = ([zero; 2], [zero; 2]);
        for (index, pixel) in tile.pixels.iter().enumerate() {
            let at = tile.target + pixel + column;
            let mut row = [simd.load(products), simd.load(products.add(S::LANES))];
            products = products.add(2 * S::LANES);
            row = [simd.add(row[0], bias[0]), simd.add(row[1], bias[1])];
            if let Some(residual) = epilogue.residual {
                let other = columns.load(simd, residual.as_ptr().add(at));
                row = [simd.add(row[0], other[0]), simd.add(row[1], other[1])];
            }
            if epilogue.activation == Activation::Relu {
                row = [simd.max(row[0], zero), simd.max(row[1], zero)];
            }
            columns.store(simd, out.as_mut_ptr().add(at), row);
            let Some(part) = part else { continue };
            if tile.is_first && index == 0 {
                part.begin(simd, column, row[0]);
                part.begin(simd, column + S::LANES, row[1]);
                pivot = row;
            }
            for v in 0..2 {
                let distance = simd.sub(row[v], pivot[v]);
                distances[v] = simd.add(distances[v], distance);
                squares[v] = simd.mul_add(distance, distance, squares[v]);
            }
        }
        if let Some(part) = part {
            part.add(simd, column, distances[0], squares[0]);
            part.add(simd, column + S::LANES, distances[1], squares[1]);
        }
    }
}

/// # Safety
/// The part has the block of channels, and has begun.
#[inline(always)]
unsafe fn pivot<S: Simd>(simd: S, part: MomentPart, column: usize) -> [S::V; 2] {
    // SAFETY: the caller's promise.
    unsafe { [part.pivot(simd, column), part.pivot(simd, column + S::LANES)] }
}

/// # Safety
/// As [`DirectStore::tile`].
#[inline(always)]
unsafe fn gradient<S: Simd, C: PanelWidth>(
    simd: S,
    tile: DirectTile,
    columns: C,
    (x, mean, map): (&[f32], &[f32], &ScaleShift),
    part: BackwardPart,
    out: &Shared,
) {
    let DirectTile { mut products, column, .. } = tile;
    // SAFETY: the caller's promise.
    unsafe {
        let scale = columns.load(simd, map.scale.as_ptr().add(column));
        let shift = columns.load(simd, map.shift.as_ptr().add(column));
        let mean = columns.load(simd, mean.as_ptr().add(column));
        let (mut sum_dy, mut sum_dy_xmu) = ([simd.splat(0.0); 2], [simd.splat(0.0); 2]);
        for pixel in tile.pixels {
            let at = tile.target + pixel + column;
            let row = [simd.load(products), simd.load(products.add(S::LANES))];
            products = products.add(2 * S::LANES);
            let x = columns.load(simd, x.as_ptr().add(at));
            columns.store(simd, out.as_mut_ptr().add(at), row);
            for v in 0..2 {
                let passed = simd.where_positive(simd.mul_add(x[v], scale[v], shift[v]), row[v]);
                sum_dy[v] = simd.add(sum_dy[v], passed);
                sum_dy_xmu[v] = simd.mul_add(passed, simd.sub(x[v], mean[v]), sum_dy_xmu[v]);
            }
        }
        part.add(simd, column, sum_dy[0], sum_dy_xmu[0]);
        part.add(simd, column + S::LANES, sum_dy[1], sum_dy_xmu[1]);
    }
}
