//! Walking over `[pixels, channels]` in vectors, the last one of a pixel's channels being partial.

use crate::simd::Simd;

/// `LANES` floats, or `n` of them with zeros behind.
///
/// # Safety
/// `p` must be valid for reading `n` floats.
#[inline(always)]
pub(crate) unsafe fn load<S: Simd>(simd: S, p: *const f32, n: usize) -> S::V {
    // SAFETY: the caller's promise.
    unsafe { if n == S::LANES { simd.load(p) } else { simd.load_partial(p, n) } }
}

/// Stores the first `n` lanes.
///
/// # Safety
/// `p` must be valid for writing `n` floats.
#[inline(always)]
pub(crate) unsafe fn store<S: Simd>(simd: S, p: *mut f32, v: S::V, n: usize) {
    // SAFETY: the caller's promise.
    unsafe { if n == S::LANES { simd.store(p, v) } else { simd.store_partial(p, v, n) } }
}

/// What [`channel_sums`] adds up, a vector at a time. A trait and not a closure: a closure that the compiler
/// doesn't inline is compiled without the instruction set it was written for.
pub(super) trait Terms<S: Simd, const K: usize>: Copy {
    /// The terms at offset `at`, channels `c..c + n`.
    ///
    /// # Safety
    /// `at + n` must lie inside the tensor, `c + n` inside the channels.
    unsafe fn terms(self, simd: S, at: usize, c: usize, n: usize) -> [S::V; K];
}

/// `sums[k][c] = sum over pixels of terms at (offset, c)[k]`, in blocks of channels that stay in registers.
///
/// # Safety
/// Each tensor that the terms read has `pixels` times as many floats as `sums[0]`, and each of their slices
/// per channel has as many as `sums[0]`.
#[inline(always)]
pub(super) unsafe fn channel_sums<S: Simd, const K: usize>(
    simd: S,
    pixels: usize,
    mut sums: [&mut [f32]; K],
    f: impl Terms<S, K>,
) {
    let channels = sums[0].len();
    let mut c = 0;
    while c < channels {
        let rest = channels - c;
        // SAFETY: the caller's promise; so many vectors of channels, or parts of one, are left.
        c += unsafe {
            if rest >= 4 * S::LANES {
                channel_block::<S, K, 4>(simd, pixels, channels, c, S::LANES, &mut sums, f)
            } else if rest >= 2 * S::LANES {
                channel_block::<S, K, 2>(simd, pixels, channels, c, S::LANES, &mut sums, f)
            } else {
                channel_block::<S, K, 1>(simd, pixels, channels, c, S::LANES.min(rest), &mut sums, f)
            }
        };
    }
}

/// `V` vectors of channels from `c` on, the last of `lanes`; returns how many channels that were.
///
/// # Safety
/// As [`channel_sums`]; the channels exist.
#[inline(always)]
unsafe fn channel_block<S: Simd, const K: usize, const V: usize>(
    simd: S,
    pixels: usize,
    channels: usize,
    c: usize,
    lanes: usize,
    sums: &mut [&mut [f32]; K],
    f: impl Terms<S, K>,
) -> usize {
    let mut acc = [[simd.splat(0.0); V]; K];
    for pixel in 0..pixels {
        for v in 0..V {
            let from = c + v * S::LANES;
            // SAFETY: the caller's promise.
            let values = unsafe { f.terms(simd, pixel * channels + from, from, lanes) };
            for (acc, value) in acc.iter_mut().zip(values) {
                acc[v] = simd.add(acc[v], value);
            }
        }
    }
    let width = (V - 1) * S::LANES + lanes;
    for (acc, sums) in acc.iter().zip(sums) {
        let to = &mut sums[c..c + width];
        for (v, acc) in acc.iter().enumerate() {
            // SAFETY: the last vector's lanes end at `width`, the length of `to`.
            unsafe { store(simd, to.as_mut_ptr().add(v * S::LANES), *acc, lanes) };
        }
    }
    width
}
