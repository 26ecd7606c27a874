//! One block of pixels by the outputs of a task: all its tiles, with what follows them prefetched.

use std::ops::Range;

use super::pixels::PixelLayout;
use super::store::{PointwiseTile, TileOrder, TileStore};
use super::tile;
use crate::conv::lines::{self, LINE};
use crate::conv::panel::{FullPanel, PanelWidth, PartialPanel, with_vectors};
use crate::conv::product::{FetchOn, RowTiles, with_rows};
use crate::norm::Accumulate;
use crate::parallel::{Shared, Shares};
use crate::simd::Simd;

/// Floats of a panel's weights for the inputs that are summed over at once: half of a cache of 32 KiB. CPUs
/// with a larger cache have longer vectors and so tiles of more rows, whose input needs the rest.
const PART: usize = 4096;
/// Pixels from the tile that is computed to the one whose place in memory is prefetched.
const AHEAD: usize = 12;

/// What the blocks of a task share: the outputs, and where they go.
pub(super) struct Outputs<'a, T> {
    /// All inputs of the pass.
    pub(super) inputs: usize,
    pub(super) target: PixelLayout,
    /// The task's outputs.
    pub(super) columns: Range<usize>,
    pub(super) panels: &'a [f32],
    pub(super) store: &'a T,
    pub(super) out: &'a Shared<'a>,
    /// The task's number among the pixels' cuts and among the outputs'.
    pub(super) task: usize,
    pub(super) chunk: usize,
    pub(super) first_pixel: usize,
}

/// A block's input, and what will be needed after it.
pub(super) struct PixelBlock {
    pub(super) pixels: Range<usize>,
    /// The first pixel's inputs, and floats to the next pixel's.
    pub(super) start: *const f32,
    pub(super) stride: usize,
    /// The next block's inputs in their tensor, one pixel after the other.
    pub(super) next: *const f32,
    /// The next block's part of the other tensor that it reads, if any: the convolution's input, where the
    /// target is its gradient.
    pub(super) next_beside: Option<*const f32>,
}

impl<T: TileStore> Outputs<'_, T> {
    /// All panels of one block. Sums over a part of the inputs gather in `products`, a panel per pixel, while
    /// that part of a panel's weights stays in L1.
    ///
    /// # Safety
    /// `block.start` must be valid for reading all inputs of the block's pixels, and `panels` have the
    /// weights of all columns. The tensors of the store, and `out` if the store keeps the target, must have
    /// all pixels and columns of the block, which no other task accesses in `out`. `products` must have room
    /// for a panel per pixel.
    #[inline(always)]
    pub(super) unsafe fn block<S: Simd>(&self, simd: S, block: PixelBlock, products: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe {
            with_vectors!(S, self.target.channels, V => self.panels::<S, V>(simd, block, products));
        }
    }

    /// # Safety
    /// As [`Outputs::block`]; panels are of `V` vectors.
    #[inline(always)]
    unsafe fn panels<S: Simd, const V: usize>(&self, simd: S, block: PixelBlock, products: *mut f32) {
        let width = V * S::LANES;
        let panels = self.columns.len().div_ceil(width);
        let parts = self.inputs.div_ceil(PART / width);
        let parts = Shares::of(self.inputs, parts);
        let tiles = RowTiles::new(block.pixels.len(), S::POINTWISE_ROWS);
        let calls = tiles.len();
        // The next block's inputs and the next weights are prefetched one line after the other between the
        // products. Many at once would fill the queue of misses, and the products would wait.
        let mut input_ahead =
            FetchOn { next: block.next, stride: block.pixels.len().div_ceil(panels * calls) };
        for column in self.columns.clone().step_by(width) {
            for part in parts.clone() {
                let is_last = part.end == self.inputs;
                let accumulate = if part.start == 0 { Accumulate::Set } else { Accumulate::Add };
                // SAFETY: panel and inputs exist.
                let weights = unsafe { self.panels.as_ptr().add(column * self.inputs + part.start * width) };
                // Weights are read in the order they lie in; after the last, the next block needs the first
                // again.
                let next_weights = if is_last && column + width >= self.columns.end {
                    self.panels.as_ptr().wrapping_add(self.columns.start * self.inputs)
                } else {
                    weights.wrapping_add(part.len() * width)
                };
                let weight_lines = Shares::of(part.len() * width / LINE, calls);
                for (pixels, weight_lines) in tiles.clone().zip(weight_lines) {
                    let weights_ahead = FetchOn {
                        next: next_weights.wrapping_add(weight_lines.start * LINE),
                        stride: (weight_lines.len() * LINE).div_ceil(part.len()),
                    };
                    let fetch = [weights_ahead, input_ahead];
                    input_ahead.next = input_ahead.next.wrapping_add(input_ahead.stride * part.len());
                    if is_last {
                        self.prefetch_target::<S, V>(simd, &block, pixels.clone(), column);
                    }
                    // With a single part, each tile is stored at once, so all tiles use the same place.
                    let place = if parts.len() == 1 { 0 } else { pixels.start * width };
                    // SAFETY: these pixels of the block exist, and so many columns.
                    unsafe {
                        let a = block.start.add(pixels.start * block.stride + part.start);
                        let to = products.add(place);
                        with_rows!(S::POINTWISE_ROWS, pixels.len(), R => {
                            tile::product::<S, V, R>(simd, (a, block.stride), (weights, part.len()), to, accumulate, fetch);
                        });
                        if !is_last {
                            continue;
                        }
                        if self.columns.end - column >= width {
                            self.finish::<S, _, V>(simd, &block, pixels, column, to, FullPanel);
                        } else {
                            let columns = PartialPanel(self.columns.end - column);
                            self.finish::<S, _, V>(simd, &block, pixels, column, to, columns);
                        }
                    }
                }
            }
        }
    }

    /// Prefetches where the pixels [`AHEAD`] of these will be stored: in this panel, or else in the next, or
    /// in the next block.
    #[inline(always)]
    fn prefetch_target<S: Simd, const V: usize>(
        &self,
        simd: S,
        block: &PixelBlock,
        pixels: Range<usize>,
        first_column: usize,
    ) {
        let (count, out) = (block.pixels.len(), self.out.as_mut_ptr());
        let (mut pixel, mut column) = (pixels.start + AHEAD, first_column);
        if pixel >= count {
            column += V * S::LANES;
            if column < self.columns.end {
                pixel -= count;
            } else {
                column = self.columns.start;
            }
        }
        let pixel = (block.pixels.start + pixel).min(self.target.count - 1);
        let at = self.target.offset(pixel) + column;
        for row in 0..pixels.len() {
            for line in (0..V * S::LANES).step_by(LINE) {
                self.store.prefetch(simd, at + row * self.target.channels + line, out);
            }
        }
        if let Some(beside) = block.next_beside {
            for pixel in pixels {
                let at = beside.wrapping_add(pixel * self.target.channels + first_column);
                lines::read(simd, at, V * S::LANES);
            }
        }
    }

    /// Stores products that are complete.
    ///
    /// # Safety
    /// As [`Outputs::block`]; the products are there.
    #[inline(always)]
    unsafe fn finish<S: Simd, C: PanelWidth, const V: usize>(
        &self,
        simd: S,
        block: &PixelBlock,
        pixels: Range<usize>,
        column: usize,
        products: *mut f32,
        columns: C,
    ) {
        let first = block.pixels.start + pixels.start;
        let tile = PointwiseTile {
            products,
            pixels: pixels.len(),
            start: self.target.offset(first) + column,
            first,
            target: &self.target,
            column,
            task: self.task,
            chunk: self.chunk,
            within: column - self.columns.start,
            order: if first == self.first_pixel { TileOrder::First } else { TileOrder::Later },
        };
        // SAFETY: the caller's promise.
        unsafe { self.store.tile::<S, C, V>(simd, tile, columns, self.out.as_mut_ptr()) };
    }
}
