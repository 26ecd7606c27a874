//! The way of a tile of products to memory: what is fused into the store, and the sums gathered on the way.

use super::panel::PanelWidth;
use super::{Epilogue, lines};
use crate::norm::{
    BackwardPart, MomentPart, MomentSums, NormSums, ReluMask, ScaleShift, SharedMoments, SharedSums,
};
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
        let mut sums = match part {
            Some(part) if !tile.is_first => MomentSums::new(simd, pivot(simd, part, column)),
            _ => MomentSums::new(simd, [zero; 2]),
        };
        for (index, pixel) in tile.pixels.iter().enumerate() {
            let at = tile.target + pixel + column;
            let row = [simd.load(products), simd.load(products.add(S::LANES))];
            products = products.add(2 * S::LANES);
            #[expect(clippy::manual_map, reason = "a closure that is not inlined lacks the instruction set")]
            let other = match epilogue.residual {
                Some(residual) => Some(columns.load(simd, residual.as_ptr().add(at))),
                None => None,
            };
            let row = epilogue.finish(simd, row, Some(bias), other);
            columns.store(simd, out.as_mut_ptr().add(at), row);
            let Some(part) = part else { continue };
            if tile.is_first && index == 0 {
                part.begin(simd, column, row[0]);
                part.begin(simd, column + S::LANES, row[1]);
                sums.pivot = row;
            }
            sums.add(simd, row);
        }
        if let Some(part) = part {
            sums.add_to(simd, part, column);
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
        let mut sums = NormSums::new(simd, ReluMask { scale, shift }, mean);
        for pixel in tile.pixels {
            let at = tile.target + pixel + column;
            let row = [simd.load(products), simd.load(products.add(S::LANES))];
            products = products.add(2 * S::LANES);
            let x = columns.load(simd, x.as_ptr().add(at));
            columns.store(simd, out.as_mut_ptr().add(at), row);
            sums.add(simd, x, row);
        }
        sums.add_to(simd, part, column);
    }
}
