//! The weight gradient where its 36 sums of `[in, out]` are larger than a second-level cache: first all tiles
//! of some images are transformed, then each position's product over all of them is computed at once, so that
//! the sums are written once and positions are dealt to threads.
//!
//! Cuts depend on the shape alone. Accumulators start at zero in each run of [`DEPTH`] tiles.

use super::block::{self, Positions, TileRow, Tiling, position_stride};
use super::weight_grad::{SumRows, sum_panel};
use super::{POSITIONS, filter};
use crate::buffer::Buffer;
use crate::conv::panel::{self, with_vectors};
use crate::conv::{ConvInput, ConvShape};
use crate::norm::Accumulate;
use crate::parallel::{self, Shared};
use crate::simd::{Isa, Kernel, Simd, dispatch};

/// Floats of the sums from which on they don't stay in a second-level cache.
const LARGE: usize = 256 << 10;
/// Floats that transformed tiles may take: 64 MiB.
const TILES: usize = 16 << 20;
/// Tiles summed over before they are added to the sum of those before: keeps rounding errors down, and both
/// sides of a product in the first-level cache.
const DEPTH: usize = 128;

/// Whether the sums of `shape` are too large for a second-level cache.
pub(super) fn pays(shape: &ConvShape) -> bool {
    POSITIONS * shape.in_channels * shape.out_channels > LARGE
}

/// `dw` (OIHW) from the input and the output's gradient.
pub(super) fn run(isa: Isa, shape: &ConvShape, input: ConvInput, dy: &[f32], dw: &mut [f32]) {
    let tiling = Tiling { images: shape.images, height: shape.in_h, width: shape.in_w };
    let tiles_of_image = tiling.rows() * tiling.columns();
    let sides = [Side::new(isa, shape.in_channels), Side::new(isa, shape.out_channels)];
    let floats = POSITIONS * tiles_of_image * (sides[0].padded + sides[1].padded);
    let images = (TILES / floats).clamp(1, shape.images);
    let tiles = images * tiles_of_image;
    let mut transformed =
        sides.map(|side| Buffer::unspecified(POSITIONS * position_stride(tiles, side.padded)));
    let mut sums = Buffer::unspecified(POSITIONS * shape.in_channels * sides[1].padded);
    for first in (0..shape.images).step_by(images) {
        let count = images.min(shape.images - first);
        let [x_tiles, dy_tiles] = &mut transformed;
        let shared = [Shared::new(x_tiles), Shared::new(dy_tiles)];
        let strip = || Buffer::unspecified(tiling.strip_len(isa.lanes()));
        parallel::for_each(count * tiling.rows(), strip, |strip, row| {
            let (image, tile_row) = (first + row / tiling.rows(), row % tiling.rows());
            let first_tile = row * tiling.columns();
            dispatch(
                isa,
                Transform {
                    tiling,
                    input,
                    dy,
                    image,
                    tile_row,
                    first_tile,
                    tiles,
                    sides,
                    strip,
                    to: &shared,
                },
            );
        });
        let accumulate = if first == 0 { Accumulate::Set } else { Accumulate::Add };
        let to = Shared::new(&mut sums);
        let panels = sides[1].padded / sides[1].width;
        parallel::for_each(
            POSITIONS * panels,
            || (),
            |(), task| {
                let (position, panel_out) = (task / panels, task % panels);
                let used = count * tiles_of_image;
                let from = &shared;
                dispatch(
                    isa,
                    Products { sides, from, tiles, used, position, panel_out, accumulate, to: &to },
                );
            },
        );
    }
    filter::unpack_gradient(isa, shape, &mut sums, 1, sides[1].padded, dw);
}

/// The channels of one side of the convolution.
#[derive(Debug, Clone, Copy)]
struct Side {
    channels: usize,
    /// Channels of a panel.
    width: usize,
    /// Channels in whole panels.
    padded: usize,
}

impl Side {
    fn new(isa: Isa, channels: usize) -> Self {
        let width = panel::width(isa, channels);
        Side { channels, width, padded: channels.next_multiple_of(width) }
    }

    /// Where transformed tiles lie, with room for `tiles`.
    ///
    /// # Panics
    /// If `buffer` is shorter.
    fn positions(&self, buffer: &Shared, tiles: usize) -> Positions {
        let positions = Positions::by_panel(buffer.as_mut_ptr(), tiles, self.channels, self.width);
        assert!(buffer.len() >= POSITIONS * positions.stride);
        positions
    }
}

/// One row of tiles of one image, of both sides.
struct Transform<'a> {
    tiling: Tiling,
    input: ConvInput<'a>,
    dy: &'a [f32],
    image: usize,
    tile_row: usize,
    /// The number of the row's first tile.
    first_tile: usize,
    /// Tiles that the buffers have room for.
    tiles: usize,
    sides: [Side; 2],
    strip: &'a mut [f32],
    to: &'a [Shared<'a>; 2],
}

impl Kernel for Transform<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Transform { tiling, image, tile_row, first_tile, tiles, sides: [x_side, dy_side], .. } = self;
        let pixels = tiling.height * tiling.width;
        // Buffers were made, and channels looked at, for the instruction set that this is compiled for.
        assert!(x_side.channels.is_multiple_of(S::LANES) && dy_side.channels.is_multiple_of(S::LANES));
        assert!(first_tile + tiling.columns() <= tiles);
        let image_of = |side: Side| image * pixels * side.channels..(image + 1) * pixels * side.channels;
        // SAFETY: the assertions above; each row of tiles is one task's.
        unsafe {
            let row = TileRow {
                tiling,
                image: &self.input.x[image_of(x_side)],
                tile_row,
                strip: self.strip,
                positions: x_side.positions(&self.to[0], tiles),
                first_tile,
            };
            row.transform_input(simd, self.input.prologue);
            let to = dy_side.positions(&self.to[1], tiles);
            block::transform_gradient(simd, &tiling, &self.dy[image_of(dy_side)], tile_row, to, first_tile);
        }
    }
}

/// All inputs by one panel of outputs at one position.
struct Products<'a> {
    sides: [Side; 2],
    from: &'a [Shared<'a>; 2],
    /// Tiles that the buffers have room for, and those that there are.
    tiles: usize,
    used: usize,
    position: usize,
    panel_out: usize,
    accumulate: Accumulate,
    /// `[position][in][out]`, outputs in whole panels.
    to: &'a Shared<'a>,
}

impl Kernel for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Products { sides: [x_side, dy_side], tiles, used, position, panel_out, .. } = self;
        let (x, dy) = (x_side.positions(&self.from[0], tiles), dy_side.positions(&self.from[1], tiles));
        assert!(used <= tiles && position < POSITIONS && (panel_out + 1) * dy_side.width <= dy_side.padded);
        assert!(self.to.len() >= POSITIONS * x_side.channels * dy_side.padded);
        for first_tile in (0..used).step_by(DEPTH) {
            let count = DEPTH.min(used - first_tile);
            let accumulate = if first_tile == 0 { self.accumulate } else { Accumulate::Add };
            for first in (0..x_side.channels).step_by(x_side.width) {
                let at = (position * x_side.channels + first) * dy_side.padded + panel_out * dy_side.width;
                // SAFETY: the assertions above; panel and tiles exist, nobody writes the tiles meanwhile, and
                // these sums are this task's alone.
                unsafe {
                    let a = x.at(position, first_tile, first / x_side.width).cast_const();
                    let dy = dy.at(position, first_tile, panel_out).cast_const();
                    let inputs = x_side.width.min(x_side.channels - first);
                    let start = self.to.as_mut_ptr().add(at);
                    let to = SumRows { start, stride: dy_side.padded, accumulate };
                    with_vectors!(S, dy_side.channels, V => {
                        sum_panel::<S, V>(simd, (a, x_side.width), dy, count, inputs, to);
                    });
                }
            }
        }
    }
}
