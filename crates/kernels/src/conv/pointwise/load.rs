//! Copies a block's input into a strip in cache: gathered, and pre-activated on the way.

use std::ops::Range;

use super::pixels::PixelLayout;
use crate::conv::Prologue;
use crate::simd::Simd;

/// `strip[pixel][channel] = prologue(x)` of some of the channels of some of the pixels, `stride` floats from
/// one pixel of the strip to the next.
///
/// # Safety
/// `x` must be valid for reading the pixels of `rows`, the prologue's slices must have all channels of
/// `rows`, and `strip` must be valid for writing `channels` at each of the pixels.
#[inline(always)]
pub(super) unsafe fn fill<S: Simd>(
    simd: S,
    x: *const f32,
    rows: &PixelLayout,
    pixels: Range<usize>,
    channels: Range<usize>,
    prologue: Prologue,
    (strip, stride): (*mut f32, usize),
) {
    let width = channels.len();
    for (index, pixel) in pixels.enumerate() {
        // SAFETY: the caller's promise.
        unsafe {
            let from = x.add(rows.offset(pixel) + channels.start);
            let to = strip.add(index * stride);
            match prologue {
                Prologue::None => copy(simd, from, to, width),
                Prologue::NormRelu { scale, shift } => {
                    let (scale, shift) =
                        (scale.as_ptr().add(channels.start), shift.as_ptr().add(channels.start));
                    norm_relu(simd, from, to, width, scale, shift);
                }
            }
        }
    }
}

/// # Safety
/// `from` and `to` must be valid for `n` floats.
#[inline(always)]
unsafe fn copy<S: Simd>(simd: S, from: *const f32, to: *mut f32, n: usize) {
    let whole = n / S::LANES * S::LANES;
    // SAFETY: the caller's promise.
    unsafe {
        for c in (0..whole).step_by(S::LANES) {
            simd.store(to.add(c), simd.load(from.add(c)));
        }
        if whole < n {
            simd.store_partial(to.add(whole), simd.load_partial(from.add(whole), n - whole), n - whole);
        }
    }
}

/// `to = max(from * scale + shift, 0)`
///
/// # Safety
/// All four must be valid for `n` floats.
#[inline(always)]
unsafe fn norm_relu<S: Simd>(
    simd: S,
    from: *const f32,
    to: *mut f32,
    n: usize,
    scale: *const f32,
    shift: *const f32,
) {
    let (whole, zero) = (n / S::LANES * S::LANES, simd.splat(0.0));
    // SAFETY: the caller's promise.
    unsafe {
        for c in (0..whole).step_by(S::LANES) {
            let y = simd.mul_add(simd.load(from.add(c)), simd.load(scale.add(c)), simd.load(shift.add(c)));
            simd.store(to.add(c), simd.max(y, zero));
        }
        if whole < n {
            let rest = n - whole;
            let (scale, shift) =
                (simd.load_partial(scale.add(whole), rest), simd.load_partial(shift.add(whole), rest));
            let y = simd.mul_add(simd.load_partial(from.add(whole), rest), scale, shift);
            simd.store_partial(to.add(whole), simd.max(y, zero), rest);
        }
    }
}
