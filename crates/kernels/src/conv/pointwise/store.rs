//! What happens to a tile of products between the registers and memory.

use super::pixels::PixelLayout;
use crate::conv::Epilogue;
use crate::conv::panel::{FullPanel, PanelWidth};
use crate::norm::{MomentPart, MomentSums, SharedMoments};
use crate::simd::Simd;
use crate::writes::Writes;

/// A tile of finished products: some pixels by a panel of channels.
#[derive(Debug, Clone)]
pub(super) struct PointwiseTile<'a> {
    /// A row of a panel for each pixel.
    pub(super) products: *mut f32,
    pub(super) pixels: usize,
    /// Where in the output the first pixel's columns lie.
    pub(super) start: usize,
    /// The first pixel.
    pub(super) first: usize,
    /// How pixels lie in the output.
    pub(super) target: &'a PixelLayout,
    /// First column.
    pub(super) column: usize,
    /// The number of the task among the cuts of the pixels, that of its chunk of output channels, and the
    /// columns of the chunk before this tile's.
    pub(super) task: usize,
    pub(super) chunk: usize,
    pub(super) within: usize,
    pub(super) order: TileOrder,
}

impl PointwiseTile<'_> {
    /// The products of its `row`-th pixel.
    ///
    /// # Safety
    /// The pixel exists.
    #[inline(always)]
    pub(super) unsafe fn row<S: Simd, const V: usize>(&self, simd: S, row: usize) -> [S::V; V] {
        // SAFETY: the caller's promise.
        unsafe { FullPanel.load(simd, self.products.add(row * V * S::LANES).cast_const()) }
    }

    /// Offset of its `row`-th pixel's columns.
    #[inline(always)]
    pub(super) fn at(&self, row: usize) -> usize {
        match self.target.is_dense() {
            true => self.start + row * self.target.channels,
            false => self.target.offset(self.first + row) + self.column,
        }
    }
}

/// Whether a tile is a task's first for its columns: the first one sets the pivots of the moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TileOrder {
    First,
    Later,
}

/// What a pass leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// What it computed.
    Target,
    /// Only sums over it.
    Nothing,
}

/// Stores finished products. A trait and not a closure: closures aren't compiled for an instruction set.
pub(super) trait TileStore: Sync {
    /// Whether it writes to the target.
    fn keep(&self) -> Keep {
        Keep::Target
    }

    /// How it writes to the target.
    fn writes(&self) -> Writes {
        Writes::Cached
    }

    /// Prefetches what storing a tile's row at offset `at` will need.
    fn prefetch<S: Simd>(&self, simd: S, at: usize, out: *mut f32);

    /// Stores a tile.
    ///
    /// # Safety
    /// `out`, if the target is kept, and every tensor of `self` must be valid for the tile's pixels and
    /// columns. No other task may access these in `out`, or the tile's channels of its part, at the same
    /// time.
    unsafe fn tile<S: Simd, C: PanelWidth, const V: usize>(
        &self,
        simd: S,
        tile: PointwiseTile,
        columns: C,
        out: *mut f32,
    );
}

/// The output of a convolution.
pub(super) struct OutputStore<'a> {
    pub(super) epilogue: Epilogue<'a>,
    /// Partial moments, for each chunk of channels.
    pub(super) gather: Option<Vec<SharedMoments<'a>>>,
    pub(super) writes: Writes,
}

impl TileStore for OutputStore<'_> {
    fn writes(&self) -> Writes {
        self.writes
    }

    #[inline(always)]
    fn prefetch<S: Simd>(&self, simd: S, at: usize, out: *mut f32) {
        self.writes.prefetch(simd, out.wrapping_add(at).cast_const());
        if let Some(residual) = self.epilogue.residual.tensor() {
            simd.prefetch_read(residual.as_ptr().wrapping_add(at));
        }
    }

    #[inline(always)]
    unsafe fn tile<S: Simd, C: PanelWidth, const V: usize>(
        &self,
        simd: S,
        tile: PointwiseTile,
        columns: C,
        out: *mut f32,
    ) {
        match &self.gather {
            // SAFETY: the caller's promise.
            None => unsafe { self.rows::<S, C, V>(simd, &tile, columns, out, None) },
            // SAFETY: the caller's promise.
            Some(gather) => unsafe {
                let part = gather[tile.chunk].task(tile.task);
                self.rows::<S, C, V>(simd, &tile, columns, out, Some(part));
            },
        }
    }
}

impl OutputStore<'_> {
    /// # Safety
    /// As [`TileStore::tile`]; `part` has the tile's channels.
    #[inline(always)]
    unsafe fn rows<S: Simd, C: PanelWidth, const V: usize>(
        &self,
        simd: S,
        tile: &PointwiseTile,
        columns: C,
        out: *mut f32,
        part: Option<MomentPart>,
    ) {
        let (bias, residual) = (self.epilogue.bias, self.epilogue.residual.start(out));
        let zero = simd.splat(0.0);
        // SAFETY: the caller's promise.
        unsafe {
            let bias = match bias {
                Some(bias) => columns.load(simd, bias.as_ptr().add(tile.column)),
                None => [zero; V],
            };
            for index in 0..tile.pixels {
                let at = tile.at(index);
                #[expect(
                    clippy::manual_map,
                    reason = "a closure that is not inlined lacks the instruction set"
                )]
                let other = match residual {
                    Some(residual) => Some(columns.load(simd, residual.add(at))),
                    None => None,
                };
                let row: [S::V; V] = self.epilogue.finish(simd, tile.row(simd, index), Some(bias), other);
                columns.write(simd, out.add(at), row, self.writes);
                if part.is_some() {
                    FullPanel.store(simd, tile.products.add(index * V * S::LANES), row);
                }
            }
            let Some(part) = part else { return };
            for v in 0..V {
                gather_column::<S, V>(simd, tile, v, part);
            }
        }
    }
}

/// Adds one vector of channels of the finished tile to the sums of its part.
///
/// # Safety
/// The part has the tile's channels, and nobody else has them at the same time.
#[inline(always)]
unsafe fn gather_column<S: Simd, const V: usize>(
    simd: S,
    tile: &PointwiseTile,
    vector: usize,
    part: MomentPart,
) {
    let (c, zero) = (tile.within + vector * S::LANES, simd.splat(0.0));
    let rows = 0..tile.pixels;
    // SAFETY: the caller's promise.
    unsafe {
        if tile.order == TileOrder::First {
            // The mean of a few pixels: closer to that of all than any one of them.
            let mut sum = zero;
            for row in rows.clone() {
                sum = simd.add(sum, tile.row::<S, V>(simd, row)[vector]);
            }
            part.begin(simd, c, simd.mul(sum, simd.splat(1.0 / rows.len() as f32)));
        }
        let mut sums = MomentSums::new(simd, [part.pivot(simd, c)]);
        for row in rows {
            sums.add(simd, [tile.row::<S, V>(simd, row)[vector]]);
        }
        sums.add_to(simd, part, c);
    }
}
