//! The inverse cosine transform of an 8x8 block of JPEG, with the bits of libjpeg-turbo's accurate integer
//! method.
//!
//! Loeffler, Ligtenberg and Moschytz (1989): eleven products for eight numbers, with constants of 13 bits.
//! Columns are transformed first and kept with two more bits, then rows. Intermediate numbers have 16 bits,
//! as in libjpeg-turbo's vector code. Those of real images fit; those of odd files wrap around or saturate in
//! the same places as in libjpeg-turbo.

#[cfg(target_arch = "x86_64")]
mod avx2;

use crate::Isa;

/// Bits after the point of a constant.
const FRACTION: u32 = 13;

/// `x` with 13 fractional bits.
pub(super) const fn fixed(x: f64) -> i16 {
    (x * (1 << FRACTION) as f64 + 0.5) as i16
}

/// The pairs of rows (in the second pass: columns) that lie side by side: those that are multiplied together.
const PAIRS: [[usize; 2]; 4] = [[0, 4], [2, 6], [7, 1], [3, 5]];
/// The order of the columns within a pair of rows: that of `PAIRS`, so that the second pass finds its pairs
/// side by side as well.
const COLUMNS: [usize; 8] = [0, 4, 2, 6, 7, 1, 3, 5];

/// The index at which [`inverse_dct`] expects the coefficient of vertical frequency `row` and horizontal
/// frequency `column`.
///
/// # Panics
/// If one is not below 8.
pub const fn place(row: usize, column: usize) -> usize {
    assert!(row < 8 && column < 8, "a block has eight rows and columns");
    let mut pair = 0;
    while PAIRS[pair][0] != row && PAIRS[pair][1] != row {
        pair += 1;
    }
    let mut lane = 0;
    while COLUMNS[lane] != column {
        lane += 1;
    }
    16 * pair + 2 * lane + (PAIRS[pair][1] == row) as usize
}

/// Writes the 8 x 8 pixels of a block to `out`, the rows `stride` bytes apart.
///
/// `coefficients` times `steps` (the quantisation, in the same order) are the block's coefficients; each lies
/// at its [`place`].
///
/// # Panics
/// If `stride` is below 8, or `out` too short for eight rows.
#[inline(always)]
pub fn inverse_dct(isa: Isa, coefficients: &[i16; 64], steps: &[i16; 64], out: &mut [u8], stride: usize) {
    assert!(stride >= 8 && out.len() >= 8 && (out.len() - 8) / 7 >= stride, "no room for a block");
    #[cfg(target_arch = "x86_64")]
    if let Some(avx2) = isa.avx2() {
        // SAFETY: that there is room was checked above.
        return unsafe { avx2::inverse_dct(avx2, coefficients, steps, out, stride) };
    }
    let _ = isa;
    portable(coefficients, steps, out, stride);
}

/// The definition.
pub(super) fn portable(coefficients: &[i16; 64], steps: &[i16; 64], out: &mut [u8], stride: usize) {
    let mut rows = [[0; 8]; 8];
    for (pair, numbers) in PAIRS.iter().enumerate() {
        for lane in 0..8 {
            for i in 0..2 {
                let place = 16 * pair + 2 * lane + i;
                rows[numbers[i]][lane] = coefficients[place].wrapping_mul(steps[place]);
            }
        }
    }
    let first_row = |place: usize| place < 16 && place.is_multiple_of(2);
    let rows = match (0..64).all(|place| coefficients[place] == 0 || first_row(place)) {
        // A number that is too large wraps around in the shift, where `eight` would saturate it.
        true => [rows[0].map(|x| x << 2); 8],
        false => eight::<{ FRACTION - 2 }>(&rows),
    };
    let mut columns = [[0; 8]; 8];
    for row in 0..8 {
        for lane in 0..8 {
            columns[COLUMNS[lane]][row] = rows[row][lane];
        }
    }
    let columns = eight::<{ FRACTION + 2 + 3 }>(&columns);
    for row in 0..8 {
        let line = &mut out[row * stride..][..8];
        for column in 0..8 {
            line[column] = (columns[column][row] + 128).clamp(0, 255) as u8;
        }
    }
}

/// The one-dimensional transform of the eight numbers in each of eight lanes, rounded to `BITS` fewer bits
/// and saturated to 16.
#[inline(always)]
fn eight<const BITS: u32>(x: &[[i16; 8]; 8]) -> [[i16; 8]; 8] {
    let mut out = [[0; 8]; 8];
    for lane in 0..8 {
        let x = |i: usize| x[i][lane];
        let products = |a: i16, b: i16, by: [i16; 2]| {
            (i32::from(a) * i32::from(by[0])).wrapping_add(i32::from(b) * i32::from(by[1]))
        };
        let shifted = |x: i16| i32::from(x) << FRACTION;
        let (sum, difference) = (shifted(x(0).wrapping_add(x(4))), shifted(x(0).wrapping_sub(x(4))));
        let (high, low) = (products(x(2), x(6), C.even[0]), products(x(2), x(6), C.even[1]));
        let even = [sum + high, difference + low, difference - low, sum - high];

        let (first, second) = (x(7).wrapping_add(x(3)), x(1).wrapping_add(x(5)));
        let (third, fourth) = (products(first, second, C.both[0]), products(first, second, C.both[1]));
        let odd = [
            products(x(7), x(1), C.outer[1]) + fourth,
            products(x(3), x(5), C.inner[0]) + third,
            products(x(3), x(5), C.inner[1]) + fourth,
            products(x(7), x(1), C.outer[0]) + third,
        ];
        let rounded = |value: i32| {
            (value.wrapping_add(1 << (BITS - 1)) >> BITS).clamp(i16::MIN.into(), i16::MAX.into()) as i16
        };
        for i in 0..4 {
            out[i][lane] = rounded(even[i].wrapping_add(odd[i]));
            out[7 - i][lane] = rounded(even[i].wrapping_sub(odd[i]));
        }
    }
    out
}

/// The factors of pairs of numbers whose products are added.
pub(super) struct Factors {
    /// Of 2 and 6: for the outer, for the inner results.
    pub(super) even: [[i16; 2]; 2],
    /// Of 7 + 3 and 1 + 5.
    pub(super) both: [[i16; 2]; 2],
    /// Of 7 and 1.
    pub(super) outer: [[i16; 2]; 2],
    /// Of 3 and 5.
    pub(super) inner: [[i16; 2]; 2],
}

/// Where constants are added, each is rounded first, as in libjpeg.
pub(super) const C: Factors = Factors {
    even: [
        [fixed(0.541196100) + fixed(0.765366865), fixed(0.541196100)],
        [fixed(0.541196100), fixed(0.541196100) - fixed(1.847759065)],
    ],
    both: [
        [fixed(1.175875602) - fixed(1.961570560), fixed(1.175875602)],
        [fixed(1.175875602), fixed(1.175875602) - fixed(0.390180644)],
    ],
    outer: [
        [fixed(0.298631336) - fixed(0.899976223), -fixed(0.899976223)],
        [-fixed(0.899976223), fixed(1.501321110) - fixed(0.899976223)],
    ],
    inner: [
        [fixed(3.072711026) - fixed(2.562915447), -fixed(2.562915447)],
        [-fixed(2.562915447), fixed(2.053119869) - fixed(2.562915447)],
    ],
};

#[cfg(test)]
mod tests {
    use resnet_testing::table;

    use super::*;

    /// The definition, in floating point; `block` in the order of `place`.
    fn plain(block: &[i16; 64]) -> [f64; 64] {
        let basis = |k: usize, x: usize| {
            let scale = if k == 0 { 0.125f64.sqrt() } else { 0.5 };
            scale * ((2 * x + 1) as f64 * k as f64 * std::f64::consts::PI / 16.0).cos()
        };
        std::array::from_fn(|i| {
            let (y, x) = (i / 8, i % 8);
            let term = |k: usize| f64::from(block[place(k / 8, k % 8)]) * basis(k / 8, y) * basis(k % 8, x);
            128.0 + (0..64).map(term).sum::<f64>()
        })
    }

    /// Numbers from `-range` to `range`.
    fn random(seed: u32) -> impl FnMut(i32) -> i32 {
        let mut state = seed;
        move |range| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as i32 % (2 * range + 1) - range
        }
    }

    #[test]
    fn every_coefficient_has_its_place() {
        let mut places: Vec<usize> = (0..64).map(|i| place(i / 8, i % 8)).collect();
        places.sort_unstable();
        assert!(places.into_iter().eq(0..64));
    }

    #[test]
    fn blocks_match_the_definition_rounded() {
        table::run(&Isa::available(), |&isa| {
            let mut next = random(1);
            for round in 0..if cfg!(miri) { 4 } else { 200 } {
                let mut block = [0i16; 64];
                block[0] = next(900) as i16;
                for _ in 0..round % 12 {
                    block[next(31) as usize & 63] = next(150) as i16;
                }
                let mut out = [0u8; 7 * 11 + 8 + 3];
                inverse_dct(isa, &block, &[1; 64], &mut out, 11);
                for (i, expected) in plain(&block).into_iter().enumerate() {
                    let got = f64::from(out[i / 8 * 11 + i % 8]);
                    // Beyond rounding: columns are kept with two more bits, so each of a row's eight numbers
                    // is off by up to 1/8 in units of sqrt(8), and a row of the basis sums to at most
                    // sqrt(8).
                    if (got - expected.clamp(0.0, 255.0)).abs() >= 0.625 {
                        return Err(format!("{block:?} {i}: {got} {expected}"));
                    }
                }
                assert_eq!(out[8..11], [0; 3], "bytes between the rows");
                assert_eq!(out[7 * 11 + 8..], [0; 3], "bytes behind the last row");
            }
            Ok(())
        });
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits_whatever_the_numbers() {
        table::run(&Isa::available(), |&isa| {
            let mut next = random(2);
            for round in 0..if cfg!(miri) { 8 } else { 2000 } {
                let range = [3, 40, 700, 32_767][round % 4];
                let mut numbers = |range| std::array::from_fn(|_| next(range) as i16);
                let (mut block, steps): ([i16; 64], [i16; 64]) = (numbers(range), numbers(1 + range / 50));
                if round % 3 == 0 {
                    (0..64).filter(|i| i / 8 > round % 7).for_each(|i| block[place(i / 8, i % 8)] = 0);
                }
                let (mut expected, mut out) = ([0u8; 64], [0u8; 64]);
                portable(&block, &steps, &mut expected, 8);
                inverse_dct(isa, &block, &steps, &mut out, 8);
                if out != expected {
                    return Err(format!("{block:?} {steps:?}: {out:?} instead of {expected:?}"));
                }
            }
            Ok(())
        });
    }
}
