//! [`inverse_dct`](super::inverse_dct()) with AVX2: eight columns at once, then eight rows.

use std::arch::x86_64::*;

use super::C;
use crate::simd::Avx2;

/// Computes the same bits as the portable form.
///
/// # Safety
/// `out` must have eight bytes from the start of each of eight rows on.
#[inline(always)]
pub(super) unsafe fn inverse_dct(
    _: Avx2,
    coefficients: &[i16; 64],
    steps: &[i16; 64],
    out: &mut [u8],
    stride: usize,
) {
    // SAFETY: a value of Avx2 exists only if the CPU has it; the rest the caller promises.
    unsafe { inner(coefficients, steps, out, stride) }
}

/// # Safety
/// As [`inverse_dct`].
#[target_feature(enable = "avx2")]
unsafe fn inner(coefficients: &[i16; 64], steps: &[i16; 64], out: &mut [u8], stride: usize) {
    let mut pairs = [_mm256_setzero_si256(); 4];
    let (numbers, factors) = (coefficients.as_chunks::<16>().0, steps.as_chunks::<16>().0);
    // All coefficients below the first row: of the first pair of rows the second one, of the other pairs
    // both.
    let mut below = _mm256_set1_epi32(-1 << 16);
    for i in 0..4 {
        let numbers = load(&numbers[i]);
        pairs[i] = _mm256_mullo_epi16(numbers, load(&factors[i]));
        below = if i == 0 { _mm256_and_si256(below, numbers) } else { _mm256_or_si256(below, numbers) };
    }
    let rows = match _mm256_testz_si256(below, below) {
        1 => [_mm256_srai_epi32::<16>(_mm256_slli_epi32::<18>(pairs[0])); 8],
        _ => eight::<11>(pairs),
    };
    let columns = eight::<18>(transposed(rows));
    // Columns 0 to 3 and 4 to 7 as bytes, each with rows 0 to 3 in its lower half and 4 to 7 in its upper
    // one.
    let left = _mm256_packs_epi16(
        _mm256_packs_epi32(columns[0], columns[1]),
        _mm256_packs_epi32(columns[2], columns[3]),
    );
    let right = _mm256_packs_epi16(
        _mm256_packs_epi32(columns[4], columns[5]),
        _mm256_packs_epi32(columns[6], columns[7]),
    );
    // Bytes 4 c + r to 4 r + c.
    let turn =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    let middle = _mm256_set1_epi8(-128);
    let left = _mm256_add_epi8(_mm256_shuffle_epi8(left, turn), middle);
    let right = _mm256_add_epi8(_mm256_shuffle_epi8(right, turn), middle);
    let (first, second) = (_mm256_unpacklo_epi32(left, right), _mm256_unpackhi_epi32(left, right));
    let quarters = [
        _mm256_castsi256_si128(first),
        _mm256_castsi256_si128(second),
        _mm256_extracti128_si256::<1>(first),
        _mm256_extracti128_si256::<1>(second),
    ];
    for i in 0..4 {
        let row = out.as_mut_ptr().wrapping_add(2 * i * stride);
        // SAFETY: the caller promises eight bytes from the start of each of eight rows on.
        unsafe {
            _mm_storel_epi64(row.cast(), quarters[i]);
            _mm_storel_epi64(row.add(stride).cast(), _mm_unpackhi_epi64(quarters[i], quarters[i]));
        }
    }
}

/// The one-dimensional transform of eight numbers in each lane, given as four pairs, rounded to `BITS` fewer
/// bits.
#[inline]
#[target_feature(enable = "avx2")]
fn eight<const BITS: i32>([x04, x26, x71, x35]: [__m256i; 4]) -> [__m256i; 8] {
    // The sum wraps around at 16 bits and is shifted left by 13.
    let shifted = |pair: [i16; 2]| _mm256_srai_epi32::<3>(_mm256_slli_epi32::<16>(products(x04, pair)));
    let half = _mm256_set1_epi32(1 << (BITS - 1));
    let sum = _mm256_add_epi32(shifted([1, 1]), half);
    let difference = _mm256_add_epi32(shifted([1, -1]), half);
    let (high, low) = (products(x26, C.even[0]), products(x26, C.even[1]));
    let even = [
        _mm256_add_epi32(sum, high),
        _mm256_add_epi32(difference, low),
        _mm256_sub_epi32(difference, low),
        _mm256_sub_epi32(sum, high),
    ];
    let both = _mm256_add_epi16(x71, x35);
    let (third, fourth) = (products(both, C.both[0]), products(both, C.both[1]));
    let odd = [
        _mm256_add_epi32(products(x71, C.outer[1]), fourth),
        _mm256_add_epi32(products(x35, C.inner[0]), third),
        _mm256_add_epi32(products(x35, C.inner[1]), fourth),
        _mm256_add_epi32(products(x71, C.outer[0]), third),
    ];
    let mut out = [half; 8];
    for i in 0..4 {
        out[i] = _mm256_srai_epi32::<BITS>(_mm256_add_epi32(even[i], odd[i]));
        out[7 - i] = _mm256_srai_epi32::<BITS>(_mm256_sub_epi32(even[i], odd[i]));
    }
    out
}

/// The sum of each pair's products with `factors`.
#[inline]
#[target_feature(enable = "avx2")]
fn products(pairs: __m256i, [a, b]: [i16; 2]) -> __m256i {
    _mm256_madd_epi16(pairs, _mm256_set1_epi32(i32::from(b) << 16 | i32::from(a as u16)))
}

/// Eight rows, whose lanes are columns in the order of the block, as the four pairs of columns, whose lanes
/// are rows.
#[inline]
#[target_feature(enable = "avx2")]
fn transposed(rows: [__m256i; 8]) -> [__m256i; 4] {
    // The columns 0, 4, 2, 6 of two rows in the lower half, 7, 1, 3, 5 in the upper one.
    let mut two = [rows[0]; 4];
    for i in 0..4 {
        two[i] = _mm256_packs_epi32(rows[i], rows[i + 4]);
    }
    let (low, high) = (_mm256_unpacklo_epi32(two[0], two[1]), _mm256_unpackhi_epi32(two[0], two[1]));
    let (low_2, high_2) = (_mm256_unpacklo_epi32(two[2], two[3]), _mm256_unpackhi_epi32(two[2], two[3]));
    // Rows 0 to 3, then 4 to 7: first the pairs (0, 4) and (7, 1), then (2, 6) and (3, 5).
    let upper = [_mm256_unpacklo_epi64(low, low_2), _mm256_unpackhi_epi64(low, low_2)];
    let lower = [_mm256_unpacklo_epi64(high, high_2), _mm256_unpackhi_epi64(high, high_2)];
    [
        _mm256_permute2x128_si256::<0x20>(upper[0], lower[0]),
        _mm256_permute2x128_si256::<0x20>(upper[1], lower[1]),
        _mm256_permute2x128_si256::<0x31>(upper[0], lower[0]),
        _mm256_permute2x128_si256::<0x31>(upper[1], lower[1]),
    ]
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(numbers: &[i16; 16]) -> __m256i {
    // SAFETY: sixteen numbers are 32 bytes; the load needs no alignment.
    unsafe { _mm256_loadu_si256(numbers.as_ptr().cast()) }
}
