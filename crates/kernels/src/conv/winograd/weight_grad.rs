//! The weight gradient in the transformed domain: 36 products over tiles, in a fixed order of partial sums.
//!
//! As in the direct form, blocks are dealt to groups by shape alone, accumulators start at zero in each
//! block, and groups are added in order.

use super::block::{self, Positions, TileRow, Tiling};
use super::{POSITIONS, filter};
use crate::buffer::Buffer;
use crate::conv::lines::Lines;
use crate::conv::panel::{self, FullPanel, with_vectors};
use crate::conv::product::{self, MostRows, NoFetch, RowTiles, Strides, with_rows};
use crate::conv::{ConvInput, ConvShape};
use crate::norm::Accumulate;
use crate::parallel::{self, for_each_chunk_with};
use crate::simd::{Isa, Kernel, Simd, dispatch};

/// At most this many partial sums.
const GROUPS: usize = 16;
/// Floats that all partial sums together may take: 64 MiB.
const PARTIALS: usize = 16 << 20;

/// Tiles of a block. With few channels the transformed tiles fit the second-level cache; with many it's the
/// sums that don't, and more tiles make fewer journeys to them.
fn block_tiles(channels: usize) -> usize {
    match channels {
        ..=32 => 48,
        _ => 64,
    }
}

/// `dw` (OIHW) from the input and the output's gradient.
pub(super) fn run(isa: Isa, shape: &ConvShape, input: ConvInput, dy: &[f32], dw: &mut [f32]) {
    let tiling = Tiling { images: shape.images, height: shape.in_h, width: shape.in_w };
    let block_rows = tiling.block_rows(block_tiles(shape.in_channels.max(shape.out_channels)));
    let tiles = block_rows * tiling.columns();
    let total = tiling.images * tiling.rows();
    let blocks = parallel::pieces(total, block_rows);
    let widths = [shape.in_channels, shape.out_channels].map(|channels| panel::width(isa, channels));
    let out_stride = shape.out_channels.next_multiple_of(widths[1]);
    let partial = POSITIONS * shape.in_channels * out_stride;
    let groups = blocks.min(GROUPS).min((PARTIALS / partial).max(2));
    let mut partials = Buffer::unspecified(groups * partial);
    let init = || {
        let strip = Buffer::unspecified(tiling.strip_len(isa.lanes()));
        let in_stride = shape.in_channels.next_multiple_of(widths[0]);
        let x_tiles = Buffer::unspecified(block::positions_len(tiles, in_stride));
        (strip, x_tiles, Buffer::unspecified(block::positions_len(tiles, out_stride)))
    };
    for_each_chunk_with(&mut partials, partial, init, |(strip, x_tiles, dy_tiles), group, sums| {
        let own_blocks = parallel::share(blocks, groups, group);
        for index in own_blocks.clone() {
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
                    widths,
                    out_stride,
                    sums,
                    accumulate: if index == own_blocks.start { Accumulate::Set } else { Accumulate::Add },
                },
            );
        }
    });
    filter::unpack_gradient(isa, shape, &mut partials, groups, out_stride, dw);
}

/// A block of tile rows, numbered through all images.
struct TileBlock<'a> {
    shape: &'a ConvShape,
    tiling: Tiling,
    rows: std::ops::Range<usize>,
    /// The tile rows of the next block.
    next: std::ops::Range<usize>,
    input: ConvInput<'a>,
    dy: &'a [f32],
    strip: &'a mut [f32],
    x_tiles: &'a mut [f32],
    dy_tiles: &'a mut [f32],
    /// Tiles the buffers were made for.
    tiles: usize,
    /// Channels of a panel, of the input and of the output.
    widths: [usize; 2],
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
        let [in_width, out_width] = self.widths;
        assert!(self.out_stride.is_multiple_of(out_width) && self.out_stride >= out_channels);
        assert!(tiles <= self.tiles && self.sums.len() >= POSITIONS * in_channels * self.out_stride);
        let x_tiles = Positions::by_panel(self.x_tiles.as_mut_ptr(), self.tiles, in_channels, in_width);
        let dy_tiles = Positions::by_panel(self.dy_tiles.as_mut_ptr(), self.tiles, out_channels, out_width);
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
        let (panels_in, panels_out) = (in_channels.div_ceil(in_width), out_channels.div_ceil(out_width));
        let next = tiling.pixels(self.next);
        let calls = POSITIONS * panels_in * panels_out;
        let mut next_x = Lines::new(&self.input.x[next.start * in_channels..next.end * in_channels], calls);
        let mut next_dy = Lines::new(&self.dy[next.start * out_channels..next.end * out_channels], calls);
        for position in 0..POSITIONS {
            for panel_out in 0..panels_out {
                for panel_in in 0..panels_in {
                    next_x.read(simd);
                    next_dy.read(simd);
                    let first = panel_in * in_width;
                    let at = (position * in_channels + first) * self.out_stride + panel_out * out_width;
                    // SAFETY: the panels exist; rows of sums are padded to whole panels.
                    unsafe {
                        let a = (x_tiles.at(position, 0, panel_in).cast_const(), in_width);
                        let dy = dy_tiles.at(position, 0, panel_out);
                        let inputs = in_width.min(in_channels - first);
                        let to = SumRows {
                            start: self.sums.as_mut_ptr().add(at),
                            stride: self.out_stride,
                            accumulate: self.accumulate,
                        };
                        with_vectors!(S, out_channels, V => sum_panel::<S, V>(simd, a, dy, tiles, inputs, to));
                    }
                }
            }
        }
    }
}

/// Rows of a partial sum, one per input channel.
#[derive(Clone, Copy)]
pub(super) struct SumRows {
    pub(super) start: *mut f32,
    pub(super) stride: usize,
    pub(super) accumulate: Accumulate,
}

/// One panel of input channels by one of output channels, summed over the block's tiles.
///
/// # Safety
/// `a` and `dy` must be panels of `tiles` tiles; `to` must have `inputs` rows of a whole panel.
#[inline(always)]
pub(super) unsafe fn sum_panel<S: Simd, const V: usize>(
    simd: S,
    (a, width): (*const f32, usize),
    dy: *const f32,
    tiles: usize,
    inputs: usize,
    to: SumRows,
) {
    let a_strides = Strides { row: 0, pixel: width };
    let strides = Strides { row: 0, pixel: V * S::LANES };
    for rows in RowTiles::new(inputs, MostRows::<S, V>::PLACED) {
        // SAFETY: these rows of the panel and of the sums exist.
        unsafe {
            let (a, b) = ((a.add(rows.start), a_strides), (dy, strides));
            let start = to.start.add(rows.start * to.stride);
            with_rows!(MostRows::<S, V>::PLACED, rows.len(), R => {
                let sums: [[S::V; V]; R] = product::inputs_by_outputs(simd, a, b, (1, tiles), NoFetch);
                product::store_sums(simd, sums, (start, to.stride), to.accumulate, FullPanel);
            });
        }
    }
}
