//! The two inner products of convolution, in registers: up to six rows by two vectors of accumulators.

use crate::simd::Simd;

/// Rows of accumulators: with two vectors a row they fill twelve of sixteen registers.
pub(super) const ROWS: usize = 6;

/// The taps that one output pixel reads from a strip.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taps {
    /// Tap rows.
    pub(super) rows: usize,
    /// Floats from one tap row to the next in the strip.
    pub(super) row_stride: usize,
    /// Floats that a tap row reads: tap columns times channels, contiguous in NHWC.
    pub(super) run: usize,
}

/// `acc[r][j] = sum over taps and k of a[r][k] b[k][j]`: `R` output pixels by one block of output channels.
///
/// # Safety
/// Every `a[r]` must be valid for reading `taps`; `b` for `taps.rows * taps.run * 2 * LANES` floats.
#[inline(always)]
pub(super) unsafe fn pixels_by_outputs<S: Simd, const R: usize>(
    simd: S,
    a: [*const f32; R],
    taps: Taps,
    mut b: *const f32,
) -> [[S::V; 2]; R] {
    let mut acc = [[simd.splat(0.0); 2]; R];
    for tap_row in 0..taps.rows {
        // SAFETY: offsets stay inside what the caller promises.
        unsafe {
            let mut a = a;
            for a in &mut a {
                *a = a.add(tap_row * taps.row_stride);
            }
            for k in 0..taps.run {
                let (b0, b1) = (simd.load(b), simd.load(b.add(S::LANES)));
                for r in 0..R {
                    let x = simd.splat(*a[r].add(k));
                    acc[r][0] = simd.mul_add(x, b0, acc[r][0]);
                    acc[r][1] = simd.mul_add(x, b1, acc[r][1]);
                }
                b = b.add(2 * S::LANES);
            }
        }
    }
    acc
}

/// `acc[r][j] = sum over (at, dy_at) of a[at + r] dy[dy_at + j]`: `R` inputs of the filter by one block of output
/// channels, of which `columns` exist.
///
/// # Safety
/// At every pair of offsets, `a` must be valid for reading `R` floats and `dy` for `columns <= 2 * LANES`.
#[inline(always)]
pub(super) unsafe fn inputs_by_outputs<S: Simd, const R: usize>(
    simd: S,
    a: *const f32,
    dy: *const f32,
    pixels: impl Iterator<Item = (usize, usize)>,
    columns: usize,
) -> [[S::V; 2]; R] {
    let mut acc = [[simd.splat(0.0); 2]; R];
    for (a_at, dy_at) in pixels {
        // SAFETY: offsets stay inside what the caller promises.
        unsafe {
            let (a, dy) = (a.add(a_at), dy.add(dy_at));
            let (b0, b1) = load_columns(simd, dy, columns);
            for r in 0..R {
                let x = simd.splat(*a.add(r));
                acc[r][0] = simd.mul_add(x, b0, acc[r][0]);
                acc[r][1] = simd.mul_add(x, b1, acc[r][1]);
            }
        }
    }
    acc
}

/// The first `columns` of two vectors, zeros behind them.
///
/// # Safety
/// `p` must be valid for reading `columns` floats.
#[inline(always)]
pub(super) unsafe fn load_columns<S: Simd>(simd: S, p: *const f32, columns: usize) -> (S::V, S::V) {
    let first = columns.min(S::LANES);
    // SAFETY: `first` and the rest make `columns`.
    unsafe {
        if columns == 2 * S::LANES {
            return (simd.load(p), simd.load(p.add(S::LANES)));
        }
        let second = if columns > first {
            simd.load_partial(p.add(S::LANES), columns - first)
        } else {
            simd.splat(0.0)
        };
        (simd.load_partial(p, first), second)
    }
}

/// Stores the first `columns` of two vectors.
///
/// # Safety
/// `p` must be valid for writing `columns` floats.
#[inline(always)]
pub(super) unsafe fn store_columns<S: Simd>(simd: S, p: *mut f32, v: [S::V; 2], columns: usize) {
    let first = columns.min(S::LANES);
    // SAFETY: `first` and the rest make `columns`.
    unsafe {
        if columns == 2 * S::LANES {
            simd.store(p, v[0]);
            simd.store(p.add(S::LANES), v[1]);
        } else {
            simd.store_partial(p, v[0], first);
            if columns > first {
                simd.store_partial(p.add(S::LANES), v[1], columns - first);
            }
        }
    }
}
