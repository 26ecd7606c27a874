//! The inverse cosine transform of a block, to the bit that of libjpeg's accurate integer method.
//!
//! Loeffler, Ligtenberg and Moschytz (1989): eleven products for eight numbers, with constants of 13 bits.
//! Columns first, kept with two more bits, then rows. Because each rounding is pinned, so is every pixel of a
//! image.

use std::num::Wrapping;

/// `x` with 13 fractional bits.
const fn fixed(x: f64) -> Wrapping<i32> {
    Wrapping((x * 8192.0 + 0.5) as i32)
}

type W = Wrapping<i32>;

/// Eight numbers through the transform, before the rounding shift.
#[inline(always)]
fn eight(x: [W; 8]) -> [W; 8] {
    let both = (x[2] + x[6]) * fixed(0.541196100);
    let low = both - x[6] * fixed(1.847759065);
    let high = both + x[2] * fixed(0.765366865);
    let (sum, difference) = ((x[0] + x[4]) << 13, (x[0] - x[4]) << 13);
    let even = [sum + high, difference + low, difference - low, sum - high];

    let all = (x[7] + x[3] + x[5] + x[1]) * fixed(1.175875602);
    let outer = (x[7] + x[1]) * fixed(0.899976223);
    let inner = (x[5] + x[3]) * fixed(2.562915447);
    let first = all - (x[7] + x[3]) * fixed(1.961570560);
    let second = all - (x[5] + x[1]) * fixed(0.390180644);
    let odd = [
        x[1] * fixed(1.501321110) - outer + second,
        x[3] * fixed(3.072711026) - inner + first,
        x[5] * fixed(2.053119869) - inner + second,
        x[7] * fixed(0.298631336) - outer + first,
    ];
    [
        even[0] + odd[0],
        even[1] + odd[1],
        even[2] + odd[2],
        even[3] + odd[3],
        even[3] - odd[3],
        even[2] - odd[2],
        even[1] - odd[1],
        even[0] - odd[0],
    ]
}

/// Writes the pixels of `block`, dequantised coefficients in natural order, to `side` rows of `side`
/// bytes (8, 4, 2 or 1), the rows `stride` apart. With fewer than 8, each is the mean of those it replaces.
#[inline(always)]
pub(super) fn inverse(block: &[i32; 64], out: &mut [u8], stride: usize, side: usize) {
    match side {
        8 => whole(block, out, stride),
        4 => reduced(block, out, stride, four),
        2 => reduced(block, out, stride, two),
        _ => flat(block[0], out, stride, side),
    }
}

#[inline(always)]
fn whole(block: &[i32; 64], out: &mut [u8], stride: usize) {
    let mut columns = [0i32; 64];
    for c in 0..8 {
        let x = eight([
            Wrapping(block[c]),
            Wrapping(block[8 + c]),
            Wrapping(block[16 + c]),
            Wrapping(block[24 + c]),
            Wrapping(block[32 + c]),
            Wrapping(block[40 + c]),
            Wrapping(block[48 + c]),
            Wrapping(block[56 + c]),
        ]);
        for r in 0..8 {
            columns[8 * r + c] = (x[r] + Wrapping(1 << 10)).0 >> 11;
        }
    }
    let columns = transposed(&columns);
    let mut bytes = [0u8; 64];
    for r in 0..8 {
        let x = eight([
            Wrapping(columns[r]),
            Wrapping(columns[8 + r]),
            Wrapping(columns[16 + r]),
            Wrapping(columns[24 + r]),
            Wrapping(columns[32 + r]),
            Wrapping(columns[40 + r]),
            Wrapping(columns[48 + r]),
            Wrapping(columns[56 + r]),
        ]);
        for c in 0..8 {
            bytes[8 * c + r] = (((x[c] + Wrapping(1 << 17)).0 >> 18) + 128).clamp(0, 255) as u8;
        }
    }
    for (row, line) in transposed_bytes(&bytes).into_iter().zip(out.chunks_mut(stride)) {
        line[..8].copy_from_slice(&row.to_le_bytes());
    }
}

#[inline(always)]
fn transposed(block: &[i32; 64]) -> [i32; 64] {
    let mut out = [0; 64];
    for r in 0..8 {
        for c in 0..8 {
            out[8 * c + r] = block[8 * r + c];
        }
    }
    out
}

/// The columns of an 8 x 8 square as numbers of eight bytes: exchanges halves, then quarters, then eighths.
#[inline(always)]
fn transposed_bytes(square: &[u8; 64]) -> [u64; 8] {
    let (rows, _) = square.as_chunks::<8>();
    let mut x = [0; 8];
    for r in 0..8 {
        x[r] = u64::from_le_bytes(rows[r]);
    }
    for i in [0, 1, 2, 3] {
        exchange(&mut x, i, i + 4, 32, 0x0000_0000_ffff_ffff);
    }
    for i in [0, 1, 4, 5] {
        exchange(&mut x, i, i + 2, 16, 0x0000_ffff_0000_ffff);
    }
    for i in [0, 2, 4, 6] {
        exchange(&mut x, i, i + 1, 8, 0x00ff_00ff_00ff_00ff);
    }
    x
}

/// Exchanges the upper parts of `x[i]` with the lower ones of `x[j]`.
#[inline(always)]
fn exchange(x: &mut [u64; 8], i: usize, j: usize, shift: u32, lower: u64) {
    let differing = ((x[i] >> shift) ^ x[j]) & lower;
    x[i] ^= differing << shift;
    x[j] ^= differing;
}

/// [`inverse`] of a block whose only coefficient that is not zero is its first, `dc`.
#[inline(always)]
pub(super) fn flat(dc: i32, out: &mut [u8], stride: usize, side: usize) {
    let value = (((dc + 4) >> 3) + 128).clamp(0, 255) as u8;
    for line in out.chunks_mut(stride).take(side) {
        line[..side].fill(value);
    }
}

/// The means of pairs of what [`eight`] gives, twice as large: coefficient 4 is gone from them.
#[inline(always)]
fn four(x: [W; 8]) -> [W; 4] {
    let even = x[2] * fixed(1.847759065) - x[6] * fixed(0.765366865);
    let (sum, difference) = ((x[0] << 14) + even, (x[0] << 14) - even);
    let inner = x[1] * fixed(1.061594337) - x[3] * fixed(2.172734803) + x[5] * fixed(1.451774981)
        - x[7] * fixed(0.211164243);
    let outer = x[1] * fixed(2.562915447) + x[3] * fixed(0.899976223)
        - x[5] * fixed(0.601344887)
        - x[7] * fixed(0.509795579);
    [sum + outer, difference + inner, difference - inner, sum - outer]
}

/// The means of quadruples, four times as large: of the even coefficients only the first is left.
#[inline(always)]
fn two(x: [W; 8]) -> [W; 2] {
    let odd = x[1] * fixed(3.624509785) - x[3] * fixed(1.272758580) + x[5] * fixed(0.850430095)
        - x[7] * fixed(0.720959822);
    [(x[0] << 15) + odd, (x[0] << 15) - odd]
}

/// [`inverse`] with `SIDE` numbers of each eight: columns first, as there, with two more bits kept.
#[inline(always)]
fn reduced<const SIDE: usize>(
    block: &[i32; 64],
    out: &mut [u8],
    stride: usize,
    of_eight: impl Fn([W; 8]) -> [W; SIDE],
) {
    // What `of_eight` gives is larger by 13 bits and by as much as its means are of.
    let bits = 13 + (8 / SIDE).ilog2();
    let mut columns = [[Wrapping(0); 8]; SIDE];
    for c in 0..8 {
        let x = of_eight(std::array::from_fn(|r| Wrapping(block[8 * r + c])));
        for r in 0..SIDE {
            columns[r][c] = (x[r] + Wrapping(1 << (bits - 3))) >> (bits as usize - 2);
        }
    }
    for (row, line) in columns.into_iter().zip(out.chunks_mut(stride)) {
        for (value, byte) in of_eight(row).into_iter().zip(&mut line[..SIDE]) {
            let value = ((value + Wrapping(1 << (bits + 4))) >> (bits as usize + 5)).0;
            *byte = (value + 128).clamp(0, 255) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, in floating point.
    fn plain(block: &[i32; 64]) -> [f64; 64] {
        let basis = |k: usize, x: usize| {
            let scale = if k == 0 { 0.125f64.sqrt() } else { 0.5 };
            scale * ((2 * x + 1) as f64 * k as f64 * std::f64::consts::PI / 16.0).cos()
        };
        std::array::from_fn(|i| {
            let (y, x) = (i / 8, i % 8);
            let terms = (0..64).map(|k| f64::from(block[k]) * basis(k / 8, y) * basis(k % 8, x));
            128.0 + terms.sum::<f64>()
        })
    }

    #[test]
    fn blocks_match_the_definition_rounded() {
        let mut state = 1u32;
        let mut next = |range: i32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as i32 % (2 * range + 1) - range
        };
        for round in 0..200 {
            let mut block = [0; 64];
            block[0] = next(900);
            for _ in 0..round % 12 {
                block[next(31) as usize & 63] = next(150);
            }
            let mut out = [0u8; 8 * 11];
            inverse(&block, &mut out, 11, 8);
            for (i, expected) in plain(&block).into_iter().enumerate() {
                let got = f64::from(out[i / 8 * 11 + i % 8]);
                // Beyond rounding: columns are kept with two more bits, so each of a row's eight numbers is
                // off by up to 1/8 in units of sqrt(8), and a row of the basis sums to at most sqrt(8).
                assert!((got - expected.clamp(0.0, 255.0)).abs() < 0.625, "{block:?} {i}: {got} {expected}");
            }
            assert_eq!(out[8..11], [0; 3]);
        }
    }

    #[test]
    fn fewer_samples_are_means() {
        let mut state = 7u32;
        let mut block = [0; 64];
        for round in 0..100 {
            for value in &mut block {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *value = (state >> 8) as i32 % 81 - 40;
            }
            block[0] = 20 * round - 1000;
            for side in [4, 2, 1] {
                let mut out = [0u8; 32];
                inverse(&block, &mut out, 7, side);
                let by = 8 / side;
                for i in 0..side * side {
                    let (y, x) = (i / side * by, i % side * by);
                    let all = (0..by * by).map(|k| plain(&block)[8 * (y + k / by) + x + k % by]);
                    let mean = all.sum::<f64>() / (by * by) as f64;
                    let got = f64::from(out[i / side * 7 + i % side]);
                    assert!((got - mean.clamp(0.0, 255.0)).abs() < 0.625, "{side} {i}: {got} {mean}");
                }
            }
        }
    }

    #[test]
    fn a_flat_block_matches_the_general_transform() {
        for dc in -1100..1100 {
            let mut block = [0; 64];
            block[0] = dc;
            let (mut all, mut short) = ([0; 64], [0; 64]);
            inverse(&block, &mut all, 8, 8);
            flat(dc, &mut short, 8, 8);
            assert_eq!(all, short);
        }
    }
}
