//! Stores a tile of products, with what is fused into the store and the sums that are gathered for a norm.

use super::panel::{FullPanel, PanelWidth};
use super::{Epilogue, lines};
use crate::norm::{
    BackwardPart, MomentPart, MomentSums, NormSums, ReluMask, ScaleShift, SharedMoments, SharedSums,
};
use crate::parallel::Shared;
use crate::simd::Simd;
use crate::writes::Writes;

/// What happens to a tile.
pub(super) enum DirectStore<'a> {
    /// It is output.
    Output { epilogue: Epilogue<'a>, gather: Option<SharedMoments<'a>>, writes: Writes },
    /// It is the gradient of a norm's output, the norm's input being `x`.
    Gradient { x: &'a [f32], mean: &'a [f32], map: &'a ScaleShift, gather: SharedSums<'a> },
}

/// Some pixels by one block of outputs.
#[derive(Debug, Clone, Copy)]
pub(super) struct DirectTile<'a> {
    /// A row of a panel for each pixel.
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
    /// How pixels are written.
    pub(super) fn writes(&self) -> Writes {
        match self {
            DirectStore::Output { writes, .. } => *writes,
            DirectStore::Gradient { .. } => Writes::Cached,
        }
    }

    /// Prefetches the cache lines that a block of outputs at offset `at` will be stored to, and those of the
    /// other tensor (residual or norm's input) that the store reads.
    #[inline(always)]
    pub(super) fn prefetch<S: Simd, const V: usize>(&self, simd: S, at: usize, out: &Shared) {
        if self.writes() == Writes::Cached {
            lines::write(simd, out.as_mut_ptr().wrapping_add(at), V * S::LANES);
        }
        let beside = match self {
            DirectStore::Output { epilogue, .. } => epilogue.residual.tensor(),
            DirectStore::Gradient { x, .. } => Some(*x),
        };
        if let Some(beside) = beside {
            lines::read(simd, beside.as_ptr().wrapping_add(at), V * S::LANES);
        }
    }

    /// Stores the pixels of `tile`.
    ///
    /// # Safety
    /// The tile has a row of products for each of its pixels. `out` and the tensors in `self` have all pixels
    /// and `columns` of the tile; in `out` nobody else accesses them at the same time, nor the tile's
    /// channels of the part. Parts have whole blocks of channels.
    #[inline(always)]
    pub(super) unsafe fn tile<S: Simd, C: PanelWidth, const V: usize>(
        &self,
        simd: S,
        tile: DirectTile,
        columns: C,
        out: &Shared,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            match self {
                DirectStore::Output { epilogue, gather: None, writes } => {
                    output::<S, C, V>(simd, tile, columns, (epilogue, *writes), None, out);
                }
                DirectStore::Output { epilogue, gather: Some(gather), writes } => {
                    let part = Some(gather.task(tile.part));
                    output::<S, C, V>(simd, tile, columns, (epilogue, *writes), part, out);
                }
                DirectStore::Gradient { x, mean, map, gather } => {
                    gradient::<S, C, V>(simd, tile, columns, (x, mean, map), gather.task(tile.part), out);
                }
            }
        }
    }
}

/// # Safety
/// As [`DirectStore::tile`].
#[inline(always)]
unsafe fn output<S: Simd, C: PanelWidth, const V: usize>(
    simd: S,
    tile: DirectTile,
    columns: C,
    (epilogue, writes): (&Epilogue, Writes),
    part: Option<MomentPart>,
    out: &Shared,
) {
    let DirectTile { mut products, column, .. } = tile;
    let zero = simd.splat(0.0);
    let residual = epilogue.residual.start(out.as_mut_ptr());
    // SAFETY: the caller's promise.
    unsafe {
        let bias = match epilogue.bias {
            Some(bias) => columns.load(simd, bias.as_ptr().add(column)),
            None => [zero; V],
        };
        let mut sums = match part {
            Some(part) if !tile.is_first => MomentSums::new(simd, pivot(simd, part, column)),
            _ => MomentSums::new(simd, [zero; V]),
        };
        for (index, pixel) in tile.pixels.iter().enumerate() {
            let at = tile.target + pixel + column;
            let row: [S::V; V] = FullPanel.load(simd, products);
            products = products.add(V * S::LANES);
            #[expect(clippy::manual_map, reason = "a closure that is not inlined lacks the instruction set")]
            let other = match residual {
                Some(residual) => Some(columns.load(simd, residual.add(at))),
                None => None,
            };
            let row = epilogue.finish(simd, row, Some(bias), other);
            columns.write(simd, out.as_mut_ptr().add(at), row, writes);
            let Some(part) = part else { continue };
            if tile.is_first && index == 0 {
                for v in 0..V {
                    part.begin(simd, column + v * S::LANES, row[v]);
                }
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
unsafe fn pivot<S: Simd, const V: usize>(simd: S, part: MomentPart, column: usize) -> [S::V; V] {
    let mut pivot = [simd.splat(0.0); V];
    for v in 0..V {
        // SAFETY: the caller's promise.
        pivot[v] = unsafe { part.pivot(simd, column + v * S::LANES) };
    }
    pivot
}

/// # Safety
/// As [`DirectStore::tile`].
#[inline(always)]
unsafe fn gradient<S: Simd, C: PanelWidth, const V: usize>(
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
            let row: [S::V; V] = FullPanel.load(simd, products);
            products = products.add(V * S::LANES);
            let x = columns.load(simd, x.as_ptr().add(at));
            columns.store(simd, out.as_mut_ptr().add(at), row);
            sums.add(simd, x, row);
        }
        sums.add_to(simd, part, column);
    }
}
