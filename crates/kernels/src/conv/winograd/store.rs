//! The way back: `A^T M A` of a tile, what is fused into its store, and the sums gathered on the way.

use super::block::{Positions, Tiling};
use super::{TILE, transform};
use crate::conv::Epilogue;
use crate::norm::{Activation, BackwardPart, MomentPart, ScaleShift, SharedMoments, SharedSums};
use crate::parallel::Shared;
use crate::simd::Simd;

/// What happens to a tile on its way to memory.
pub(super) enum Store<'a> {
    /// It is output.
    Output { epilogue: Epilogue<'a>, gather: Option<SharedMoments<'a>> },
    /// It is the gradient of a norm's output, the norm's input being `x`.
    Gradient { x: &'a [f32], mean: &'a [f32], map: &'a ScaleShift, gather: SharedSums<'a> },
}

/// Where a tile goes: its picture and its first pixel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) image: usize,
    pub(super) y: usize,
    pub(super) x: usize,
}

impl Store<'_> {
    /// Transforms tile `tile` of `products` and stores the pixels that exist.
    ///
    /// # Safety
    /// `products` holds the tile, `out` has the shape of `tiling` and the products' channels, as have the tensors in
    /// `self`; no other task writes the tile's pixels or has the sums of `task`, whose tiles come in order from 0.
    #[allow(clippy::too_many_arguments)] // from where to where
    #[inline(always)]
    pub(super) unsafe fn tile<S: Simd>(
        &self,
        simd: S,
        tiling: &Tiling,
        products: Positions,
        tile: usize,
        place: Place,
        task: usize,
        out: &Shared,
    ) {
        let channels = products.channels;
        let row = tiling.width * channels;
        let (rows, columns) = (TILE.min(tiling.height - place.y), TILE.min(tiling.width - place.x));
        let first = ((place.image * tiling.height + place.y) * tiling.width + place.x) * channels;
        assert!(first + (rows - 1) * row + columns * channels <= out.len());
        for c in (0..channels).step_by(S::LANES) {
            // SAFETY: the assertion above bounds every pixel, the caller promises the rest.
            unsafe {
                let to = Pixels { first: first + c, row, channels, rows, columns, out: out.as_mut_ptr() };
                let pixels = inverse(simd, products, tile, c);
                match self {
                    Store::Output { epilogue, gather } => {
                        let part = gather.as_ref().map(|gather| gather.task(task));
                        output(simd, pixels, to, epilogue, c, part, tile == 0);
                    }
                    Store::Gradient { x, mean, map, gather } => {
                        gradient(simd, pixels, to, x, mean, map, c, gather.task(task));
                    }
                }
            }
        }
    }
}

/// The pixels of a tile in memory, `LANES` channels of them.
#[derive(Clone, Copy)]
struct Pixels {
    first: usize,
    row: usize,
    channels: usize,
    rows: usize,
    columns: usize,
    out: *mut f32,
}

/// `A^T M A`
///
/// # Safety
/// `products` holds the tile and `LANES` channels from `c` on.
#[inline(always)]
unsafe fn inverse<S: Simd>(simd: S, products: Positions, tile: usize, c: usize) -> [[S::V; TILE]; TILE] {
    let mut half = [[simd.splat(0.0); TILE]; 6];
    for j in 0..6 {
        let mut m = [simd.splat(0.0); 6];
        for i in 0..6 {
            // SAFETY: the caller's promise.
            m[i] = unsafe { simd.load(products.at(i * 6 + j, tile, c)) };
        }
        half[j] = transform::output(simd, m);
    }
    let mut pixels = [[simd.splat(0.0); TILE]; TILE];
    for i in 0..TILE {
        pixels[i] =
            transform::output(simd, [half[0][i], half[1][i], half[2][i], half[3][i], half[4][i], half[5][i]]);
    }
    pixels
}

/// # Safety
/// The pixels lie in the output and in the epilogue's residual.
#[inline(always)]
unsafe fn output<S: Simd>(
    simd: S,
    mut pixels: [[S::V; TILE]; TILE],
    to: Pixels,
    epilogue: &Epilogue,
    c: usize,
    part: Option<MomentPart>,
    is_first: bool,
) {
    let zero = simd.splat(0.0);
    // SAFETY: the caller's promise.
    unsafe {
        let bias = match epilogue.bias {
            Some(bias) => simd.load(bias.as_ptr().add(c)),
            None => zero,
        };
        for i in 0..to.rows {
            for j in 0..to.columns {
                let at = to.first + i * to.row + j * to.channels;
                let mut value = simd.add(pixels[i][j], bias);
                if let Some(residual) = epilogue.residual {
                    value = simd.add(value, simd.load(residual.as_ptr().add(at)));
                }
                if epilogue.activation == Activation::Relu {
                    value = simd.max(value, zero);
                }
                simd.store(to.out.add(at), value);
                pixels[i][j] = value;
            }
        }
        let Some(part) = part else { return };
        if is_first {
            part.begin(simd, c, pixels[0][0]);
        }
        let pivot = part.pivot(simd, c);
        let (mut distances, mut squares) = (zero, zero);
        for i in 0..to.rows {
            for j in 0..to.columns {
                let distance = simd.sub(pixels[i][j], pivot);
                distances = simd.add(distances, distance);
                squares = simd.mul_add(distance, distance, squares);
            }
        }
        part.add(simd, c, distances, squares);
    }
}

/// # Safety
/// The pixels lie in the output and in `x`; the map has the channels.
#[allow(clippy::too_many_arguments)] // what the sums are made of
#[inline(always)]
unsafe fn gradient<S: Simd>(
    simd: S,
    pixels: [[S::V; TILE]; TILE],
    to: Pixels,
    x: &[f32],
    mean: &[f32],
    map: &ScaleShift,
    c: usize,
    part: BackwardPart,
) {
    let (mut plain, mut centred) = (simd.splat(0.0), simd.splat(0.0));
    // SAFETY: the caller's promise.
    unsafe {
        let (scale, shift) = (simd.load(map.scale.as_ptr().add(c)), simd.load(map.shift.as_ptr().add(c)));
        let mean = simd.load(mean.as_ptr().add(c));
        for i in 0..to.rows {
            for j in 0..to.columns {
                let at = to.first + i * to.row + j * to.channels;
                simd.store(to.out.add(at), pixels[i][j]);
                let x = simd.load(x.as_ptr().add(at));
                let passed = simd.where_positive(simd.mul_add(x, scale, shift), pixels[i][j]);
                plain = simd.add(plain, passed);
                centred = simd.mul_add(passed, simd.sub(x, mean), centred);
            }
        }
        part.add(simd, c, plain, centred);
    }
}
