//! Blocks of tile rows, and the transforms between images and the 36 positions of their tiles.

use super::{POSITIONS, TILE, transform};
use crate::conv::{Prologue, lines};
use crate::simd::Simd;

/// The images of one side of the convolution, each cut into tiles of 4x4 pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tiling {
    pub(super) images: usize,
    pub(super) height: usize,
    pub(super) width: usize,
}

impl Tiling {
    /// Tile rows of one image.
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
    /// Floats of the strip that a tile row is transformed through, two vectors of channels at a time.
    pub(super) fn strip_len(&self, lanes: usize) -> usize {
        6 * self.strip_w() * 2 * lanes
    }
    /// The pixels of the tile rows `rows`, which are numbered through all images: a contiguous range in
    /// memory.
    pub(super) fn pixels(&self, rows: std::ops::Range<usize>) -> std::ops::Range<usize> {
        let first = |row: usize| (row / self.rows() * self.height + row % self.rows() * TILE) * self.width;
        first(rows.start)..first(rows.end)
    }
    /// How many tile rows of all images make a block of about `tiles` tiles.
    pub(super) fn block_rows(&self, tiles: usize) -> usize {
        (tiles / self.columns()).clamp(1, self.images * self.rows())
    }
}

/// Where the transformed tiles of a block go: position after position, tiles of channels in panels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Positions {
    pub(super) start: *mut f32,
    pub(super) channels: usize,
    /// Floats from one position to the next.
    pub(super) stride: usize,
    /// Floats from one tile to the next.
    pub(super) tile: usize,
    /// Floats from one panel to the next.
    pub(super) panel: usize,
}

impl Positions {
    /// A tile's channels side by side: what products over channels want.
    pub(super) fn by_tile(start: *mut f32, stride: usize, channels: usize, panel: usize) -> Self {
        Positions { start, channels, stride, tile: channels, panel }
    }

    /// A panel's tiles side by side: what products over tiles want, lest tiles a power of two apart compete
    /// for the same lines of cache. Panels of `width` channels, room for `tiles` tiles.
    pub(super) fn by_panel(start: *mut f32, tiles: usize, channels: usize, width: usize) -> Self {
        let stride = position_stride(tiles, channels.next_multiple_of(width));
        Positions { start, channels, stride, tile: width, panel: tiles * width }
    }

    /// # Safety
    /// Position, tile and panel must lie inside the block's buffer.
    #[inline(always)]
    pub(super) unsafe fn at(&self, position: usize, tile: usize, panel: usize) -> *mut f32 {
        // SAFETY: the caller's promise.
        unsafe { self.start.add(position * self.stride + tile * self.tile + panel * self.panel) }
    }
}

/// A row of tiles of one image, and where they go.
pub(super) struct TileRow<'a> {
    pub(super) tiling: Tiling,
    pub(super) image: &'a [f32],
    /// Its number in the image.
    pub(super) tile_row: usize,
    /// Room for the vertical half of the transform.
    pub(super) strip: &'a mut [f32],
    pub(super) positions: Positions,
    /// The number of the row's first tile in the block.
    pub(super) first_tile: usize,
}

impl TileRow<'_> {
    /// `B^T d B` of the row's tiles.
    ///
    /// # Safety
    /// `positions` must have room for the row's tiles and all 36 positions; its channels must be a multiple
    /// of `LANES`.
    #[inline(always)]
    pub(super) unsafe fn transform_input<S: Simd>(self, simd: S, prologue: Prologue) {
        let top = self.top();
        let interior = top >= 0 && top as usize + 6 <= self.tiling.height;
        // SAFETY: the caller's promises.
        unsafe {
            match (prologue, interior) {
                (Prologue::None, true) => self.transform::<S, true, false>(simd, &[], &[]),
                (Prologue::None, false) => self.transform::<S, false, false>(simd, &[], &[]),
                (Prologue::NormRelu { scale, shift }, true) => {
                    self.transform::<S, true, true>(simd, scale, shift);
                }
                (Prologue::NormRelu { scale, shift }, false) => {
                    self.transform::<S, false, true>(simd, scale, shift);
                }
            }
        }
    }

    /// First of the six rows of pixels; may lie outside the image.
    #[inline(always)]
    fn top(&self) -> isize {
        self.tile_row as isize * TILE as isize - 1
    }

    /// Both halves, two vectors of channels at a time, so that the strip stays in the first-level cache.
    ///
    /// # Safety
    /// As [`TileRow::transform_input`].
    #[inline(always)]
    unsafe fn transform<S: Simd, const INTERIOR: bool, const NORM: bool>(
        self,
        simd: S,
        scale: &[f32],
        shift: &[f32],
    ) {
        let channels = self.positions.channels;
        assert!(self.image.len() >= self.tiling.height * self.tiling.width * channels);
        assert!(!NORM || scale.len() == channels && shift.len() == channels);
        let whole = channels / (2 * S::LANES);
        // SAFETY: the assertions above and the caller's promises.
        unsafe {
            let mut row = self;
            for panel in 0..whole {
                row.vertical::<S, INTERIOR, NORM, 2>(simd, scale, shift, panel * 2 * S::LANES);
                row.horizontal::<S, 2>(simd, panel);
            }
            if whole * 2 * S::LANES < channels {
                row.vertical::<S, INTERIOR, NORM, 1>(simd, scale, shift, whole * 2 * S::LANES);
                row.horizontal::<S, 1>(simd, whole);
            }
        }
    }

    /// The vertical half, `V` vectors of channels from `c` on: six input rows to six rows of
    /// `strip: [6][strip_w][V]`, with zero columns around.
    ///
    /// # Safety
    /// As [`TileRow::transform_input`]; the channels exist.
    #[inline(always)]
    unsafe fn vertical<S: Simd, const INTERIOR: bool, const NORM: bool, const V: usize>(
        &mut self,
        simd: S,
        scale: &[f32],
        shift: &[f32],
        c: usize,
    ) {
        let (width, height, channels) = (self.tiling.width, self.tiling.height, self.positions.channels);
        let pixel = V * S::LANES;
        let strip_row = self.tiling.strip_w() * pixel;
        let top = self.top();
        let strip = &mut self.strip[..6 * strip_row];
        for strip in strip.chunks_exact_mut(strip_row) {
            strip[..pixel].fill(0.0);
            strip[(1 + width) * pixel..].fill(0.0);
        }
        let zero = simd.splat(0.0);
        let (mut scales, mut shifts) = ([zero; V], [zero; V]);
        let (mut rows, mut inside) = ([self.image.as_ptr(); 6], [true; 6]);
        // SAFETY: c and the channels behind it exist; only rows inside the image are offset and read; the
        // strip's rows are one pixel longer on either side.
        unsafe {
            if NORM {
                for v in 0..V {
                    scales[v] = simd.load(scale.as_ptr().add(c + v * S::LANES));
                    shifts[v] = simd.load(shift.as_ptr().add(c + v * S::LANES));
                }
            }
            for r in 0..6 {
                let y = top + r as isize;
                inside[r] = INTERIOR || (0..height as isize).contains(&y);
                if inside[r] {
                    rows[r] = rows[r].add(y as usize * width * channels + c);
                }
            }
            let target = strip.as_mut_ptr().add(pixel);
            for x in 0..width {
                for v in 0..V {
                    let mut d = [zero; 6];
                    for r in 0..6 {
                        if inside[r] {
                            d[r] = simd.load(rows[r].add(x * channels + v * S::LANES));
                            if NORM {
                                d[r] = simd.max(simd.mul_add(d[r], scales[v], shifts[v]), zero);
                            }
                        }
                    }
                    let d = transform::input(simd, d);
                    for r in 0..6 {
                        simd.store(target.add(r * strip_row + x * pixel + v * S::LANES), d[r]);
                    }
                }
            }
        }
    }

    /// The horizontal half: each tile's columns of the strip to six positions a row.
    ///
    /// # Safety
    /// As [`TileRow::vertical`], which filled the strip.
    #[inline(always)]
    unsafe fn horizontal<S: Simd, const V: usize>(&self, simd: S, panel: usize) {
        let pixel = V * S::LANES;
        let strip_row = self.tiling.strip_w() * pixel;
        for i in 0..6 {
            // SAFETY: a tile's six columns lie inside the strip's row; positions has room, as promised.
            unsafe {
                let from = self.strip.as_ptr().add(i * strip_row);
                let to = self.positions.at(i * 6, self.first_tile, panel);
                for tile in 0..self.tiling.columns() {
                    for v in 0..V {
                        let mut d = [simd.splat(0.0); 6];
                        for j in 0..6 {
                            d[j] = simd.load(from.add((tile * TILE + j) * pixel + v * S::LANES));
                        }
                        let d = transform::input(simd, d);
                        for j in 0..6 {
                            let offset = j * self.positions.stride + tile * self.positions.tile;
                            simd.store(to.add(offset + v * S::LANES), d[j]);
                        }
                    }
                    if i < 5 {
                        // The lines that the next six positions go to are in the second-level cache. They are
                        // prefetched, since stores that miss the first level wait for each other.
                        for j in 0..6 {
                            let offset = (6 + j) * self.positions.stride + tile * self.positions.tile;
                            lines::write(simd, to.wrapping_add(offset).cast_const(), V * S::LANES);
                        }
                    }
                }
            }
        }
    }
}

/// `A dY A^T` of the tiles of row `tile_row` of one image, as tiles `first_tile..` of the block.
///
/// # Safety
/// As [`TileRow::transform_input`].
#[inline(always)]
pub(super) unsafe fn transform_gradient<S: Simd>(
    simd: S,
    tiling: &Tiling,
    image: &[f32],
    tile_row: usize,
    positions: Positions,
    first_tile: usize,
) {
    let channels = positions.channels;
    let row = tiling.width * channels;
    assert!(image.len() >= tiling.height * row);
    let rows = TILE.min(tiling.height - tile_row * TILE);
    for tile in 0..tiling.columns() {
        let columns = TILE.min(tiling.width - tile * TILE);
        // SAFETY: the tile lies in the image; positions has room, as promised.
        unsafe {
            let from = image.as_ptr().add(tile_row * TILE * row + tile * TILE * channels);
            // Written twice so that the loops over a whole tile are unrolled.
            if (rows, columns) == (TILE, TILE) {
                gradient_tile(simd, from, row, (TILE, TILE), positions, first_tile + tile);
            } else {
                gradient_tile(simd, from, row, (rows, columns), positions, first_tile + tile);
            }
        }
    }
}

/// `A dY A^T` of one tile of `rows` by `columns` pixels, zeros beyond.
///
/// # Safety
/// The pixels exist, `positions` has room for the tile; channels are a multiple of `LANES`.
#[inline(always)]
unsafe fn gradient_tile<S: Simd>(
    simd: S,
    from: *const f32,
    row: usize,
    (rows, columns): (usize, usize),
    positions: Positions,
    tile: usize,
) {
    let channels = positions.channels;
    for vector in 0..channels / S::LANES {
        let c = vector * S::LANES;
        let mut half = [[simd.splat(0.0); 6]; TILE];
        // SAFETY: the caller's promise.
        unsafe {
            for x in 0..columns {
                let mut dy = [simd.splat(0.0); TILE];
                for y in 0..rows {
                    dy[y] = simd.load(from.add(y * row + x * channels + c));
                }
                half[x] = transform::gradient(simd, dy);
            }
            let to = positions.at(0, tile, vector / 2).add(vector % 2 * S::LANES);
            for i in 0..6 {
                let v = transform::gradient(simd, [half[0][i], half[1][i], half[2][i], half[3][i]]);
                for j in 0..6 {
                    let to = to.add((i * 6 + j) * positions.stride);
                    simd.store(to, v[j]);
                    simd.prefetch_write(to.wrapping_add(positions.tile).cast_const());
                }
            }
        }
    }
}

/// Floats between two positions of a block of `tiles` tiles: padded by a cache line, lest positions alias in
/// L1.
pub(super) fn position_stride(tiles: usize, channels: usize) -> usize {
    tiles * channels + 16
}

/// Floats of a buffer for all positions, and one more slot.
pub(super) fn positions_len(tiles: usize, channels: usize) -> usize {
    (POSITIONS + 1) * position_stride(tiles, channels)
}
