//! The weight gradient in the transformed domain: 36 products over tiles, in a fixed order of partial sums.
//!
//! As in the direct form, blocks are dealt to groups by shape alone, accumulators start at zero in each
//! block, and groups are added in order.

use super::block::{self, Positions, TileRow, Tiling};
use super::{POSITIONS, filter};
use crate::buffer::Buffer;
use crate::conv::lines::Lines;
use crate::conv::micro::ROWS;
use crate::conv::{ConvInput, ConvShape};
use crate::norm::Accumulate;
use crate::parallel::{self, Shared};
use crate::simd::{Isa, Kernel, Simd, dispatch};

/// At most this many partial sums.
const GROUPS: usize = 16;
/// Floats that all partial sums together may take: 64 MiB.
const PARTIALS: usize = 16 << 20;

/// Tiles of a block. With few channels the transformed tiles fit the second-level cache; with many it's the
/// sums that don't, and more tiles make fewer journeys to them.
fn block_tiles(channels: usize) -> usize {
    match channels {
        ..=16 => 48,
        17..=32 => 32,
        _ => 64,
    }
}

/// `dw` (OIHW) from the input and the output's gradient.
pub(crate) fn weight_grad(isa: Isa, shape: &ConvShape, input: ConvInput, dy: &[f32], dw: &mut [f32]) {
    let tiling = Tiling { images: shape.images, height: shape.in_h, width: shape.in_w };
    let block_rows = tiling.block_rows(block_tiles(shape.in_channels.max(shape.out_channels)));
    let tiles = block_rows * tiling.columns();
    let total = tiling.images * tiling.rows();
    let blocks = parallel::pieces(total, block_rows);
    let out_stride = shape.out_channels.next_multiple_of(2 * isa.lanes());
    let partial = POSITIONS * shape.in_channels * out_stride;
    let groups = blocks.min(GROUPS).min((PARTIALS / partial).max(2));
    let mut partials = Buffer::unspecified(groups * partial);
    let shared = Shared::new(&mut partials);
    let init = || {
        let strip = Buffer::unspecified(tiling.strip_len(isa.lanes()));
        let in_stride = shape.in_channels.next_multiple_of(2 * isa.lanes());
        let x_tiles = Buffer::unspecified(block::positions_len(tiles, in_stride));
        (strip, x_tiles, Buffer::unspecified(block::positions_len(tiles, out_stride)))
    };
    parallel::for_each(groups, init, |(strip, x_tiles, dy_tiles), group| {
        // SAFETY: each task has its own partial sum.
        let sums = unsafe { shared.slice(group * partial, partial) };
        let first = group * blocks / groups;
        for index in first..(group + 1) * blocks / groups {
            let rows = parallel::piece(total, block_rows, index);
            let next = parallel::piece(total, block_rows, (index + 1).min(blocks - 1));
            dispatch(
                isa,
                TileBlock {
                    shape,
                    tiling,
                    rows,
                    next,
                    input,
                    dy,
                    strip,
                    x_tiles,
                    dy_tiles,
                    tiles,
                    out_stride,
                    sums,
                    accumulate: if index == first { Accumulate::Set } else { Accumulate::Add },
                },
            );
        }
    });
    filter::unpack_gradient(shape, &mut partials, groups, out_stride, dw);
}

/// A block of tile rows, numbered through all images.
struct TileBlock<'a> {
    shape: &'a ConvShape,
    tiling: Tiling,
    rows: std::ops::Range<usize>,
    /// Those of the block after it.
    next: std::ops::Range<usize>,
    input: ConvInput<'a>,
    dy: &'a [f32],
    strip: &'a mut [f32],
    x_tiles: &'a mut [f32],
    dy_tiles: &'a mut [f32],
    /// Tiles the buffers were made for.
    tiles: usize,
    out_stride: usize,
    sums: &'a mut [f32],
    accumulate: Accumulate,
}

impl Kernel for TileBlock<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (in_channels, out_channels, tiling) =
            (self.shape.in_channels, self.shape.out_channels, self.tiling);
        let (columns, tile_rows, pixels) = (tiling.columns(), tiling.rows(), tiling.height * tiling.width);
        let tiles = self.rows.len() * columns;
        // Buffers were made, and channels looked at, for the instruction set that this is compiled for.
        assert!(in_channels.is_multiple_of(S::LANES) && out_channels.is_multiple_of(S::LANES));
        assert!(self.out_stride.is_multiple_of(2 * S::LANES) && self.out_stride >= out_channels);
        assert!(tiles <= self.tiles && self.sums.len() >= POSITIONS * in_channels * self.out_stride);
        let x_tiles = Positions::by_panel(self.x_tiles.as_mut_ptr(), self.tiles, in_channels, S::LANES);
        let dy_tiles = Positions::by_panel(self.dy_tiles.as_mut_ptr(), self.tiles, out_channels, S::LANES);
        assert!(
            self.x_tiles.len() >= POSITIONS * x_tiles.stride
                && self.dy_tiles.len() >= POSITIONS * dy_tiles.stride
        );
        for (index, row) in self.rows.clone().enumerate() {
            let (image, tile_row) = (row / tile_rows, row % tile_rows);
            // SAFETY: the assertions above; channels are multiples of LANES, as `applies` asks.
            unsafe {
                let row = TileRow {
                    tiling,
                    image: &self.input.x[image * pixels * in_channels..][..pixels * in_channels],
                    tile_row,
                    strip: self.strip,
                    positions: x_tiles,
                    first_tile: index * columns,
                };
                row.transform_input(simd, self.input.prologue);
                let dy = &self.dy[image * pixels * out_channels..][..pixels * out_channels];
                block::transform_gradient(simd, &tiling, dy, tile_row, dy_tiles, index * columns);
            }
        }
        let (panels_in, panels_out) =
            (in_channels.div_ceil(2 * S::LANES), out_channels.div_ceil(2 * S::LANES));
        let next = tiling.pixels(self.next);
        let calls = POSITIONS * panels_in * panels_out;
        let mut next_x = Lines::new(&self.input.x[next.start * in_channels..next.end * in_channels], calls);
        let mut next_dy = Lines::new(&self.dy[next.start * out_channels..next.end * out_channels], calls);
        for position in 0..POSITIONS {
            for panel_out in 0..panels_out {
                for panel_in in 0..panels_in {
                    next_x.read(simd);
                    next_dy.read(simd);
                    let first = panel_in * 2 * S::LANES;
                    let at = (position * in_channels + first) * self.out_stride + panel_out * 2 * S::LANES;
                    // SAFETY: the panels exist; rows of sums are padded to whole panels.
                    unsafe {
                        panel(
                            simd,
                            x_tiles.at(position, 0, panel_in),
                            dy_tiles.at(position, 0, panel_out),
                            tiles,
                            (2 * S::LANES).min(in_channels - first),
                            SumRows {
                                start: self.sums.as_mut_ptr().add(at),
                                stride: self.out_stride,
                                accumulate: self.accumulate,
                            },
                        );
                    }
                }
            }
        }
    }
}

/// Rows of a partial sum, one an input channel.
#[derive(Clone, Copy)]
struct SumRows {
    start: *mut f32,
    stride: usize,
    accumulate: Accumulate,
}

/// One panel of input channels by one of output channels, summed over the block's tiles.
///
/// # Safety
/// `a` and `dy` must be panels of `tiles` tiles; `to` must have `inputs` rows of a whole panel.
#[inline(always)]
unsafe fn panel<S: Simd>(simd: S, a: *const f32, dy: *const f32, tiles: usize, inputs: usize, to: SumRows) {
    // Rows are dealt evenly: sixteen as 6 + 5 + 5.
    let calls = inputs.div_ceil(ROWS);
    let (few, with_one_more) = (inputs / calls, inputs % calls);
    let mut first = 0;
    for call in 0..calls {
        let count = few + usize::from(call < with_one_more);
        // SAFETY: `count` rows from `first` on exist.
        unsafe {
            let (a, to) = (a.add(first), SumRows { start: to.start.add(first * to.stride), ..to });
            match count {
                6 => rows::<S, 6>(simd, a, dy, tiles, to),
                5 => rows::<S, 5>(simd, a, dy, tiles, to),
                4 => rows::<S, 4>(simd, a, dy, tiles, to),
                3 => rows::<S, 3>(simd, a, dy, tiles, to),
                2 => rows::<S, 2>(simd, a, dy, tiles, to),
                _ => rows::<S, 1>(simd, a, dy, tiles, to),
            }
        }
        first += count;
    }
}

/// `R` rows of [`panel`]. Accumulators start at zero, which keeps the error of long sums down.
///
/// # Safety
/// As [`panel`].
#[inline(always)]
unsafe fn rows<S: Simd, const R: usize>(simd: S, a: *const f32, dy: *const f32, tiles: usize, to: SumRows) {
    let mut acc = [[simd.splat(0.0); 2]; R];
    // SAFETY: the caller's promise.
    unsafe {
        for tile in 0..tiles {
            let (a, dy) = (a.add(tile * 2 * S::LANES), dy.add(tile * 2 * S::LANES));
            let (b0, b1) = (simd.load(dy), simd.load(dy.add(S::LANES)));
            for r in 0..R {
                let x = simd.splat(*a.add(r));
                acc[r][0] = simd.mul_add(x, b0, acc[r][0]);
                acc[r][1] = simd.mul_add(x, b1, acc[r][1]);
            }
        }
        for r in 0..R {
            for half in 0..2 {
                let at = to.start.add(r * to.stride + half * S::LANES);
                let sum = match to.accumulate {
                    Accumulate::Set => acc[r][half],
                    Accumulate::Add => simd.add(simd.load(at), acc[r][half]),
                };
                simd.store(at, sum);
            }
        }
    }
}
