//! One block of pixels by one block of inputs: all its tiles, with what follows them prefetched.

use std::ops::Range;

use super::rows::Rows;
use super::store::{Order, Place, Store};
use super::tile::{self, LINE, Shares, prefetch_rows};
use crate::conv::micro::{load_columns, store_columns, with_rows};
use crate::parallel::Shared;
use crate::simd::Simd;

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
    /// Pixels from one of this block to its counterpart in the next.
    pub(super) ahead: usize,
}

/// Some pixels of a block by one panel.
#[derive(Clone, Copy)]
struct Tile<'a> {
    block: &'a Block,
    /// The panel's weights.
    weights: *const f32,
    /// First pixel in the block.
    first: usize,
    /// First column of all, and in the task's chunk.
    column: usize,
    within: usize,
}

impl<T: Store> Outputs<'_, T> {
    /// All panels of one block.
    ///
    /// # Safety
    /// The block has its input, the panels all columns, the target all pixels and columns, which no other task has.
    #[inline(always)]
    pub(super) unsafe fn block<S: Simd>(&self, simd: S, block: Block) {
        let width = 2 * S::LANES;
        let panels = self.columns.len().div_ceil(width);
        let (count, depth) = (block.pixels.len(), block.inputs.len());
        // Pixels are dealt evenly: sixes and fives instead of sixes and a small rest.
        let calls = count.div_ceil(S::ROWS);
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
            let within = index * width;
            let weight_lines = Shares::of(depth * width / LINE, calls);
            for (pixels, weight_lines) in Shares::of(count, calls).zip(weight_lines) {
                let next = block.next.wrapping_add(pixels.start * block.next_stride);
                prefetch_rows(simd, next, (pixels.len(), block.next_stride), lines.clone());
                prefetch_rows(simd, next_weights, (1, 0), weight_lines);
                let column = self.columns.start + within;
                let tile = Tile { block: &block, weights, first: pixels.start, column, within };
                let whole = self.columns.end - column >= width;
                // SAFETY: these pixels of the block exist, and so many columns.
                unsafe {
                    match whole {
                        true => with_rows!(S, pixels.len(), R => self.tile::<S, R, true>(simd, tile)),
                        false => with_rows!(S, pixels.len(), R => self.tile::<S, R, false>(simd, tile)),
                    }
                }
            }
        }
    }

    /// `R` pixels by one panel. What follows knows at compile time that a whole panel's columns exist.
    ///
    /// # Safety
    /// Pixels and panel exist.
    #[inline(always)]
    unsafe fn tile<S: Simd, const R: usize, const WHOLE: bool>(&self, simd: S, tile: Tile) {
        let block = tile.block;
        let out = self.out.as_mut_ptr();
        let pixel = block.pixels.start + tile.first;
        let columns = if WHOLE { 2 * S::LANES } else { self.columns.end - tile.column };
        let ahead = if self.target.is_dense() { block.ahead * self.target.channels } else { 0 };
        let mut at = [0; R];
        for (r, at) in at.iter_mut().enumerate() {
            *at = self.target.offset(pixel + r) + tile.column;
            self.store.prefetch(simd, *at + ahead, out);
        }
        // SAFETY: the caller's promise.
        unsafe {
            let a = block.start.add(tile.first * block.stride);
            let depth = block.inputs.len();
            let mut products = tile::product::<S, R>(simd, a, block.stride, tile.weights, depth);
            if block.inputs.start > 0 {
                for r in 0..R {
                    let (p0, p1) = load_columns(simd, out.add(at[r]).cast_const(), columns);
                    products[r] = [simd.add(products[r][0], p0), simd.add(products[r][1], p1)];
                }
            }
            if block.inputs.end < self.inputs {
                for r in 0..R {
                    store_columns(simd, out.add(at[r]), products[r], columns);
                }
                return;
            }
            let place = Place {
                at,
                column: tile.column,
                columns,
                task: self.task,
                chunk: self.chunk,
                within: tile.within,
                order: if pixel == self.first_pixel { Order::First } else { Order::Later },
            };
            self.store.tile(simd, products, place, out);
        }
    }
}
