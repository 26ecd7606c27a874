//! The weight gradient: `dw[o][c] = sum over pixels of x[pixel][c] dy[pixel][o]`, in a fixed order of partial
//! sums.
//!
//! The gradient is cut into tiles that stay in cache while pixels stream past, the pixels into groups if
//! there are few tiles. Accumulators start at zero in each block of pixels; groups are added in order.

use std::ops::Range;

use super::load;
use super::pixels::PixelLayout;
use super::tile;
use crate::buffer::Buffer;
use crate::conv::lines::LINE;
use crate::conv::panel::{self, FullPanel, PanelWidth, PartialPanel, with_vectors};
use crate::conv::product::{RowTiles, with_rows};
use crate::conv::{ConvInput, ConvShape};
use crate::parallel::{self, for_each_chunk, for_each_chunk_with};
use crate::simd::{Isa, Kernel, Simd, dispatch};

/// Pixels of a block.
const BLOCK: usize = 64;

/// How the work is cut. CPUs with vectors of sixteen lanes also have 2 MiB of second-level cache per core,
/// and reads from beyond it take longer there. Their tiles are larger, so that everything is read less often.
struct Cut {
    /// Inputs and outputs of a tile at most.
    tile: (usize, usize),
    /// The number of tasks to aim at, and so the most threads that can share the work.
    tasks: usize,
}

impl Cut {
    fn of(isa: Isa) -> Self {
        if isa.lanes() >= 16 {
            Cut { tile: (256, 256), tasks: 16 }
        } else {
            Cut { tile: (64, 256), tasks: 32 }
        }
    }
}

/// `dw` (OIHW) from the input and the output's gradient.
pub(in crate::conv) fn run(isa: Isa, shape: &ConvShape, input: ConvInput, dy: &[f32], dw: &mut [f32]) {
    let rows = PixelLayout::input(shape);
    if rows.count * dw.len() == 0 {
        return dw.fill(0.0);
    }
    assert!(input.x.len() >= rows.reach() && dy.len() >= rows.count * shape.out_channels);
    let panel = panel::width(isa, shape.out_channels);
    let Cut { tile, tasks } = Cut::of(isa);
    let inputs = shape.in_channels.min(tile.0);
    let outputs = shape.out_channels.min(tile.1).next_multiple_of(panel);
    let tiles = parallel::pieces(shape.in_channels, inputs) * parallel::pieces(shape.out_channels, outputs);
    let group = rows.count.div_ceil(tasks.div_ceil(tiles)).next_multiple_of(BLOCK);
    let groups = parallel::pieces(rows.count, group);
    let layout = SumLayout {
        in_channels: shape.in_channels,
        out_channels: shape.out_channels,
        inputs,
        outputs,
        groups,
    };
    let mut partials = Buffer::unspecified(layout.partials_len());
    let stride = strip_stride(inputs);
    let init = || (Buffer::unspecified(BLOCK * stride), Buffer::unspecified(BLOCK * panel));
    for_each_chunk_with(&mut partials, layout.tile_len(), init, |(strip, panel), task, sums| {
        let (group_index, input_tile, output_tile) = layout.tile(task);
        dispatch(
            isa,
            SumTile {
                rows: &rows,
                pixels: parallel::piece(rows.count, group, group_index),
                inputs: parallel::piece(shape.in_channels, inputs, input_tile),
                outputs: parallel::piece(shape.out_channels, outputs, output_tile),
                input,
                dy,
                out_channels: shape.out_channels,
                strip,
                stride,
                panel,
                sums,
                sums_stride: outputs,
            },
        );
    });
    layout.reduce(&partials, dw);
}

/// Floats from one pixel of a strip to the next. Many inputs get one line more than they fill, since strides
/// of a power of two would alias in L1.
pub(super) fn strip_stride(inputs: usize) -> usize {
    if inputs > 2 * LINE { inputs.next_multiple_of(LINE) + LINE } else { inputs }
}

/// How the sums are cut and laid out: `[group][tile of inputs][tile of outputs][input][output]`.
pub(super) struct SumLayout {
    pub(super) in_channels: usize,
    pub(super) out_channels: usize,
    /// Inputs of a tile.
    pub(super) inputs: usize,
    /// Outputs of a tile, whole panels.
    pub(super) outputs: usize,
    /// Groups of pixels.
    pub(super) groups: usize,
}

impl SumLayout {
    pub(super) fn tile_len(&self) -> usize {
        self.inputs * self.outputs
    }

    fn tiles(&self) -> (usize, usize) {
        (parallel::pieces(self.in_channels, self.inputs), parallel::pieces(self.out_channels, self.outputs))
    }

    pub(super) fn partials_len(&self) -> usize {
        let (inputs, outputs) = self.tiles();
        self.groups * inputs * outputs * self.tile_len()
    }

    /// Group, tile of inputs and tile of outputs of a task.
    fn tile(&self, task: usize) -> (usize, usize, usize) {
        let (inputs, outputs) = self.tiles();
        (task / outputs / inputs, task / outputs % inputs, task % outputs)
    }

    /// Adds the groups' sums in order and brings them to OIHW.
    pub(super) fn reduce(&self, partials: &[f32], dw: &mut [f32]) {
        const FILTERS: usize = 8;
        let (in_tiles, out_tiles) = self.tiles();
        let group_len = in_tiles * out_tiles * self.tile_len();
        for_each_chunk(dw, FILTERS * self.in_channels, |index, to| {
            let filters = parallel::piece(self.out_channels, FILTERS, index);
            for c in 0..self.in_channels {
                let tile = c / self.inputs * out_tiles + filters.start / self.outputs;
                let from =
                    tile * self.tile_len() + c % self.inputs * self.outputs + filters.start % self.outputs;
                let mut sums = [0.0f32; FILTERS];
                for group in 0..self.groups {
                    let part = &partials[group * group_len + from..][..filters.len()];
                    for (sum, x) in sums.iter_mut().zip(part) {
                        *sum += x;
                    }
                }
                for (o, sum) in sums[..filters.len()].iter().enumerate() {
                    to[o * self.in_channels + c] = *sum;
                }
            }
        });
    }
}

/// One tile of the sums over one group of pixels.
struct SumTile<'a> {
    rows: &'a PixelLayout,
    pixels: Range<usize>,
    inputs: Range<usize>,
    outputs: Range<usize>,
    input: ConvInput<'a>,
    dy: &'a [f32],
    out_channels: usize,
    strip: &'a mut [f32],
    stride: usize,
    panel: &'a mut [f32],
    sums: &'a mut [f32],
    sums_stride: usize,
}

impl Kernel for SumTile<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        self.sums.fill(0.0);
        assert!(self.strip.len() >= BLOCK * self.stride && self.sums_stride >= self.outputs.len());
        with_vectors!(S, self.out_channels, V => {
            assert!(self.panel.len() >= BLOCK * V * S::LANES);
            assert!(self.sums_stride.is_multiple_of(V * S::LANES));
        });
        assert!(self.sums.len() >= self.inputs.len() * self.sums_stride);
        let strip = self.strip.as_mut_ptr();
        let mut pixels = self.pixels;
        while !pixels.is_empty() {
            let here = pixels.start..pixels.end.min(pixels.start + BLOCK);
            pixels.start = here.end;
            // SAFETY: strip and panel have room for a block, `x` and `dy` all pixels, the sums the whole
            // tile.
            unsafe {
                load::fill(
                    simd,
                    self.input.x.as_ptr(),
                    self.rows,
                    here.clone(),
                    self.inputs.clone(),
                    self.input.prologue,
                    (strip, self.stride),
                );
                let dy = self.dy.as_ptr().add(here.start * self.out_channels + self.outputs.start);
                let sides = Sides {
                    pixels: here.len(),
                    a: strip.cast_const(),
                    a_stride: self.stride,
                    inputs: self.inputs.len(),
                    dy,
                    dy_stride: self.out_channels,
                    outputs: self.outputs.len(),
                };
                let sums = (self.sums.as_mut_ptr(), self.sums_stride);
                let ahead = Ahead {
                    x: self.input.x.as_ptr().wrapping_add(self.inputs.start),
                    rows: self.rows,
                    dy: self.dy.as_ptr().wrapping_add(self.outputs.start),
                    dy_stride: self.out_channels,
                    lines: (self.inputs.len().div_ceil(LINE), self.outputs.len().div_ceil(LINE)),
                    pixels: pixels.start..pixels.end.min(pixels.start + BLOCK),
                    line: 0,
                };
                with_vectors!(S, self.out_channels, V => {
                    add_products::<S, V>(simd, sides, self.panel.as_mut_ptr(), sums, ahead);
                });
            }
        }
    }
}

/// Some inputs and some outputs at some pixels.
#[derive(Clone, Copy)]
pub(super) struct Sides {
    pub(super) pixels: usize,
    pub(super) a: *const f32,
    pub(super) a_stride: usize,
    pub(super) inputs: usize,
    pub(super) dy: *const f32,
    pub(super) dy_stride: usize,
    pub(super) outputs: usize,
}

/// What the next block of pixels reads, to be prefetched line by line between products.
pub(super) struct Ahead<'a> {
    /// The first of the inputs, at the first of all pixels.
    x: *const f32,
    rows: &'a PixelLayout,
    /// The first of the outputs, at the first of all pixels.
    dy: *const f32,
    dy_stride: usize,
    /// Lines of the inputs and of the outputs of a pixel.
    lines: (usize, usize),
    /// The pixels that are left, and the next line of the first of them.
    pixels: Range<usize>,
    line: usize,
}

impl<'a> Ahead<'a> {
    /// Nothing to prefetch.
    pub(super) fn nothing(rows: &'a PixelLayout) -> Self {
        let (x, dy) = (std::ptr::null(), std::ptr::null());
        Ahead { x, rows, dy, dy_stride: 0, lines: (0, 0), pixels: 0..0, line: 0 }
    }

    /// Lines to prefetch at each of `times` calls of `read`.
    fn pace(&self, times: usize) -> usize {
        (self.pixels.len() * (self.lines.0 + self.lines.1)).div_ceil(times.max(1))
    }

    /// Prefetches the next `count` lines.
    #[inline(always)]
    fn read<S: Simd>(&mut self, simd: S, count: usize) {
        for _ in 0..count {
            if self.pixels.is_empty() {
                return;
            }
            let (pixel, (x_lines, dy_lines)) = (self.pixels.start, self.lines);
            simd.prefetch_read(match self.line.checked_sub(x_lines) {
                None => self.x.wrapping_add(self.rows.offset(pixel) + self.line * LINE),
                Some(line) => self.dy.wrapping_add(pixel * self.dy_stride + line * LINE),
            });
            self.line += 1;
            if self.line == x_lines + dy_lines {
                (self.line, self.pixels.start) = (0, pixel + 1);
            }
        }
    }
}

/// `sums[c][o] += sum over the pixels of a[c] dy[o]`, for one panel of outputs at a time. It is copied to
/// `panel`, pixel after pixel, unless `dy` is laid out like that.
///
/// # Safety
/// The pointers in `sides` must be valid for reading all its inputs and outputs at each of its pixels,
/// `panel` for writing `V` vectors per pixel, and `sums` for reading and writing a row of whole panels for
/// each input.
#[inline(always)]
pub(super) unsafe fn add_products<S: Simd, const V: usize>(
    simd: S,
    sides: Sides,
    panel: *mut f32,
    (sums, stride): (*mut f32, usize),
    mut ahead: Ahead,
) {
    let width = V * S::LANES;
    let tiles = RowTiles::new(sides.inputs, S::POINTWISE_ROWS);
    let pace = ahead.pace(tiles.len() * sides.outputs.div_ceil(width));
    for column in (0..sides.outputs).step_by(width) {
        // SAFETY: the caller's promise.
        unsafe {
            let mut dy = sides.dy;
            if sides.outputs != width || sides.dy_stride != width {
                let columns = width.min(sides.outputs - column);
                for pixel in 0..sides.pixels {
                    let from = sides.dy.add(pixel * sides.dy_stride + column);
                    let row: [S::V; V] = PartialPanel(columns).load(simd, from);
                    FullPanel.store(simd, panel.add(pixel * width), row);
                }
                dy = panel.cast_const();
            }
            for rows in tiles.clone() {
                ahead.read(simd, pace);
                let sums = (sums.add(rows.start * stride + column), stride);
                let a = sides.a.add(rows.start);
                with_rows!(S::POINTWISE_ROWS, rows.len(), R => {
                 let a = (a, sides.a_stride);
                 tile::add_outer::<S, V, R>(simd, a, dy, sides.pixels, sums);
                });
            }
        }
    }
}
