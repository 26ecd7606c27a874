//! One block of pixels by one block of inputs: all its tiles, with what follows them prefetched.

use std::ops::Range;

use super::rows::Rows;
use super::store::{Order, Store, Tile};
use super::tile::{self, LINE, Products, Shares, prefetch_rows};
use crate::conv::micro::{AllColumns, Columns, FirstColumns, with_rows};
use crate::parallel::Shared;
use crate::simd::Simd;

/// Pixels from the tile that is computed to the one whose place in memory is fetched.
const AHEAD: usize = 12;

/// What the blocks of a task share: the outputs, and where they go.
pub(super) struct Outputs<'a, T> {
    /// All inputs of the pass.
    pub(super) inputs: usize,
    pub(super) target: Rows,
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
pub(super) struct Block {
    pub(super) pixels: Range<usize>,
    pub(super) inputs: Range<usize>,
    /// The first pixel's first input of the block, and floats to the next pixel's.
    pub(super) start: *const f32,
    pub(super) stride: usize,
    /// The same of the block after this one, in the tensor, and its first input.
    pub(super) next: *const f32,
    pub(super) next_stride: usize,
    pub(super) next_inputs: usize,
}

impl<T: Store> Outputs<'_, T> {
    /// All panels of one block, the products of each tile being put into `products`: six rows of two vectors.
    ///
    /// # Safety
    /// The block has its input, the panels all columns, the target all pixels and columns, which no other task has.
    #[inline(always)]
    pub(super) unsafe fn block<S: Simd>(&self, simd: S, block: Block, products: &mut Products) {
        let width = 2 * S::LANES;
        let panels = self.columns.len().div_ceil(width);
        let depth = block.inputs.len();
        // Pixels are dealt evenly: sixes and fives instead of sixes and a small rest.
        let calls = block.pixels.len().div_ceil(S::ROWS);
        let panel = |index: usize, input: usize| {
            let at = (self.columns.start + index * width) * self.inputs + input * width;
            self.panels.as_ptr().wrapping_add(at)
        };
        for (index, lines) in Shares::of(depth.div_ceil(LINE), panels).enumerate() {
            let weights = panel(index, block.inputs.start);
            // The next panel, or the first one's next inputs.
            let next_weights = if index + 1 < panels {
                panel(index + 1, block.inputs.start)
            } else {
                panel(0, block.next_inputs)
            };
            let column = self.columns.start + index * width;
            let weight_lines = Shares::of(depth * width / LINE, calls);
            for (pixels, weight_lines) in Shares::of(block.pixels.len(), calls).zip(weight_lines) {
                let next = block.next.wrapping_add(pixels.start * block.next_stride);
                prefetch_rows(simd, next, (pixels.len(), block.next_stride), lines.clone());
                prefetch_rows(simd, next_weights, (1, 0), weight_lines);
                self.prefetch_target(simd, &block, pixels.clone(), column);
                // SAFETY: these pixels of the block exist, and so many columns.
                unsafe {
                    let a = block.start.add(pixels.start * block.stride);
                    let to = products.as_mut_ptr();
                    with_rows!(S, pixels.len(), R => {
                        tile::product::<S, R>(simd, a, block.stride, weights, depth, to);
                    });
                    if self.columns.end - column >= width {
                        self.finish(simd, &block, pixels, column, to, AllColumns);
                    } else {
                        let columns = FirstColumns(self.columns.end - column);
                        self.finish(simd, &block, pixels, column, to, columns);
                    }
                }
            }
        }
    }

    /// Asks for what some pixels [`AHEAD`] of these will be stored to: in this panel, or else in the next, or in the next
    /// block.
    #[inline(always)]
    fn prefetch_target<S: Simd>(&self, simd: S, block: &Block, pixels: Range<usize>, mut column: usize) {
        let count = block.pixels.len();
        for pixel in pixels {
            let mut pixel = pixel + AHEAD;
            if pixel >= count {
                column += 2 * S::LANES;
                if column < self.columns.end {
                    pixel -= count;
                } else {
                    column = self.columns.start;
                }
            }
            let pixel = (block.pixels.start + pixel).min(self.target.count - 1);
            self.store.prefetch(simd, self.target.offset(pixel) + column, self.out.as_mut_ptr());
        }
    }

    /// Adds up the sums over blocks of inputs, and stores what is complete.
    ///
    /// # Safety
    /// As [`Outputs::block`]; the products are there.
    #[inline(always)]
    unsafe fn finish<S: Simd, C: Columns>(
        &self,
        simd: S,
        block: &Block,
        pixels: Range<usize>,
        column: usize,
        products: *mut f32,
        columns: C,
    ) {
        let (out, first) = (self.out.as_mut_ptr(), block.pixels.start + pixels.start);
        let (is_first, is_last) = (block.inputs.start == 0, block.inputs.end == self.inputs);
        // SAFETY: the caller's promise.
        unsafe {
            if !(is_first && is_last) {
                for row in 0..pixels.len() {
                    let to = out.add(self.target.offset(first + row) + column);
                    let products = products.add(row * 2 * S::LANES);
                    let mut sums = AllColumns.load(simd, products.cast_const());
                    if !is_first {
                        let before = columns.load(simd, to.cast_const());
                        sums = [simd.add(sums[0], before[0]), simd.add(sums[1], before[1])];
                    }
                    if is_last {
                        AllColumns.store(simd, products, sums);
                    } else {
                        columns.store(simd, to, sums);
                    }
                }
                if !is_last {
                    return;
                }
            }
            let tile = Tile {
                products,
                pixels: first..first + pixels.len(),
                target: &self.target,
                column,
                task: self.task,
                chunk: self.chunk,
                within: column - self.columns.start,
                order: if first == self.first_pixel { Order::First } else { Order::Later },
            };
            self.store.tile(simd, tile, columns, out);
        }
    }
}
