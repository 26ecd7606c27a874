//! The weight gradient of a convolution: a product over all pixels, in a fixed order of partial sums.
//!
//! ```text
//! dw[ky, kx c, o] = sum over n, oy, ox of x[n, oy s - p + ky, (ox s - p + kx) c] dy[n, oy, ox, o]
//! ```
//!
//! A task has some channels, some outputs and some pixels, so that its sums stay in the second-level cache.
//! It walks over its pixels in blocks of rows: a strip of input and the same pixels of `dy`, from which up to
//! twelve inputs of the filter by a panel of outputs are summed in registers. Accumulators start at zero in
//! each block, which keeps the rounding error of long sums down. Cuts depend on the shape alone and partial
//! sums are added in order, so threads don't change the bits.

use std::ops::Range;

use super::correlate::Correlation;
use super::lines::Lines;
use super::panel::{self, FullPanel, PanelWidth, PartialPanel, with_vectors};
use super::product::{self, RowTiles, Strides, with_rows};
use super::{ConvInput, ConvShape, Prologue, strip};
use crate::buffer::Buffer;
use crate::norm::Accumulate;
use crate::parallel::{self, Shared, for_each_chunk_with};
use crate::simd::{Isa, Kernel, Simd, dispatch};

/// The most tasks, and so the most threads that can share the work.
const TASKS: usize = 32;
/// Pixels that pay for adding up one more partial sum.
const ENOUGH_PIXELS: usize = 512;
/// Floats that a task's sums may take: 160 KiB of a second-level cache of 512.
const SUMS: usize = 40 << 10;
/// Outputs of a task at most, on any instruction set a whole number of blocks.
const OUTPUTS: usize = 64;
/// Floats that a block's strip and its part of `dy` may take.
const BLOCK: usize = 8 << 10;

/// `dw` from the input and `dy`. The output must not be empty.
pub(super) fn run(isa: Isa, shape: &ConvShape, input: ConvInput, dy: &[f32], dw: &mut [f32]) {
    let pass = Correlation::output(shape);
    let blocking = Blocking::new(shape, &pass, panel::width(isa, shape.out_channels));
    let mut partials = Buffer::unspecified(blocking.groups * blocking.pieces() * blocking.sums_len);
    let pixels = blocking.rows * pass.grid_w();
    let init = || {
        let strip = Buffer::unspecified(pass.strip_h(blocking.rows) * pass.strip_w() * blocking.channels);
        (strip, Buffer::unspecified(if blocking.copies_dy { pixels * blocking.outputs } else { 0 }))
    };
    for_each_chunk_with(&mut partials, blocking.sums_len, init, |(strip, dy_panels), task, sums| {
        sums.fill(0.0);
        let (group, piece) = (task / blocking.pieces(), task % blocking.pieces());
        let blocks = blocking.blocks * pass.images;
        let own_blocks = parallel::share(blocks, blocking.groups, group);
        for block in own_blocks.clone() {
            let place = |block| {
                (
                    block / blocking.blocks,
                    parallel::piece(pass.grid_h(), blocking.rows, block % blocking.blocks),
                )
            };
            let (image, rows) = place(block);
            let image_len = pass.in_h * pass.in_w * pass.in_channels;
            let dy_row = pass.out_w * pass.out_channels;
            // What the next block reads, where tasks don't share it.
            let (next_x, next_dy) = if block + 1 < own_blocks.end && blocking.pieces() == 1 {
                let (image, rows) = place(block + 1);
                let (x_rows, x_row) = (pass.input_rows(rows.start, rows.len()), pass.in_w * pass.in_channels);
                let (x_image, dy_image) = (image * pass.in_h, image * pass.out_h);
                let x = (x_image + x_rows.start) * x_row..(x_image + x_rows.end) * x_row;
                (x, (dy_image + rows.start) * dy_row..(dy_image + rows.end) * dy_row)
            } else {
                (0..0, 0..0)
            };
            dispatch(
                isa,
                RowBlock {
                    pass: &pass,
                    blocking: &blocking,
                    channels: blocking.channels_of(piece),
                    outputs: blocking.outputs_of(piece),
                    image: &input.x[image * image_len..][..image_len],
                    prologue: input.prologue,
                    next_x: &input.x[next_x],
                    next_dy: &dy[next_dy],
                    dy: &dy[(image * pass.out_h + rows.start) * dy_row..][..rows.len() * dy_row],
                    rows,
                    strip,
                    dy_panels,
                    sums,
                },
            );
        }
    });
    reduce(shape, &blocking, &partials, dw);
}

/// How the work is cut.
struct Blocking {
    in_channels: usize,
    out_channels: usize,
    /// Input channels of a task.
    channels: usize,
    /// Outputs of a task, whole blocks.
    outputs: usize,
    /// Tasks with the same channels and outputs, each with its share of the pixels.
    groups: usize,
    /// Rows of a block.
    rows: usize,
    /// Blocks of an image.
    blocks: usize,
    /// Floats of a task's sums: `[ky][kx][channel][output]`.
    sums_len: usize,
    /// Whether a task's part of `dy` is copied: to fill up the last block of outputs, and because rows of
    /// many channels fall into few sets of the first-level cache.
    copies_dy: bool,
    /// Outputs of a block.
    width: usize,
}

impl Blocking {
    fn new(shape: &ConvShape, pass: &Correlation, block: usize) -> Self {
        let area = shape.kernel * shape.kernel;
        let outputs = shape.out_channels.next_multiple_of(block).min(OUTPUTS.max(block));
        let most = (SUMS / (area * outputs) / 16 * 16).max(16);
        let channels = shape.in_channels.div_ceil(shape.in_channels.div_ceil(most));
        let channels = channels.next_multiple_of(8).min(shape.in_channels);
        // A grid row takes `step` rows of strip and one of `dy`.
        let strip = pass.step.saturating_mul(pass.strip_w() * channels);
        let row = strip.saturating_add(pass.grid_w() * outputs);
        let rows = (BLOCK / row).clamp(1, pass.grid_h());
        let rows = pass.grid_h().div_ceil(pass.grid_h().div_ceil(rows));
        let blocks = pass.grid_h().div_ceil(rows);
        let pieces = shape.in_channels.div_ceil(channels) * shape.out_channels.div_ceil(outputs);
        let pixels = pass.images * pass.grid_h() * pass.grid_w();
        let groups = (TASKS / pieces).min(pixels / ENOUGH_PIXELS).clamp(1, pass.images * blocks);
        Blocking {
            in_channels: shape.in_channels,
            out_channels: shape.out_channels,
            channels,
            outputs,
            groups,
            rows,
            blocks,
            sums_len: area * channels * outputs,
            copies_dy: !shape.out_channels.is_multiple_of(block) || shape.out_channels > OUTPUTS,
            width: block,
        }
    }

    /// Tasks with the same pixels.
    fn pieces(&self) -> usize {
        self.in_channels.div_ceil(self.channels) * self.out_channels.div_ceil(self.outputs)
    }

    fn channels_of(&self, piece: usize) -> Range<usize> {
        parallel::piece(self.in_channels, self.channels, piece / self.out_channels.div_ceil(self.outputs))
    }

    fn outputs_of(&self, piece: usize) -> Range<usize> {
        parallel::piece(self.out_channels, self.outputs, piece % self.out_channels.div_ceil(self.outputs))
    }
}

/// Adds the groups' sums in order and brings them to OIHW.
fn reduce(shape: &ConvShape, blocking: &Blocking, partials: &[f32], dw: &mut [f32]) {
    let area = shape.kernel * shape.kernel;
    let filter = shape.in_channels * area;
    let out = Shared::new(dw);
    const FILTERS: usize = 16;
    let per_piece = blocking.outputs.div_ceil(FILTERS);
    parallel::for_each(
        blocking.pieces() * per_piece,
        || (),
        |_, task| {
            let (piece, index) = (task / per_piece, task % per_piece);
            let (channels, outputs) = (blocking.channels_of(piece), blocking.outputs_of(piece));
            let filters = parallel::piece(outputs.len(), FILTERS, index);
            if filters.is_empty() {
                return;
            }
            for tap in 0..area {
                for (index, c) in channels.clone().enumerate() {
                    let from = (tap * channels.len() + index) * blocking.outputs + filters.start;
                    let mut sums = [0.0f32; FILTERS];
                    for group in 0..blocking.groups {
                        let part = (group * blocking.pieces() + piece) * blocking.sums_len;
                        let part = &partials[part + from..][..filters.len()];
                        for (sum, x) in sums.iter_mut().zip(part) {
                            *sum += x;
                        }
                    }
                    for (lane, sum) in sums[..filters.len()].iter().enumerate() {
                        let o = outputs.start + filters.start + lane;
                        // SAFETY: each task writes its own filters and channels, a float at a time.
                        unsafe { out.slice(o * filter + c * area + tap, 1)[0] = *sum };
                    }
                }
            }
        },
    );
}

/// One block of rows of one image.
struct RowBlock<'a> {
    pass: &'a Correlation,
    blocking: &'a Blocking,
    channels: Range<usize>,
    outputs: Range<usize>,
    image: &'a [f32],
    prologue: Prologue<'a>,
    /// What the next block reads.
    next_x: &'a [f32],
    next_dy: &'a [f32],
    /// The block's rows of `dy`.
    dy: &'a [f32],
    rows: Range<usize>,
    strip: &'a mut [f32],
    dy_panels: &'a mut [f32],
    sums: &'a mut [f32],
}

impl Kernel for RowBlock<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let RowBlock { pass, blocking, .. } = self;
        let block = blocking.width;
        let (height, width) = (self.rows.len(), pass.grid_w());
        let pixels = height * width;
        let channels = self.channels.len();
        let window = pass.window(self.rows.start, height);
        let size = (pass.in_h, pass.in_w, pass.in_channels);
        strip::fill_channels(simd, self.image, size, self.channels, window, self.prologue, self.strip);

        // A block of outputs is a matrix of pixels by a panel, in `dy` or in its copy.
        let (dy, dy_pixel, dy_panel) = if blocking.copies_dy {
            assert!(self.outputs.len().div_ceil(block) * pixels * block <= self.dy_panels.len());
            for (index, column) in self.outputs.clone().step_by(block).enumerate() {
                let to = &mut self.dy_panels[index * pixels * block..][..pixels * block];
                let dy = (&self.dy[column..], pass.out_channels);
                with_vectors!(S, pass.out_channels, V => if column + block <= pass.out_channels {
                    copy_columns::<S, _, V>(simd, dy, to, FullPanel);
                } else {
                    copy_columns::<S, _, V>(simd, dy, to, PartialPanel(pass.out_channels - column));
                });
            }
            (&*self.dy_panels, block, pixels * block)
        } else {
            (self.dy, pass.out_channels, block)
        };
        let dy_steps = Strides { row: width * dy_pixel, pixel: dy_pixel };
        let strip_row = pass.strip_w() * channels;
        let steps = Strides { row: pass.step * strip_row, pixel: pass.step * channels };
        let (taps, run) = (window.height - (height - 1) * pass.step, pass.columns_seen() * channels);
        // These bound the last pixel's last tap, the last sums and the last outputs.
        assert!(
            (height - 1) * steps.row + (taps - 1) * strip_row + (width - 1) * steps.pixel + run
                <= self.strip.len()
        );
        assert!(taps * run * blocking.outputs <= self.sums.len());
        let panels = self.outputs.len().div_ceil(block);
        assert!((panels - 1) * dy_panel + (pixels - 1) * dy_pixel + block <= dy.len());
        let tiles = RowTiles::new(run, S::ROWS);
        let steps_ahead = panels * taps * tiles.len() * height;
        let mut product = Product {
            strip: (self.strip.as_ptr(), steps),
            dy: (dy.as_ptr(), dy_steps),
            size: (height, width),
            ahead: [Lines::new(self.next_x, steps_ahead), Lines::new(self.next_dy, steps_ahead)],
            sums: self.sums,
            sums_row: blocking.outputs,
        };
        for panel in 0..panels {
            for tap_row in 0..taps {
                for inputs in tiles.clone() {
                    let (at, dy_at) = (tap_row * strip_row + inputs.start, panel * dy_panel);
                    let sums_at = (tap_row * run + inputs.start) * blocking.outputs + panel * block;
                    // SAFETY: the assertions above bound every pixel.
                    unsafe {
                        with_vectors!(S, pass.out_channels, V => {
                            with_rows!(S::ROWS, inputs.len(), R => product.add::<S, V, R>(simd, at, dy_at, sums_at));
                        });
                    }
                }
            }
        }
    }
}

/// The product over a block's pixels.
struct Product<'a> {
    strip: (*const f32, Strides),
    dy: (*const f32, Strides),
    /// Rows and columns of pixels.
    size: (usize, usize),
    /// What the next block reads.
    ahead: [Lines; 2],
    sums: &'a mut [f32],
    /// Floats of a row of sums.
    sums_row: usize,
}

impl Product<'_> {
    /// Adds `R` inputs of the filter, from `at` on, by a block of outputs, from `dy_at` on, to the sums at
    /// `sums_at`.
    ///
    /// # Safety
    /// At every pixel the strip has the inputs and `dy` the outputs; the sums have `R` rows of them.
    #[inline(always)]
    unsafe fn add<S: Simd, const V: usize, const R: usize>(
        &mut self,
        simd: S,
        at: usize,
        dy_at: usize,
        sums_at: usize,
    ) {
        let ((strip, steps), (dy, dy_steps)) = (self.strip, self.dy);
        // SAFETY: the caller's promise.
        unsafe {
            let (strip, dy) = ((strip.add(at), steps), (dy.add(dy_at), dy_steps));
            let ahead = &mut self.ahead;
            let sums: [[S::V; V]; R] = product::inputs_by_outputs(simd, strip, dy, self.size, ahead);
            let to = (self.sums.as_mut_ptr().add(sums_at), self.sums_row);
            product::store_sums(simd, sums, to, Accumulate::Add, FullPanel);
        }
    }
}

/// Copies a block of columns, `stride` floats from one pixel to the next, to whole vectors.
#[inline(always)]
fn copy_columns<S: Simd, C: PanelWidth, const V: usize>(
    simd: S,
    (from, stride): (&[f32], usize),
    to: &mut [f32],
    columns: C,
) {
    for (pixel, to) in to.chunks_exact_mut(V * S::LANES).enumerate() {
        let from = &from[pixel * stride..];
        assert!(from.len() >= columns.count::<S, V>());
        // SAFETY: `from` has the columns, `to` a panel.
        unsafe {
            let row: [S::V; V] = columns.load(simd, from.as_ptr());
            FullPanel.store(simd, to.as_mut_ptr(), row);
        }
    }
}
