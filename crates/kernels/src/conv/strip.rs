//! Strips: the input rows that a block of output rows needs, padded and pre-activated, in cache.

use std::ops::Range;

use super::Prologue;
use crate::simd::Simd;

/// Which rows and columns of the input a strip holds. Coordinates may lie outside the image.
#[derive(Debug, Clone, Copy)]
pub(super) struct InputRegion {
    /// First row, in input pixels.
    pub(super) top: isize,
    /// First column.
    pub(super) left: isize,
    /// Rows.
    pub(super) height: usize,
    /// Columns.
    pub(super) width: usize,
}

/// Copies `window` of one image (`[in_h, in_w, in_channels]`) into `strip`, zeros where there is no image.
#[inline(always)]
pub(super) fn fill<S: Simd>(
    simd: S,
    image: &[f32],
    size: (usize, usize, usize),
    window: InputRegion,
    prologue: Prologue,
    strip: &mut [f32],
) {
    fill_channels(simd, image, size, 0..size.2, window, prologue, strip);
}

/// As [`fill`], for some of the channels; the strip holds only these.
#[inline(always)]
pub(super) fn fill_channels<S: Simd>(
    simd: S,
    image: &[f32],
    (in_h, in_w, in_channels): (usize, usize, usize),
    channels: Range<usize>,
    window: InputRegion,
    prologue: Prologue,
    strip: &mut [f32],
) {
    let row_len = window.width * channels.len();
    if row_len == 0 {
        return;
    }
    // The image's columns that the window sees, as columns of the window.
    let first = (-window.left).clamp(0, window.width as isize) as usize;
    let last = (in_w as isize - window.left).clamp(first as isize, window.width as isize) as usize;
    for (index, row) in strip[..window.height * row_len].chunks_exact_mut(row_len).enumerate() {
        let y = window.top + index as isize;
        if y < 0 || y >= in_h as isize || first == last {
            row.fill(0.0);
            continue;
        }
        let from = (y as usize * in_w + (first as isize + window.left) as usize) * in_channels;
        let from = &image[from..][..(last - first) * in_channels];
        row[..first * channels.len()].fill(0.0);
        row[last * channels.len()..].fill(0.0);
        let to = &mut row[first * channels.len()..last * channels.len()];
        match prologue {
            Prologue::None if channels.len() == in_channels => to.copy_from_slice(from),
            Prologue::None => {
                for (from, to) in from.chunks_exact(in_channels).zip(to.chunks_exact_mut(channels.len())) {
                    to.copy_from_slice(&from[channels.clone()]);
                }
            }
            Prologue::NormRelu { scale, shift } => {
                let (scale, shift) = (&scale[channels.clone()], &shift[channels.clone()]);
                norm_relu(simd, &from[channels.start..], in_channels, to, scale, shift);
            }
        }
    }
}

/// `to = max(from * scale + shift, 0)`, pixels `stride` floats apart in `from`.
#[inline(always)]
fn norm_relu<S: Simd>(simd: S, from: &[f32], stride: usize, to: &mut [f32], scale: &[f32], shift: &[f32]) {
    let channels = scale.len();
    assert!(shift.len() == channels && to.len().is_multiple_of(channels));
    assert!(to.is_empty() || (to.len() / channels - 1) * stride + channels <= from.len());
    let zero = simd.splat(0.0);
    let (mut c, pixels) = (0, to.len() / channels);
    while c < channels {
        let rest = channels - c;
        // SAFETY: the assertions above; as many channels exist from c on.
        unsafe {
            let (from, to) = (from.as_ptr().add(c), to.as_mut_ptr().add(c));
            let (scale, shift) = (scale.as_ptr().add(c), shift.as_ptr().add(c));
            c += if rest >= 4 * S::LANES {
                map_vectors::<S, 4>(simd, pixels, (from, stride), (to, channels), scale, shift)
            } else if rest >= 2 * S::LANES {
                map_vectors::<S, 2>(simd, pixels, (from, stride), (to, channels), scale, shift)
            } else if rest >= S::LANES {
                map_vectors::<S, 1>(simd, pixels, (from, stride), (to, channels), scale, shift)
            } else {
                let (scale, shift) = (simd.load_partial(scale, rest), simd.load_partial(shift, rest));
                for pixel in 0..pixels {
                    let x = simd.load_partial(from.add(pixel * stride), rest);
                    let y = simd.max(simd.mul_add(x, scale, shift), zero);
                    simd.store_partial(to.add(pixel * channels), y, rest);
                }
                rest
            };
        }
    }
}

/// `N` vectors of channels of all pixels, their map in registers; returns how many channels that were.
///
/// # Safety
/// All pointers must be valid for `N` vectors, `from` and `to` at each of the pixels their strides apart.
#[inline(always)]
unsafe fn map_vectors<S: Simd, const N: usize>(
    simd: S,
    pixels: usize,
    (from, from_stride): (*const f32, usize),
    (to, to_stride): (*mut f32, usize),
    scale: *const f32,
    shift: *const f32,
) -> usize {
    let zero = simd.splat(0.0);
    let mut map = [(zero, zero); N];
    // SAFETY: the caller's promise.
    unsafe {
        for (v, map) in map.iter_mut().enumerate() {
            *map = (simd.load(scale.add(v * S::LANES)), simd.load(shift.add(v * S::LANES)));
        }
        for pixel in 0..pixels {
            for (v, (scale, shift)) in map.iter().enumerate() {
                let x = simd.load(from.add(pixel * from_stride + v * S::LANES));
                let y = simd.max(simd.mul_add(x, *scale, *shift), zero);
                simd.store(to.add(pixel * to_stride + v * S::LANES), y);
            }
        }
    }
    N * S::LANES
}
