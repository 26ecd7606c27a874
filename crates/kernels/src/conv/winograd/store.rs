//! The output transform `A^T M A` of a tile, what is fused into its store, and the sums that are gathered for
//! a norm.

use std::ops::Range;

use super::block::{Positions, Tiling};
use super::{TILE, transform};
use crate::conv::Epilogue;
use crate::norm::{
    BackwardPart, MomentPart, MomentSums, NormSums, ReluMask, ScaleShift, SharedMoments, SharedSums,
};
use crate::parallel::Shared;
use crate::simd::Simd;

/// What happens to a tile on its way to memory.
pub(super) enum WinogradStore<'a> {
    /// It is output.
    Output { epilogue: Epilogue<'a>, gather: Option<SharedMoments<'a>> },
    /// It is the gradient of a norm's output, the norm's input being `x`.
    Gradient { x: &'a [f32], mean: &'a [f32], map: &'a ScaleShift, gather: SharedSums<'a> },
}

/// A tile of finished products.
pub(super) struct WinogradTile {
    pub(super) products: Positions,
    /// Its number in the block.
    pub(super) index: usize,
    /// The channels to store.
    pub(super) channels: Range<usize>,
    pub(super) place: Place,
    /// The part that sums are added to.
    pub(super) block: usize,
}

/// Where a tile goes: its image and its first pixel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) image: usize,
    pub(super) y: usize,
    pub(super) x: usize,
}

impl WinogradStore<'_> {
    /// Transforms the tile's products and stores the pixels that exist.
    ///
    /// # Safety
    /// The products must hold the tile. `out` and the tensors in `self` must have the shape of `tiling` with
    /// the products' channels, or one value per channel. The tile's channels must be whole vectors of these.
    /// No other task may access these channels of the tile's pixels in `out`, or of the part, at the same
    /// time. The tiles of a part must come in order from 0.
    #[inline(always)]
    pub(super) unsafe fn tile<S: Simd>(&self, simd: S, tiling: &Tiling, tile: WinogradTile, out: &Shared) {
        let WinogradTile { products, place, .. } = tile;
        let channels = products.channels;
        let row = tiling.width * channels;
        let (rows, columns) = (TILE.min(tiling.height - place.y), TILE.min(tiling.width - place.x));
        let first = ((place.image * tiling.height + place.y) * tiling.width + place.x) * channels;
        assert!(first + (rows - 1) * row + columns * channels <= out.len());
        // Written twice so that the loops over a whole tile are unrolled.
        // SAFETY: the assertion above bounds every pixel, the caller promises the rest.
        unsafe {
            let to = Pixels { first, row, rows, columns, out: out.as_mut_ptr() };
            if (rows, columns) == (TILE, TILE) {
                self.pixels(simd, tile, to.whole());
            } else {
                self.pixels(simd, tile, to);
            }
        }
    }

    /// # Safety
    /// As [`WinogradStore::tile`].
    #[inline(always)]
    unsafe fn pixels<S: Simd>(&self, simd: S, tile: WinogradTile, to: Pixels) {
        let WinogradTile { products, index, channels, block, .. } = tile;
        for c in channels.step_by(S::LANES) {
            // SAFETY: the caller's promise.
            unsafe {
                match self {
                    WinogradStore::Output { epilogue, gather } => {
                        let part = gather.as_ref().map(|gather| gather.task(block));
                        output(simd, products, index, to, c, epilogue, part);
                    }
                    WinogradStore::Gradient { x, mean, map, gather } => {
                        gradient(simd, products, index, to, c, (x, mean, map), gather.task(block));
                    }
                }
            }
        }
    }
}

/// The pixels of a tile in memory.
#[derive(Clone, Copy)]
struct Pixels {
    first: usize,
    row: usize,
    rows: usize,
    columns: usize,
    out: *mut f32,
}

impl Pixels {
    /// The same with a size that the compiler knows.
    #[inline(always)]
    fn whole(self) -> Self {
        Pixels { rows: TILE, columns: TILE, ..self }
    }
}

/// `A^T M`, the vertical half of the output transform. The horizontal half follows later, row by row, so that
/// sixteen pixels need not be in registers at once.
///
/// # Safety
/// `products` holds the tile and `LANES` channels from `c` on.
#[inline(always)]
unsafe fn vertical<S: Simd>(simd: S, products: Positions, tile: usize, c: usize) -> [[S::V; 6]; TILE] {
    let mut half = [[simd.splat(0.0); 6]; TILE];
    for j in 0..6 {
        let mut m = [simd.splat(0.0); 6];
        for i in 0..6 {
            // SAFETY: the caller's promise.
            m[i] = unsafe { simd.load(products.at(i * 6 + j, tile, 0).add(c)) };
        }
        let m = transform::output(simd, m);
        for i in 0..TILE {
            half[i][j] = m[i];
        }
    }
    half
}

/// # Safety
/// The tile exists; its pixels lie in the output and in the epilogue's residual.
#[inline(always)]
unsafe fn output<S: Simd>(
    simd: S,
    products: Positions,
    tile: usize,
    to: Pixels,
    c: usize,
    epilogue: &Epilogue,
    part: Option<MomentPart>,
) {
    let zero = simd.splat(0.0);
    // SAFETY: the caller's promise.
    unsafe {
        let half = vertical(simd, products, tile, c);
        let residual = epilogue.residual.start(to.out);
        let mut sums = MomentSums::new(simd, [zero]);
        for i in 0..to.rows {
            let at = to.first + i * to.row + c;
            #[expect(clippy::manual_map, reason = "a closure that is not inlined lacks the instruction set")]
            let bias = match epilogue.bias {
                Some(bias) => Some([simd.load(bias.as_ptr().add(c)); TILE]),
                None => None,
            };
            let other = match residual {
                Some(residual) => {
                    let mut other = [zero; TILE];
                    for j in 0..to.columns {
                        other[j] = simd.load(residual.add(at + j * products.channels));
                    }
                    Some(other)
                }
                None => None,
            };
            let pixels = epilogue.finish(simd, transform::output(simd, half[i]), bias, other);
            for j in 0..to.columns {
                simd.store(to.out.add(at + j * products.channels), pixels[j]);
            }
            if let Some(part) = part {
                if i == 0 {
                    if tile == 0 {
                        part.begin(simd, c, pixels[0]);
                    }
                    sums.pivot = [part.pivot(simd, c)];
                }
                for j in 0..to.columns {
                    sums.add(simd, [pixels[j]]);
                }
            }
        }
        if let Some(part) = part {
            sums.add_to(simd, part, c);
        }
    }
}

/// # Safety
/// The tile exists; its pixels lie in the output and in `x`; the map has the channels.
#[inline(always)]
unsafe fn gradient<S: Simd>(
    simd: S,
    products: Positions,
    tile: usize,
    to: Pixels,
    c: usize,
    (x, mean, map): (&[f32], &[f32], &ScaleShift),
    part: BackwardPart,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let half = vertical(simd, products, tile, c);
        let (scale, shift) = (simd.load(map.scale.as_ptr().add(c)), simd.load(map.shift.as_ptr().add(c)));
        let mask = ReluMask { scale: [scale], shift: [shift] };
        let mut sums = NormSums::new(simd, mask, [simd.load(mean.as_ptr().add(c))]);
        for i in 0..to.rows {
            let pixels = transform::output(simd, half[i]);
            let mut xs = [[pixels[0]]; TILE];
            for j in 0..to.columns {
                let at = to.first + i * to.row + j * products.channels + c;
                simd.store(to.out.add(at), pixels[j]);
                xs[j] = [simd.load(x.as_ptr().add(at))];
            }
            if to.columns == TILE {
                sums.add_four(simd, xs, [[pixels[0]], [pixels[1]], [pixels[2]], [pixels[3]]]);
            } else {
                for j in 0..to.columns {
                    sums.add(simd, xs[j], [pixels[j]]);
                }
            }
        }
        sums.add_to(simd, part, c);
    }
}
