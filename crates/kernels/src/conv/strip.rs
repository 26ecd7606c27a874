//! Strips: the input rows that a block of output rows needs, padded and pre-activated, in cache.

use super::Prologue;
use crate::simd::Simd;

/// Which rows and columns of the input a strip holds. Coordinates may lie outside the picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    /// First row, in input pixels.
    pub(super) top: isize,
    /// First column.
    pub(super) left: isize,
    /// Rows.
    pub(super) height: usize,
    /// Columns.
    pub(super) width: usize,
}

/// Copies `window` of one picture (`[in_h, in_w, channels]`) into `strip`, zeros where there is no picture.
#[inline(always)]
pub(super) fn fill<S: Simd>(
    simd: S,
    picture: &[f32],
    (in_h, in_w, channels): (usize, usize, usize),
    window: Window,
    prologue: Prologue,
    strip: &mut [f32],
) {
    let row_len = window.width * channels;
    // The picture's columns that the window sees, as columns of the window.
    let first = (-window.left).clamp(0, window.width as isize) as usize;
    let last = (in_w as isize - window.left).clamp(first as isize, window.width as isize) as usize;
    for (index, row) in strip[..window.height * row_len].chunks_exact_mut(row_len).enumerate() {
        let y = window.top + index as isize;
        if y < 0 || y >= in_h as isize || first == last {
            row.fill(0.0);
            continue;
        }
        let from = (y as usize * in_w + (first as isize + window.left) as usize) * channels;
        let from = &picture[from..][..(last - first) * channels];
        row[..first * channels].fill(0.0);
        row[last * channels..].fill(0.0);
        let to = &mut row[first * channels..last * channels];
        match prologue {
            Prologue::None => to.copy_from_slice(from),
            Prologue::NormRelu { scale, shift } => norm_relu(simd, from, to, scale, shift),
        }
    }
}

/// `to = max(from * scale + shift, 0)`, channels repeating.
#[inline(always)]
fn norm_relu<S: Simd>(simd: S, from: &[f32], to: &mut [f32], scale: &[f32], shift: &[f32]) {
    let channels = scale.len();
    let zero = simd.splat(0.0);
    for (from, to) in from.chunks_exact(channels).zip(to.chunks_exact_mut(channels)) {
        for c in (0..channels).step_by(S::LANES) {
            let n = S::LANES.min(channels - c);
            // SAFETY: c + n <= channels, the length of all four slices.
            unsafe {
                if n == S::LANES {
                    let x = simd.load(from.as_ptr().add(c));
                    let y =
                        simd.mul_add(x, simd.load(scale.as_ptr().add(c)), simd.load(shift.as_ptr().add(c)));
                    simd.store(to.as_mut_ptr().add(c), simd.max(y, zero));
                } else {
                    let x = simd.load_partial(from.as_ptr().add(c), n);
                    let (a, b) = (
                        simd.load_partial(scale.as_ptr().add(c), n),
                        simd.load_partial(shift.as_ptr().add(c), n),
                    );
                    simd.store_partial(to.as_mut_ptr().add(c), simd.max(simd.mul_add(x, a, b), zero), n);
                }
            }
        }
    }
}
