//! Blocks of tile rows, and the transforms between pictures and the 36 positions of their tiles.

use super::{POSITIONS, TILE, transform};
use crate::conv::Prologue;
use crate::simd::Simd;

/// A picture of one side of the convolution, cut into tiles of 4x4 pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tiling {
    pub(super) images: usize,
    pub(super) height: usize,
    pub(super) width: usize,
}

impl Tiling {
    /// Tile rows of one picture.
    pub(super) fn rows(&self) -> usize {
        self.height.div_ceil(TILE)
    }
    /// Tiles in a row.
    pub(super) fn columns(&self) -> usize {
        self.width.div_ceil(TILE)
    }
    /// Columns of a strip: all tiles and the pixel on either side that the outer ones see.
    fn strip_w(&self) -> usize {
        self.columns() * TILE + 2
    }
    /// Floats of the strip that a tile row is transformed through.
    pub(super) fn strip_len(&self, channels: usize) -> usize {
        6 * self.strip_w() * channels
    }
    /// How many tile rows of all pictures make a block of about `tiles` tiles.
    pub(super) fn block_rows(&self, tiles: usize) -> usize {
        (tiles / self.columns()).clamp(1, self.images * self.rows())
    }
}

/// Where the transformed tiles of a block go: position `p` of tile `t` at `p * stride + t * channels`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Positions {
    pub(super) start: *mut f32,
    pub(super) stride: usize,
    pub(super) channels: usize,
}

impl Positions {
    /// # Safety
    /// Position, tile and channel must lie inside the block's buffer.
    #[inline(always)]
    pub(super) unsafe fn at(&self, position: usize, tile: usize, channel: usize) -> *mut f32 {
        // SAFETY: the caller's promise.
        unsafe { self.start.add(position * self.stride + tile * self.channels + channel) }
    }
}

/// `B^T d B` of the tiles of row `tile_row` of one picture, as tiles `first_tile..` of the block.
///
/// # Safety
/// `positions` must have room for the row's tiles and all 36 positions; `channels` must be a multiple of `LANES`.
#[inline(always)]
#[allow(clippy::too_many_arguments)] // one row of one picture, in and out
pub(super) unsafe fn transform_input<S: Simd>(
    simd: S,
    tiling: &Tiling,
    picture: &[f32],
    tile_row: usize,
    prologue: Prologue,
    strip: &mut [f32],
    positions: Positions,
    first_tile: usize,
) {
    let top = tile_row as isize * TILE as isize - 1;
    let interior = top >= 0 && top as usize + 6 <= tiling.height;
    // SAFETY: the caller's promises.
    unsafe {
        match (prologue, interior) {
            (Prologue::None, true) => {
                vertical::<S, true, false>(simd, tiling, picture, top, (&[], &[]), strip, positions.channels)
            }
            (Prologue::None, false) => {
                vertical::<S, false, false>(simd, tiling, picture, top, (&[], &[]), strip, positions.channels)
            }
            (Prologue::NormRelu { scale, shift }, true) => {
                vertical::<S, true, true>(
                    simd,
                    tiling,
                    picture,
                    top,
                    (scale, shift),
                    strip,
                    positions.channels,
                );
            }
            (Prologue::NormRelu { scale, shift }, false) => {
                vertical::<S, false, true>(
                    simd,
                    tiling,
                    picture,
                    top,
                    (scale, shift),
                    strip,
                    positions.channels,
                );
            }
        }
        horizontal(simd, tiling, strip, positions, first_tile);
    }
}

/// The vertical half: six input rows to six rows of `strip: [6][strip_w][channels]`, with zero columns around.
#[inline(always)]
unsafe fn vertical<S: Simd, const INTERIOR: bool, const NORM: bool>(
    simd: S,
    tiling: &Tiling,
    picture: &[f32],
    top: isize,
    (scale, shift): (&[f32], &[f32]),
    strip: &mut [f32],
    channels: usize,
) {
    let (strip_row, row) = (tiling.strip_w() * channels, tiling.width * channels);
    assert!(picture.len() >= tiling.height * row && strip.len() >= 6 * strip_row);
    assert!(!NORM || scale.len() == channels && shift.len() == channels);
    for strip in strip.chunks_exact_mut(strip_row).take(6) {
        strip[..channels].fill(0.0);
        strip[channels + row..].fill(0.0);
    }
    let inside: [bool; 6] =
        std::array::from_fn(|r| INTERIOR || (0..tiling.height as isize).contains(&(top + r as isize)));
    // Rows outside are never read; any address inside will do for them.
    let rows: [*const f32; 6] =
        // SAFETY: only rows inside the picture are offset.
        std::array::from_fn(|r| if inside[r] { unsafe { picture.as_ptr().offset((top + r as isize) * row as isize) } } else { picture.as_ptr() });
    let (target, zero) = (strip.as_mut_ptr(), simd.splat(0.0));
    for pixel in (0..row).step_by(channels) {
        for c in (0..channels).step_by(S::LANES) {
            let at = pixel + c;
            // SAFETY: at + LANES <= row, and the strip's rows are one pixel longer on either side.
            unsafe {
                let mut d = [zero; 6];
                for r in 0..6 {
                    if INTERIOR || inside[r] {
                        d[r] = simd.load(rows[r].add(at));
                        if NORM {
                            let (scale, shift) =
                                (simd.load(scale.as_ptr().add(c)), simd.load(shift.as_ptr().add(c)));
                            d[r] = simd.max(simd.mul_add(d[r], scale, shift), zero);
                        }
                    }
                }
                for (i, v) in transform::input(simd, d).into_iter().enumerate() {
                    simd.store(target.add(i * strip_row + channels + at), v);
                }
            }
        }
    }
}

/// The horizontal half: each tile's columns of the strip to six positions a row.
#[inline(always)]
unsafe fn horizontal<S: Simd>(
    simd: S,
    tiling: &Tiling,
    strip: &[f32],
    positions: Positions,
    first_tile: usize,
) {
    let channels = positions.channels;
    let strip_row = tiling.strip_w() * channels;
    for i in 0..6 {
        for tile in 0..tiling.columns() {
            for c in (0..channels).step_by(S::LANES) {
                // SAFETY: a tile's six columns lie inside the strip's row; positions has room, as promised.
                unsafe {
                    let from = strip.as_ptr().add(i * strip_row + tile * TILE * channels + c);
                    let mut d = [simd.splat(0.0); 6];
                    for j in 0..6 {
                        d[j] = simd.load(from.add(j * channels));
                    }
                    for (j, v) in transform::input(simd, d).into_iter().enumerate() {
                        simd.store(positions.at(i * 6 + j, first_tile + tile, c), v);
                    }
                }
            }
        }
    }
}

/// `A dY A^T` of the tiles of row `tile_row` of one picture, as tiles `first_tile..` of the block.
///
/// # Safety
/// As [`transform_input`].
#[inline(always)]
pub(super) unsafe fn transform_gradient<S: Simd>(
    simd: S,
    tiling: &Tiling,
    picture: &[f32],
    tile_row: usize,
    positions: Positions,
    first_tile: usize,
) {
    let channels = positions.channels;
    let row = tiling.width * channels;
    assert!(picture.len() >= tiling.height * row);
    let rows = TILE.min(tiling.height - tile_row * TILE);
    for tile in 0..tiling.columns() {
        let columns = TILE.min(tiling.width - tile * TILE);
        for c in (0..channels).step_by(S::LANES) {
            // SAFETY: only the pixels that exist are read; positions has room, as promised.
            unsafe {
                let from = picture.as_ptr().add(tile_row * TILE * row + tile * TILE * channels + c);
                let mut half = [[simd.splat(0.0); 6]; TILE];
                for x in 0..columns {
                    let mut dy = [simd.splat(0.0); TILE];
                    for y in 0..rows {
                        dy[y] = simd.load(from.add(y * row + x * channels));
                    }
                    half[x] = transform::gradient(simd, dy);
                }
                for i in 0..6 {
                    let v = transform::gradient(simd, [half[0][i], half[1][i], half[2][i], half[3][i]]);
                    for (j, v) in v.into_iter().enumerate() {
                        simd.store(positions.at(i * 6 + j, first_tile + tile, c), v);
                    }
                }
            }
        }
    }
}

/// Floats between two positions of a block of `tiles` tiles: padded by a cache line, lest positions alias in L1.
pub(super) fn position_stride(tiles: usize, channels: usize) -> usize {
    tiles * channels + 16
}

/// Floats of a buffer for all positions, and one more slot.
pub(super) fn positions_len(tiles: usize, channels: usize) -> usize {
    (POSITIONS + 1) * position_stride(tiles, channels)
}
