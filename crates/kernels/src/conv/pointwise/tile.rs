//! The products of a tile, in registers.

use crate::conv::panel::FullPanel;
use crate::conv::product::{self, FetchOn, NoFetch, Strides, TapRuns};
use crate::norm::Accumulate;
use crate::simd::Simd;

/// `to[r][j] (+)= sum over k of a[r stride + k] b[k][j]`. Sums start at zero and are added afterwards, which
/// keeps the rounding error of long ones down.
///
/// # Safety
/// `a` must be valid for reading `R` rows of `depth` floats, `b` for reading `depth` rows of a panel, `to`
/// for reading and writing `R` rows of a panel.
#[inline(always)]
pub(super) unsafe fn product<S: Simd, const V: usize, const R: usize>(
    simd: S,
    (a, stride): (*const f32, usize),
    (b, depth): (*const f32, usize),
    to: *mut f32,
    accumulate: Accumulate,
    fetch: [FetchOn; 2],
) {
    let mut rows = [a; R];
    // SAFETY: offsets stay inside what the caller promises.
    unsafe {
        for (r, row) in rows.iter_mut().enumerate() {
            *row = row.add(r * stride);
        }
        // Hides that the addresses depend on each other. The compiler would otherwise keep one and compute
        // the others from it again for every input.
        let rows = std::hint::black_box(rows);
        let taps = TapRuns { rows: 1, row_stride: 0, run: depth };
        let sums: [[S::V; V]; R] = product::pixels_by_outputs(simd, rows, taps, b, fetch);
        product::store_sums(simd, sums, (to, V * S::LANES), accumulate, FullPanel);
    }
}

/// `sums[r][j] += sum over pixels of a[pixel stride + r] b[pixel][j]`.
///
/// # Safety
/// `a` must be valid for reading `R` floats at each pixel, `b` for reading a panel per pixel, `sums` for
/// reading and writing a panel in each of its `R` rows.
#[inline(always)]
pub(super) unsafe fn add_outer<S: Simd, const V: usize, const R: usize>(
    simd: S,
    (a, stride): (*const f32, usize),
    b: *const f32,
    pixels: usize,
    sums: (*mut f32, usize),
) {
    let (a_strides, b_strides) = (Strides { row: 0, pixel: stride }, Strides { row: 0, pixel: V * S::LANES });
    // SAFETY: the caller's promise.
    unsafe {
        let added: [[S::V; V]; R] =
            product::inputs_by_outputs(simd, (a, a_strides), (b, b_strides), (1, pixels), NoFetch);
        product::store_sums(simd, added, sums, Accumulate::Add, FullPanel);
    }
}
