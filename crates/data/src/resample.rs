//! Resizing as Pillow does it, to the byte, for the part of the result that is wanted.
//!
//! Separable, rows first, then columns, with bytes in between. An output pixel at `(o + 1/2) * scale` is the sum of
//! the input pixels around it, weighted by a filter that is stretched by `scale` when shrinking (which is what
//! keeps fine patterns from turning into false ones). Weights are normalised, then rounded to 22 bits, and sums
//! rounded to bytes, so results are whole numbers that do not depend on the order of additions.

use std::ops::Range;

/// The filter that resizing weights pixels with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interpolation {
    /// A triangle: what torchvision's checkpoints were trained with.
    Bilinear,
    /// Keys' cubic with a = -1/2: what most of timm's were.
    Bicubic,
}

impl Interpolation {
    /// How far from its centre the filter reaches, in pixels.
    fn support(self) -> f64 {
        match self {
            Interpolation::Bilinear => 1.0,
            Interpolation::Bicubic => 2.0,
        }
    }

    fn weight(self, x: f64) -> f64 {
        const A: f64 = -0.5;
        let x = x.abs();
        match self {
            Interpolation::Bilinear if x < 1.0 => 1.0 - x,
            Interpolation::Bicubic if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
            Interpolation::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
            _ => 0.0,
        }
    }
}

/// Bits after the point of a weight: 32, less 8 for the byte, less 2 for sign and overshoot.
const PRECISION_BITS: u32 = 32 - 8 - 2;

/// One output pixel of an axis: its first input pixel and the weights from there on.
struct Tap {
    first: usize,
    weights: Vec<i32>,
}

/// The taps of the outputs in `wanted` when `input` pixels become `output`.
fn taps(input: usize, output: usize, wanted: Range<usize>, interpolation: Interpolation) -> Vec<Tap> {
    let scale = input as f64 / output as f64;
    let stretch = scale.max(1.0);
    let support = interpolation.support() * stretch;
    wanted
        .map(|o| {
            let centre = (o as f64 + 0.5) * scale;
            // Casts truncate, and a negative number becomes 0.
            let first = (centre - support + 0.5) as usize;
            let last = ((centre + support + 0.5) as usize).min(input);
            let weight = |i: usize| interpolation.weight((i as f64 - centre + 0.5) * (1.0 / stretch));
            let weights: Vec<f64> = (first..last).map(weight).collect();
            let sum: f64 = weights.iter().sum();
            let fixed = |w: &f64| {
                let w = if sum == 0.0 { *w } else { w / sum };
                // Halves away from zero.
                (w * f64::from(1u32 << PRECISION_BITS) + 0.5f64.copysign(w)) as i32
            };
            Tap { first, weights: weights.iter().map(fixed).collect() }
        })
        .collect()
}

/// Resizes interleaved RGB of `width` x `height` to `to.0` x `to.1` and returns the columns and rows in `window`.
///
/// The window must lie within the result; only what it needs is computed, so memory follows the window and
/// the input, not the whole result. No side may be 0.
pub(crate) fn resize(
    pixels: &[u8],
    (width, height): (usize, usize),
    to: (usize, usize),
    window: (Range<usize>, Range<usize>),
    interpolation: Interpolation,
) -> Vec<u8> {
    debug_assert!(pixels.len() == 3 * width * height && window.0.end <= to.0 && window.1.end <= to.1);
    let columns = taps(width, to.0, window.0, interpolation);
    let mut rows = taps(height, to.1, window.1, interpolation);
    // The input rows that any wanted output row looks at.
    let first = rows.iter().map(|tap| tap.first).min().unwrap_or(0);
    let last = rows.iter().map(|tap| tap.first + tap.weights.len()).max().unwrap_or(0);
    rows.iter_mut().for_each(|tap| tap.first -= first);

    let narrow = 3 * columns.len();
    let mut between = Vec::with_capacity(narrow * (last - first));
    for row in pixels.chunks_exact(3 * width).take(last).skip(first) {
        for tap in &columns {
            let mut sums = [HALF; 3];
            let inputs = row[3 * tap.first..].chunks_exact(3);
            for (&weight, pixel) in tap.weights.iter().zip(inputs) {
                for c in 0..3 {
                    sums[c] += i32::from(pixel[c]) * weight;
                }
            }
            between.extend(sums.map(to_byte));
        }
    }
    let mut out = Vec::with_capacity(narrow * rows.len());
    let mut sums = vec![0; narrow];
    for tap in &rows {
        sums.fill(HALF);
        let inputs = between[narrow * tap.first..].chunks_exact(narrow.max(1));
        for (&weight, row) in tap.weights.iter().zip(inputs) {
            for (sum, &byte) in sums.iter_mut().zip(row) {
                *sum += i32::from(byte) * weight;
            }
        }
        out.extend(sums.iter().map(|&sum| to_byte(sum)));
    }
    out
}

/// One half, so that the shift rounds.
const HALF: i32 = 1 << (PRECISION_BITS - 1);

fn to_byte(sum: i32) -> u8 {
    (sum >> PRECISION_BITS).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [Interpolation; 2] = [Interpolation::Bilinear, Interpolation::Bicubic];

    fn whole(pixels: &[u8], from: (usize, usize), to: (usize, usize), i: Interpolation) -> Vec<u8> {
        resize(pixels, from, to, (0..to.0, 0..to.1), i)
    }

    /// As `CASES` in tests/pillow/generate.py: (width, height) before and after.
    const CASES: [((usize, usize), (usize, usize)); 7] = [
        ((37, 23), (16, 10)),
        ((37, 23), (64, 40)),
        ((23, 37), (7, 50)),
        ((50, 50), (9, 9)),
        ((5, 3), (31, 17)),
        ((64, 1), (8, 3)),
        ((32, 32), (32, 20)),
    ];

    /// As `pattern` in tests/pillow/generate.py.
    fn pattern((width, height): (usize, usize)) -> Vec<u8> {
        let mut pixels = Vec::new();
        for y in 0..height {
            for x in 0..width {
                for c in 0..3 {
                    let noise = (x * 7919 + y * 104_729 + c * 1_299_709 + x * y * 31) % 256;
                    let stripe = if (x / 3 + y / 2 + c) % 3 == 0 { 255 } else { 0 };
                    pixels.push(if (x + y) % 2 == 1 { noise as u8 } else { stripe });
                }
            }
        }
        pixels
    }

    #[test]
    fn every_byte_is_pillows() {
        let mut expected = &include_bytes!("../tests/pillow/resize.bin")[..];
        for interpolation in BOTH {
            for (from, to) in CASES {
                let (pillows, rest) = expected.split_at(3 * to.0 * to.1);
                let ours = whole(&pattern(from), from, to, interpolation);
                let differing = ours.iter().zip(pillows).filter(|(a, b)| a != b).count();
                assert_eq!(differing, 0, "{interpolation:?} {from:?} to {to:?}");
                expected = rest;
            }
        }
        assert!(expected.is_empty());
    }

    #[test]
    fn the_same_size_is_the_same_picture() {
        let pixels: Vec<u8> = (0..7 * 5 * 3).map(|i| (i * 97 % 256) as u8).collect();
        for interpolation in BOTH {
            assert_eq!(whole(&pixels, (7, 5), (7, 5), interpolation), pixels);
        }
    }

    #[test]
    fn an_even_colour_stays() {
        let pixels = [9, 200, 255].repeat(13 * 4);
        for to in [(1, 1), (5, 9), (40, 2), (13, 4)] {
            for interpolation in BOTH {
                assert_eq!(whole(&pixels, (13, 4), to, interpolation), [9, 200, 255].repeat(to.0 * to.1));
            }
        }
    }

    #[test]
    fn a_window_is_that_part_of_the_whole() {
        let pixels: Vec<u8> = (0..31 * 17 * 3).map(|i| (i * i * 31 % 251) as u8).collect();
        for to in [(12, 9), (50, 40)] {
            for interpolation in BOTH {
                let all = whole(&pixels, (31, 17), to, interpolation);
                let part = resize(&pixels, (31, 17), to, (3..9, 2..7), interpolation);
                let expected: Vec<u8> =
                    (2..7).flat_map(|y| &all[3 * (y * to.0 + 3)..3 * (y * to.0 + 9)]).copied().collect();
                assert_eq!(part, expected);
            }
        }
    }
}
