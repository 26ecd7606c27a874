//! The product of a pass: `target[pixel][out] = sum over in of source[pixel][in] w[in][out]`, cut for the caches.

use std::ops::Range;

use super::load;
use super::rows::Rows;
use super::store::{Order, Place, Store};
use super::tile::{self, LINE, PIXELS, Shares, prefetch_rows};
use crate::buffer::Buffer;
use crate::conv::Prologue;
use crate::conv::micro::{load_columns, store_columns};
use crate::norm::{MomentParts, Moments};
use crate::parallel::{self, Shared};
use crate::simd::{Isa, Kernel, Simd, dispatch};

/// Inputs of a block at most: a panel's weights for them take half of a first-level cache of 32 KiB.
const DEPTH: usize = 256;
/// Floats of a block's input: with its output it stays in a second-level cache.
const BLOCK: usize = 24 << 10;
/// Pixels of a block at most: what is prefetched during one block must not push out what it was prefetched for.
const BLOCK_PIXELS: usize = 96;
/// Pixels of a task at most: few enough to sum in f32, enough that combining their sums costs nothing.
const TASK_PIXELS: usize = 1 << 10;
/// Tasks that pixels are cut into if there are enough, before output channels are.
const TASKS: usize = 64;
/// Tasks that output channels are cut for if pixels alone don't make as many.
const FEW_TASKS: usize = 16;
/// Panels of a chunk up to which a copy of the input isn't worth making.
const NARROW: usize = 4;
/// Inputs up to which it isn't.
const SHALLOW: usize = 256;

/// One product of a matrix of pixels with a matrix of weights, and how it is cut. The cut depends on shapes only.
#[derive(Debug, Clone)]
pub(super) struct Pass {
    isa: Isa,
    source: Rows,
    target: Rows,
    /// Pixels of a task.
    task_pixels: usize,
    /// Pixels of a block.
    block_pixels: usize,
    /// Inputs of a block: a panel's weights for them stay in L1.
    depth: usize,
    /// Outputs of a task, whole panels.
    chunk: usize,
}

impl Pass {
    pub(super) fn new(isa: Isa, source: Rows, target: Rows) -> Self {
        let (pixels, inputs, outputs) = (source.count, source.channels, target.channels);
        let panel = 2 * isa.lanes();
        let depth = inputs.div_ceil(inputs.div_ceil(DEPTH).max(1)).next_multiple_of(LINE).min(inputs.max(1));
        let block_pixels = (BLOCK / depth).min(BLOCK_PIXELS);
        let task_pixels = (pixels / TASKS).clamp(block_pixels, TASK_PIXELS);
        let pixel_tasks = parallel::pieces(pixels, task_pixels).max(1);
        let panels = outputs.div_ceil(panel);
        let chunks = FEW_TASKS.div_ceil(pixel_tasks).min(panels.div_ceil(2)).max(1);
        let chunk = panels.div_ceil(chunks).max(1) * panel;
        Pass { isa, source, target, task_pixels, block_pixels, depth, chunk }
    }

    fn pixel_tasks(&self) -> usize {
        parallel::pieces(self.source.count, self.task_pixels)
    }

    fn chunks(&self) -> usize {
        parallel::pieces(self.target.channels, self.chunk)
    }

    /// Whether tiles read the input where it is: where copying it into a strip costs more than its better order brings.
    fn reads_in_place(&self, prologue: Prologue) -> bool {
        let narrow = self.chunk <= NARROW * 2 * self.isa.lanes();
        matches!(prologue, Prologue::None)
            && self.source.is_dense()
            && (self.source.channels <= SHALLOW || narrow)
    }

    /// Room for the moments of each chunk's channels, in whole panels.
    pub(super) fn moment_parts(&self) -> Vec<MomentParts> {
        assert!(self.source.count > 0, "no pixels to take statistics of");
        (0..self.chunks()).map(|_| MomentParts::new(self.pixel_tasks(), self.chunk)).collect()
    }

    pub(super) fn combine_moments(&self, parts: &[MomentParts]) -> Moments {
        let (mut mean, mut var) = (vec![], vec![]);
        for part in parts {
            let moments =
                part.combine(|task| parallel::piece(self.source.count, self.task_pixels, task).len());
            mean.extend(moments.mean);
            var.extend(moments.var);
        }
        mean.truncate(self.target.channels);
        var.truncate(self.target.channels);
        Moments { mean, var }
    }

    /// Runs it with weights in panels, `[panel of outputs][input][output]`. Sums over blocks of inputs lie in `out` until
    /// they are complete.
    pub(super) fn run(
        &self,
        x: &[f32],
        prologue: Prologue,
        panels: &[f32],
        store: &impl Store,
        out: &mut [f32],
    ) {
        if self.source.count * self.source.channels * self.target.channels == 0 {
            return;
        }
        let panel = 2 * self.isa.lanes();
        assert!(x.len() >= self.source.reach() && out.len() >= self.target.reach());
        assert!(
            panels.len() >= self.target.channels.next_multiple_of(panel) * self.source.channels
                && self.chunk.is_multiple_of(panel)
        );
        let in_place = self.reads_in_place(prologue);
        let strip = if in_place { 0 } else { self.block_pixels * self.depth };
        let chunks = self.chunks();
        let out = Shared::new(out);
        parallel::for_each(
            self.pixel_tasks() * chunks,
            || Buffer::unspecified(strip),
            |strip, task| {
                let strip = (!in_place).then_some(&mut **strip);
                let (task, chunk) = (task / chunks, task % chunks);
                dispatch(
                    self.isa,
                    Task { pass: self, task, chunk, x, prologue, strip, panels, store, out: &out },
                );
            },
        );
    }
}

/// Some pixels by one chunk of outputs.
struct Task<'a, T> {
    pass: &'a Pass,
    task: usize,
    chunk: usize,
    x: &'a [f32],
    prologue: Prologue<'a>,
    /// Where a block's input goes; `None` reads it in place.
    strip: Option<&'a mut [f32]>,
    panels: &'a [f32],
    store: &'a T,
    out: &'a Shared<'a>,
}

/// A block's input and weights.
#[derive(Clone)]
struct Block {
    pixels: Range<usize>,
    inputs: Range<usize>,
    start: *const f32,
    stride: usize,
    /// Input of the block after this one.
    next: *const f32,
    next_stride: usize,
    next_inputs: usize,
    /// Floats from a pixel's output to that of its counterpart in the next block.
    ahead: usize,
}

impl<T: Store> Kernel for Task<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let pass = self.pass;
        let (inputs, x) = (pass.source.channels, self.x.as_ptr());
        let pixels = parallel::piece(pass.source.count, pass.task_pixels, self.task);
        let blocks = pixels.len().div_ceil(pass.block_pixels);
        let depths = inputs.div_ceil(pass.depth);
        for step in 0..blocks * depths {
            let (block, from) = (step / depths, step % depths * pass.depth);
            let inputs_here = from..(from + pass.depth).min(inputs);
            let first = pixels.start + block * pixels.len() / blocks;
            let last = pixels.start + (block + 1) * pixels.len() / blocks;
            let next = step + 1;
            let next_first = pixels.start + next / depths * pixels.len() / blocks;
            let next_at =
                pass.source.offset(next_first.min(pass.source.count - 1)) + next % depths * pass.depth;
            // SAFETY: the strip has room for a block, `x` has all rows, as `Pass::run` saw to.
            let (start, stride) = unsafe {
                match &mut self.strip {
                    Some(strip) => {
                        let strip = strip.as_mut_ptr();
                        load::fill(
                            simd,
                            x,
                            &pass.source,
                            first..last,
                            inputs_here.clone(),
                            self.prologue,
                            strip,
                        );
                        (strip.cast_const(), inputs_here.len())
                    }
                    None => (x.add(first * inputs + from), inputs),
                }
            };
            let block = Block {
                pixels: first..last,
                inputs: inputs_here,
                start,
                stride,
                next: x.wrapping_add(next_at),
                next_stride: inputs,
                next_inputs: next % depths * pass.depth,
                // Sums over blocks of inputs come back to the same pixels.
                ahead: if depths == 1 && pass.target.is_dense() {
                    (last - first) * pass.target.channels
                } else {
                    0
                },
            };
            // SAFETY: the block's input was just made; this task's part of the output is nobody else's.
            unsafe { self.block(simd, pixels.start, block) };
        }
    }
}

impl<T: Store> Task<'_, T> {
    /// One block of pixels by one block of inputs, by all panels of the chunk.
    ///
    /// # Safety
    /// The block has its input, and the assertions of `Pass::run` hold.
    #[inline(always)]
    unsafe fn block<S: Simd>(&self, simd: S, task_start: usize, block: Block) {
        let pass = self.pass;
        let width = 2 * S::LANES;
        let (inputs, outputs) = (pass.source.channels, pass.target.channels);
        let columns = parallel::piece(outputs, pass.chunk, self.chunk);
        let panels = columns.len().div_ceil(width);
        // Pixels are dealt evenly: sixes and fives instead of sixes and a small rest.
        let count = block.pixels.len();
        let calls = count.div_ceil(PIXELS);
        let lines = block.inputs.len().div_ceil(LINE);
        let weight_lines = block.inputs.len() * width / LINE;
        for (index, lines) in Shares::of(lines, panels).enumerate() {
            let column = columns.start + index * width;
            // SAFETY: panel and inputs exist.
            let b = unsafe { self.panels.as_ptr().add(column * inputs + block.inputs.start * width) };
            // The next panel, or the first one's next inputs.
            let next_b = if index + 1 < panels {
                b.wrapping_add(inputs * width)
            } else {
                self.panels.as_ptr().wrapping_add(columns.start * inputs + block.next_inputs * width)
            };
            let ahead = Shares::of(weight_lines, calls);
            for (pixels, weights) in Shares::of(count, calls).zip(ahead) {
                let (first, last) = (pixels.start, pixels.end);
                let next = block.next.wrapping_add(first * block.next_stride);
                prefetch_rows(simd, next, (last - first, block.next_stride), lines.clone());
                prefetch_rows(simd, next_b, (1, 0), weights);
                let tile =
                    Tile { block: &block, b, first, index, column, columns: width.min(outputs - column) };
                // SAFETY: pixels first..last of the block exist.
                unsafe {
                    match last - first {
                        6 => self.tile::<S, 6>(simd, tile, task_start),
                        5 => self.tile::<S, 5>(simd, tile, task_start),
                        4 => self.tile::<S, 4>(simd, tile, task_start),
                        3 => self.tile::<S, 3>(simd, tile, task_start),
                        2 => self.tile::<S, 2>(simd, tile, task_start),
                        _ => self.tile::<S, 1>(simd, tile, task_start),
                    }
                }
            }
        }
    }

    /// `R` pixels by one panel.
    ///
    /// # Safety
    /// Pixels and panel exist.
    #[inline(always)]
    unsafe fn tile<S: Simd, const R: usize>(&self, simd: S, tile: Tile, task_start: usize) {
        let (pass, block) = (self.pass, tile.block);
        let out = self.out.as_mut_ptr();
        let pixel = block.pixels.start + tile.first;
        let mut at = [0; R];
        for (r, at) in at.iter_mut().enumerate() {
            *at = pass.target.offset(pixel + r) + tile.column;
            self.store.prefetch(simd, *at + block.ahead, out);
        }
        // SAFETY: the caller's promise.
        unsafe {
            let a = block.start.add(tile.first * block.stride);
            let mut products = tile::product::<S, R>(simd, a, block.stride, tile.b, block.inputs.len());
            if block.inputs.start > 0 {
                for r in 0..R {
                    let (p0, p1) = load_columns(simd, out.add(at[r]).cast_const(), tile.columns);
                    products[r] = [simd.add(products[r][0], p0), simd.add(products[r][1], p1)];
                }
            }
            if block.inputs.end < pass.source.channels {
                for r in 0..R {
                    store_columns(simd, out.add(at[r]), products[r], tile.columns);
                }
                return;
            }
            let place = Place {
                at,
                column: tile.column,
                columns: tile.columns,
                task: self.task,
                chunk: self.chunk,
                within: tile.index * 2 * S::LANES,
                order: if pixel == task_start { Order::First } else { Order::Later },
            };
            self.store.tile(simd, products, place, out);
        }
    }
}

/// Some pixels of a block by one panel.
#[derive(Clone, Copy)]
struct Tile<'a> {
    block: &'a Block,
    /// The panel's weights.
    b: *const f32,
    /// First pixel in the block.
    first: usize,
    /// The panel's number in its chunk, its first column and how many there are.
    index: usize,
    column: usize,
    columns: usize,
}
