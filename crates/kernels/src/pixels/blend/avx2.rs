//! [`blend_row`](super::blend_row()) with AVX2: eight sums at once, two in a vector.
//!
//! The product of a byte and a weight is computed from the weight's two halves of 16 bits, since one
//! instruction multiplies pairs of 16-bit numbers and adds the two products.

use std::arch::x86_64::*;

use super::{BLOCK, FRACTION, GROUP, HALF, Split, Weights};
use crate::simd::Avx2;

/// Computes the same bits as the portable form.
///
/// # Safety
/// `row` must have the width that `split` was made for.
#[inline(always)]
pub(super) unsafe fn blend_row(_: Avx2, row: &[[u8; 4]], split: &Split, out: &mut [[u8; 4]]) {
    // SAFETY: a value of Avx2 exists only if the CPU has it; the rest the caller promises.
    unsafe { inner(row, split, out) }
}

/// # Safety
/// As [`blend_row`].
#[target_feature(enable = "avx2")]
unsafe fn inner(row: &[[u8; 4]], split: &Split, out: &mut [[u8; 4]]) {
    let blocks = split.firsts.iter().zip(split.weights.chunks_exact(split.groups));
    for ((firsts, groups), out) in blocks.zip(out.chunks_mut(BLOCK)) {
        let mut sums = [_mm256_setzero_si256(); BLOCK / 2];
        for j in 0..BLOCK / 2 {
            // SAFETY: the caller promises the width for which all groups behind a first pixel lie in the row.
            sums[j] = unsafe { two(row, [firsts[j], firsts[j + BLOCK / 2]], groups, j) };
        }
        let (left, right) = (_mm256_packs_epi32(sums[0], sums[1]), _mm256_packs_epi32(sums[2], sums[3]));
        let bytes = _mm256_packus_epi16(left, right);
        if out.len() == BLOCK {
            // SAFETY: eight pixels are 32 bytes; the store needs no alignment.
            unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), bytes) };
        } else {
            let mut all = [[0u8; 4]; BLOCK];
            // SAFETY: as above.
            unsafe { _mm256_storeu_si256(all.as_mut_ptr().cast(), bytes) };
            out.copy_from_slice(&all[..out.len()]);
        }
    }
}

/// The sums number `j` and `j + 4` of a block, four channels each.
///
/// # Safety
/// From each of `firsts` on, `row` must have as many groups of pixels as `groups` has weights of.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn two(row: &[[u8; 4]], firsts: [usize; 2], groups: &[[Weights; BLOCK / 2]], j: usize) -> __m256i {
    // Of four pixels, channel by channel the first two, then the other two.
    let by_pairs =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15));
    let zero = _mm256_setzero_si256();
    let (mut high, mut low) = (zero, _mm256_set1_epi32(HALF));
    for (i, weights) in groups.iter().enumerate() {
        let weights = &weights[j];
        // SAFETY: the caller promises that these four pixels, 16 bytes, lie in the row.
        let pixels = unsafe {
            let at = |first: usize| _mm_loadu_si128(row.as_ptr().add(first + GROUP * i).cast());
            _mm256_set_m128i(at(firsts[1]), at(firsts[0]))
        };
        let pixels = _mm256_shuffle_epi8(pixels, by_pairs);
        let pairs = [_mm256_unpacklo_epi8(pixels, zero), _mm256_unpackhi_epi8(pixels, zero)];
        for half in 0..2 {
            high = _mm256_add_epi32(high, _mm256_madd_epi16(pairs[half], load(&weights.high[half])));
            low = _mm256_add_epi32(low, _mm256_madd_epi16(pairs[half], load(&weights.low[half])));
        }
    }
    _mm256_srai_epi32::<{ FRACTION as i32 }>(_mm256_add_epi32(_mm256_slli_epi32::<15>(high), low))
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(numbers: &[i16; 16]) -> __m256i {
    // SAFETY: sixteen numbers are 32 bytes; the load needs no alignment.
    unsafe { _mm256_loadu_si256(numbers.as_ptr().cast()) }
}
