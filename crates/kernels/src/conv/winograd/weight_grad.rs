//! The weight gradient in the transformed domain: 36 products over tiles, in a fixed order of partial sums.
//!
//! As in the direct form, blocks are dealt to groups by shape alone, accumulators start at zero in each block, and
//! groups are added in order.

use super::block::{self, Positions, Tiling};
use super::{POSITIONS, filter, forward};
use crate::buffer::Buffer;
use crate::conv::micro::{self, ROWS};
use crate::conv::{ConvShape, Prologue};
use crate::parallel::{self, Shared};
use crate::simd::{Isa, Kernel, Simd, dispatch};

/// Floats that a block's positions of one side may take.
const BLOCK: usize = 36 << 10;
/// At most this many partial sums.
const GROUPS: usize = 16;
/// Floats that all partial sums together may take: 64 MiB.
const PARTIALS: usize = 16 << 20;

/// `dw` (OIHW) from the input and the output's gradient.
pub(crate) fn weight_grad(
    isa: Isa,
    shape: &ConvShape,
    x: &[f32],
    prologue: Prologue,
    dy: &[f32],
    dw: &mut [f32],
) {
    let tiling = Tiling { images: shape.images, height: shape.in_h, width: shape.in_w };
    let block_rows = tiling.block_rows(forward::block_tiles(shape.in_c.max(shape.out_c), BLOCK));
    let tiles = block_rows * tiling.columns();
    let total = tiling.images * tiling.rows();
    let blocks = parallel::pieces(total, block_rows);
    let out_stride = shape.out_c.next_multiple_of(2 * isa.lanes());
    let partial = POSITIONS * shape.in_c * out_stride;
    let groups = blocks.min(GROUPS).min((PARTIALS / partial).max(2));
    let mut partials = Buffer::unspecified(groups * partial);
    let shared = Shared::new(&mut partials);
    let init = || {
        let strip = Buffer::unspecified(tiling.strip_len(shape.in_c));
        let input = Buffer::unspecified(block::positions_len(tiles, shape.in_c));
        (strip, input, Buffer::unspecified(block::positions_len(tiles, out_stride)))
    };
    parallel::for_each(groups, init, |(strip, input, gradient), group| {
        // SAFETY: each task has its own partial sum.
        let sums = unsafe { shared.slice(group * partial, partial) };
        sums.fill(0.0);
        for index in group * blocks / groups..(group + 1) * blocks / groups {
            let rows = parallel::piece(total, block_rows, index);
            dispatch(
                isa,
                Block {
                    shape,
                    tiling,
                    rows,
                    x,
                    prologue,
                    dy,
                    strip,
                    input,
                    gradient,
                    tiles,
                    out_stride,
                    sums,
                },
            );
        }
    });
    filter::unpack_gradient(shape, &mut partials, groups, out_stride, dw);
}

/// A block of tile rows, numbered through all pictures.
struct Block<'a> {
    shape: &'a ConvShape,
    tiling: Tiling,
    rows: std::ops::Range<usize>,
    x: &'a [f32],
    prologue: Prologue<'a>,
    dy: &'a [f32],
    strip: &'a mut [f32],
    input: &'a mut [f32],
    gradient: &'a mut [f32],
    /// Tiles the buffers were made for.
    tiles: usize,
    out_stride: usize,
    sums: &'a mut [f32],
}

impl Kernel for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (in_c, out_c, tiling) = (self.shape.in_c, self.shape.out_c, self.tiling);
        let (columns, tile_rows, pixels) = (tiling.columns(), tiling.rows(), tiling.height * tiling.width);
        let tiles = self.rows.len() * columns;
        assert!(tiles <= self.tiles && self.sums.len() >= POSITIONS * in_c * self.out_stride);
        assert!(self.input.len() >= block::positions_len(self.tiles, in_c));
        assert!(self.gradient.len() >= block::positions_len(self.tiles, self.out_stride));
        let input = Positions {
            start: self.input.as_mut_ptr(),
            stride: block::position_stride(self.tiles, in_c),
            channels: in_c,
        };
        let gradient = Positions {
            start: self.gradient.as_mut_ptr(),
            stride: block::position_stride(self.tiles, out_c),
            channels: out_c,
        };
        for (index, row) in self.rows.clone().enumerate() {
            let (image, tile_row) = (row / tile_rows, row % tile_rows);
            // SAFETY: the assertions above; channels are multiples of LANES, as `applies` asks.
            unsafe {
                let x = &self.x[image * pixels * in_c..][..pixels * in_c];
                block::transform_input(
                    simd,
                    &tiling,
                    x,
                    tile_row,
                    self.prologue,
                    self.strip,
                    input,
                    index * columns,
                );
                let dy = &self.dy[image * pixels * out_c..][..pixels * out_c];
                block::transform_gradient(simd, &tiling, dy, tile_row, gradient, index * columns);
            }
        }
        let calls = in_c.div_ceil(ROWS);
        for position in 0..POSITIONS {
            for column in (0..out_c).step_by(2 * S::LANES) {
                let width = (2 * S::LANES).min(out_c - column);
                for call in 0..calls {
                    let (first, last) = (call * in_c / calls, (call + 1) * in_c / calls);
                    // SAFETY: channels first..last and the block's columns exist; rows of sums are padded.
                    unsafe {
                        let a = input.at(position, 0, first).cast_const();
                        let dy = gradient.at(position, 0, column).cast_const();
                        let to =
                            self.sums.as_mut_ptr().add((position * in_c + first) * self.out_stride + column);
                        let (a, dy) = ((a, in_c), (dy, out_c));
                        match last - first {
                            6 => rows::<S, 6>(simd, a, dy, tiles, width, to, self.out_stride),
                            5 => rows::<S, 5>(simd, a, dy, tiles, width, to, self.out_stride),
                            4 => rows::<S, 4>(simd, a, dy, tiles, width, to, self.out_stride),
                            3 => rows::<S, 3>(simd, a, dy, tiles, width, to, self.out_stride),
                            2 => rows::<S, 2>(simd, a, dy, tiles, width, to, self.out_stride),
                            _ => rows::<S, 1>(simd, a, dy, tiles, width, to, self.out_stride),
                        }
                    }
                }
            }
        }
    }
}

/// Adds `R` input channels by one block of output channels, summed over the block's tiles.
///
/// # Safety
/// `a` and `dy` (with their strides) must have `tiles` rows, `to` `R` rows padded to whole vectors.
#[inline(always)]
unsafe fn rows<S: Simd, const R: usize>(
    simd: S,
    (a, a_stride): (*const f32, usize),
    (dy, dy_stride): (*const f32, usize),
    tiles: usize,
    width: usize,
    to: *mut f32,
    to_stride: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let acc: [[S::V; 2]; R] = micro::inputs_by_outputs(
            simd,
            a,
            dy,
            (0..tiles).map(|tile| (tile * a_stride, tile * dy_stride)),
            width,
        );
        for (r, row) in acc.into_iter().enumerate() {
            let to = to.add(r * to_stride);
            simd.store(to, simd.add(simd.load(to), row[0]));
            let to = to.add(S::LANES);
            simd.store(to, simd.add(simd.load(to), row[1]));
        }
    }
}
