//! The weight gradient: `dw[o][c] = sum over pixels of x[pixel][c] dy[pixel][o]`, in a fixed order of partial
//! sums.
//!
//! The gradient is layout into tiles that stay in cache while pixels stream past, the pixels into groups if
//! there are few tiles. Accumulators start at zero in each block of pixels; groups are added in order.

use super::load;
use super::pixels::PixelLayout;
use super::tile::{self, LINE};
use crate::buffer::Buffer;
use crate::conv::panel::load_columns;
use crate::conv::product::with_rows;
use crate::conv::{ConvInput, ConvShape};
use crate::parallel::{self, Shares, for_each_chunk, for_each_chunk_with};
use crate::simd::{Isa, Kernel, Simd, dispatch};

/// Inputs and outputs of a tile at most: 64 KiB of sums.
const TILE: (usize, usize) = (64, 256);
/// Pixels of a block: its inputs stay in L1.
const BLOCK: usize = 64;
/// Tasks worth having: enough for as many threads.
const TASKS: usize = 32;

/// `dw` (OIHW) from the input and the output's gradient.
pub(in crate::conv) fn run(isa: Isa, shape: &ConvShape, input: ConvInput, dy: &[f32], dw: &mut [f32]) {
    let rows = PixelLayout::input(shape);
    if rows.count * dw.len() == 0 {
        return dw.fill(0.0);
    }
    assert!(input.x.len() >= rows.reach() && dy.len() >= rows.count * shape.out_channels);
    let panel = 2 * isa.lanes();
    let inputs = shape.in_channels.min(TILE.0);
    let outputs = shape.out_channels.min(TILE.1).next_multiple_of(panel);
    let tiles = parallel::pieces(shape.in_channels, inputs) * parallel::pieces(shape.out_channels, outputs);
    let group = rows.count.div_ceil(TASKS.div_ceil(tiles)).next_multiple_of(BLOCK);
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

/// Floats from one pixel of a strip to the next: strides of many lines would alias in L1.
pub(super) fn strip_stride(inputs: usize) -> usize {
    if inputs > 2 * LINE { inputs.next_multiple_of(LINE) + LINE } else { inputs }
}

/// How the sums are layout and laid out: `[group][tile of inputs][tile of outputs][input][output]`.
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
    pixels: std::ops::Range<usize>,
    inputs: std::ops::Range<usize>,
    outputs: std::ops::Range<usize>,
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
        assert!(self.strip.len() >= BLOCK * self.stride && self.panel.len() >= BLOCK * 2 * S::LANES);
        assert!(self.sums_stride.is_multiple_of(2 * S::LANES) && self.sums_stride >= self.outputs.len());
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
                add_products(simd, sides, self.panel.as_mut_ptr(), sums);
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

/// `sums[c][o] += sum over the pixels of a[c] dy[o]`, through `panel`: outputs of one panel, pixel after
/// pixel.
///
/// # Safety
/// `sides` must be valid; `panel` has two vectors a pixel, `sums` a row for each input, of whole panels.
#[inline(always)]
pub(super) unsafe fn add_products<S: Simd>(
    simd: S,
    sides: Sides,
    panel: *mut f32,
    (sums, stride): (*mut f32, usize),
) {
    let width = 2 * S::LANES;
    for column in (0..sides.outputs).step_by(width) {
        // SAFETY: the caller's promise.
        unsafe {
            let mut dy = sides.dy;
            if sides.outputs != width || sides.dy_stride != width {
                let columns = width.min(sides.outputs - column);
                for pixel in 0..sides.pixels {
                    let from = sides.dy.add(pixel * sides.dy_stride + column);
                    let (b0, b1) = load_columns(simd, from, columns);
                    simd.store(panel.add(pixel * width), b0);
                    simd.store(panel.add(pixel * width + S::LANES), b1);
                }
                dy = panel.cast_const();
            }
            for rows in Shares::of_at_most(sides.inputs, S::ROWS) {
                let sums = (sums.add(rows.start * stride + column), stride);
                let a = sides.a.add(rows.start);
                with_rows!(S, rows.len(), R => {
                 let a = (a, sides.a_stride);
                 tile::add_outer::<S, R>(simd, a, dy, sides.pixels, sums);
                });
            }
        }
    }
}
