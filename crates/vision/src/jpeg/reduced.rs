//! The inverse cosine transform of a block at a reduced scale, to the bit that of libjpeg's accurate integer
//! method: each sample is the mean of those that it replaces. Columns are transformed first and kept with two
//! fractional bits, then rows.

use std::num::Wrapping;

/// `x` with 13 fractional bits.
const fn fixed(x: f64) -> Wrapping<i32> {
    Wrapping((x * 8192.0 + 0.5) as i32)
}

type W = Wrapping<i32>;

/// Writes the samples of `block`, coefficients by rows, to `side` rows of `side` bytes (4 or 2), the rows
/// `stride` apart.
///
/// # Panics
/// If `side` is not 4 or 2.
pub(super) fn inverse(block: &[i32; 64], out: &mut [u8], stride: usize, side: usize) {
    match side {
        4 => reduced(block, out, stride, four),
        2 => reduced(block, out, stride, two),
        _ => unreachable!("no reduced scale has {side} samples a block"),
    }
}

/// The four means of pairs of the samples that eight coefficients give, times two. Coefficient 4 has no
/// effect on them.
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

/// The two means of four of the samples that eight coefficients give, times four. Of the even coefficients
/// only the first has an effect on them.
#[inline(always)]
fn two(x: [W; 8]) -> [W; 2] {
    let odd = x[1] * fixed(3.624509785) - x[3] * fixed(1.272758580) + x[5] * fixed(0.850430095)
        - x[7] * fixed(0.720959822);
    [(x[0] << 15) + odd, (x[0] << 15) - odd]
}

/// [`inverse`] for `SIDE` x `SIDE` samples; `of_eight` transforms a row or column.
#[inline(always)]
fn reduced<const SIDE: usize>(
    block: &[i32; 64],
    out: &mut [u8],
    stride: usize,
    of_eight: impl Fn([W; 8]) -> [W; SIDE],
) {
    // `of_eight` gives the means times 2^13 and times the number of samples that each is of.
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
    fn fewer_samples_are_means() {
        let mut state = 7u32;
        let mut block = [0; 64];
        for round in 0..100 {
            for value in &mut block {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *value = (state >> 8) as i32 % 81 - 40;
            }
            block[0] = 20 * round - 1000;
            for side in [4, 2] {
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
}
