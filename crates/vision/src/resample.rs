//! Resizing as Pillow does it, to the byte, and only for the part of the result that is needed.
//!
//! Resizing is separable: first along the rows, then along the columns, with bytes in between. Output pixel
//! `o` has its centre at `(o + 1/2) * scale` in the input. It is the sum of the input pixels around it,
//! weighted by a filter that is stretched by `scale` when shrinking (which is what keeps fine patterns from
//! turning into false ones). Weights are normalised, then rounded to 22 bits, and sums rounded to bytes, so
//! results are whole numbers that do not depend on the order of additions.

mod taps;

use std::borrow::Cow;
use std::ops::Range;

use resnet_kernels::Isa;
use resnet_kernels::pixels::{FRACTION, RowTaps, blend_row};
use resnet_kernels::simd::{Kernel, Simd, dispatch};

use crate::pixels::{Pixel, Window, cut, whole};
use crate::{Direction, Image};
use taps::{Axis, Taps};

pub(crate) use taps::Stretch;
pub use taps::{Interpolation, InterpolationChoice};

/// The columns and rows of an image that are needed for `window` of the result, if `from` is resized to `to`.
pub(crate) fn needed(
    from: (impl Into<Stretch>, impl Into<Stretch>),
    to: (usize, usize),
    window: &Window,
    interpolation: Interpolation,
) -> Window {
    let axis = |input: Stretch, output: usize, wanted: &Range<usize>| {
        let axis = Axis::new(input, output, interpolation);
        match (wanted.clone().next(), wanted.clone().last()) {
            (Some(first), Some(last)) => axis.inputs(first).start..axis.inputs(last).end,
            _ => 0..0,
        }
    };
    (axis(from.0.into(), to.0, &window.0), axis(from.1.into(), to.1, &window.1))
}

/// `image` resized to the (width, height) `to`, in pixels, as Pillow resizes it, to the byte.
///
/// # Panics
/// If a side is 0, or the image's fields contradict each other.
pub fn resize(image: &Image, to: (usize, usize), interpolation: Interpolation) -> Image {
    let from = (image.width, image.height);
    assert!(to.0 > 0 && to.1 > 0, "{} x {} pixels are no image", to.0, to.1);
    image.check();
    let pixels = cut(&image.pixels, from.0, &whole(from));
    let pixels =
        resize_window(&pixels, &whole(from), from, to, (&whole(to), Direction::Forward), interpolation);
    let pixels = pixels.iter().flat_map(|&[r, g, b, _]| [r, g, b]).collect();
    Image { width: to.0, height: to.1, pixels }
}

/// The size of an image of the same shape whose shorter side has `shorter` pixels; the longer side is rounded
/// down.
pub(crate) fn resized_size((width, height): (usize, usize), shorter: usize) -> (usize, usize) {
    let long = |long: usize, short: usize| (shorter as u128 * long as u128 / short as u128) as usize;
    if width <= height { (shorter, long(height, width)) } else { (long(width, height), shorter) }
}

/// Resizes `from`, an area of an image, to the size `to`, and gives the pixels in `window` of the result.
///
/// `pixels` are those of the image in `part`, which must cover what [`needed`] gives; no side may be 0.
/// Memory depends on the window and the part, not on the whole result.
pub(crate) fn resize_window(
    pixels: &[Pixel],
    part: &Window,
    from: (impl Into<Stretch>, impl Into<Stretch>),
    to: (usize, usize),
    (window, direction): (&Window, Direction),
    interpolation: Interpolation,
) -> Vec<Pixel> {
    debug_assert!(pixels.len() == part.0.len() * part.1.len());
    let width = part.0.len();
    let rows_of = |rows: Range<usize>| {
        let rows = rows.start - part.1.start..rows.end - part.1.start;
        Cow::Borrowed(&pixels[width * rows.start..width * rows.end])
    };
    let from = (from.0.into(), from.1.into());
    resize_rows(rows_of, &part.0, from, to, (window, direction), interpolation)
}

/// [`resize_window`], where `rows_of` gives a range of rows of the image, cut to the columns in `across`.
fn resize_rows<'p>(
    rows_of: impl Fn(Range<usize>) -> Cow<'p, [Pixel]>,
    across: &Range<usize>,
    from: (Stretch, Stretch),
    to: (usize, usize),
    (window, direction): (&Window, Direction),
    interpolation: Interpolation,
) -> Vec<Pixel> {
    debug_assert!(window.0.end <= to.0 && window.1.end <= to.1);
    let columns = Taps::new(from.0, to.0, &window.0, interpolation);
    let mut rows = Taps::new(from.1, to.1, &window.1, interpolation);
    let mut columns: Vec<(usize, Vec<i32>)> = (0..columns.firsts.len())
        .map(|i| (columns.firsts[i] - across.start, columns.weights(i).to_vec()))
        .collect();
    if direction == Direction::Mirrored {
        columns.reverse();
    }
    let columns = RowTaps::new(across.len(), columns);
    // The input rows that the output rows in the window depend on.
    let used = needed(from, to, window, interpolation).1;
    rows.firsts.iter_mut().for_each(|first| *first -= used.start);
    if columns.sums() == 0 || rows.firsts.is_empty() {
        return Vec::new();
    }
    let isa = Isa::best();
    let narrow = columns.sums();
    let mut between = vec![[0; 4]; narrow * used.len()];
    let strips = used.clone().step_by(STRIP).map(|start| start..used.end.min(start + STRIP));
    for (strip, out) in strips.zip(between.chunks_mut(narrow * STRIP)) {
        let pixels = rows_of(strip);
        for (row, out) in pixels.chunks_exact(across.len()).zip(out.chunks_exact_mut(narrow)) {
            blend_row(isa, row, &columns, out);
        }
    }
    dispatch(isa, BlendRows { between: &between, narrow, rows: &rows })
}

/// Rows that are resized across at once: few, so that their pixels stay in a first-level cache.
const STRIP: usize = 16;

/// The most pixels of an image in memory at once: 16 MB of them.
const AT_ONCE: usize = 1 << 22;

/// [`resize_window`] in bands of rows: `pixels_of` gives the pixels of a window of the image, so that a large
/// one never has to be in memory as a whole.
pub(crate) fn resize_bands(
    pixels_of: impl Fn(&Window) -> Vec<Pixel>,
    from: (impl Into<Stretch>, impl Into<Stretch>),
    to: (usize, usize),
    (window, direction): (&Window, Direction),
    interpolation: Interpolation,
) -> Vec<Pixel> {
    let from = (from.0.into(), from.1.into());
    in_bands(AT_ONCE, pixels_of, from, to, (window, direction), interpolation)
}

fn in_bands(
    at_once: usize,
    pixels_of: impl Fn(&Window) -> Vec<Pixel>,
    from: (Stretch, Stretch),
    to: (usize, usize),
    (window, direction): (&Window, Direction),
    interpolation: Interpolation,
) -> Vec<Pixel> {
    let (columns, rows) = needed(from, to, window, interpolation);
    let bands = (columns.len() * rows.len()).div_ceil(at_once).max(1);
    let height = window.1.len().div_ceil(bands).max(1);
    let mut out = Vec::with_capacity(window.0.len() * window.1.len());
    for start in window.1.clone().step_by(height) {
        let band = (window.0.clone(), start..window.1.end.min(start + height));
        let across = needed(from, to, &band, interpolation).0;
        let rows_of = |rows| Cow::Owned(pixels_of(&(across.clone(), rows)));
        out.extend(resize_rows(rows_of, &across, from, to, (&band, direction), interpolation));
    }
    out
}

/// The second pass: output rows as weighted sums of the rows of `between`, each of `narrow` pixels.
struct BlendRows<'a> {
    between: &'a [Pixel],
    narrow: usize,
    rows: &'a Taps,
}

impl Kernel for BlendRows<'_> {
    type Output = Vec<Pixel>;

    // Compiled for the best instruction set, so that the compiler can vectorise the loops.
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> Vec<Pixel> {
        let Self { between, narrow, rows } = self;
        let mut out = vec![[0; 4]; narrow * rows.firsts.len()];
        for (i, out) in out.chunks_exact_mut(narrow).enumerate() {
            let above = &between[narrow * rows.firsts[i]..];
            blend_rows(above.as_flattened(), rows.weights(i), out.as_flattened_mut());
        }
        out
    }
}

/// Sets `out` to the weighted sum of the first `weights.len()` of `rows`, each as long as `out`.
#[inline(always)]
fn blend_rows(rows: &[u8], weights: &[i32], out: &mut [u8]) {
    /// The number of sums that stay in registers.
    const LANES: usize = 32;
    let length = out.len();
    let (blocks, rest) = out.as_chunks_mut::<LANES>();
    let tail = blocks.len() * LANES;
    for (block, out) in blocks.iter_mut().enumerate() {
        let mut sums = [HALF; LANES];
        for (j, &weight) in weights.iter().enumerate() {
            let bytes = &rows[j * length + block * LANES..][..LANES];
            for l in 0..LANES {
                sums[l] += i32::from(bytes[l]) * weight;
            }
        }
        for l in 0..LANES {
            out[l] = to_byte(sums[l]);
        }
    }
    for (l, out) in rest.iter_mut().enumerate() {
        let terms = weights.iter().enumerate().map(|(j, w)| i32::from(rows[j * length + tail + l]) * w);
        *out = to_byte(HALF + terms.sum::<i32>());
    }
}

/// One half, so that the shift rounds.
const HALF: i32 = 1 << (FRACTION - 1);

#[inline(always)]
fn to_byte(sum: i32) -> u8 {
    (sum >> FRACTION).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [Interpolation; 2] = [Interpolation::Bilinear, Interpolation::Bicubic];

    fn all(pixels: &[u8], from: (usize, usize), to: (usize, usize), i: Interpolation) -> Vec<u8> {
        resize(&Image::new(from.0, from.1, pixels.to_vec()).unwrap(), to, i).pixels
    }

    type Size = (usize, usize);

    /// As `CASES` in tests/pillow/generate.py: (width, height) before and after.
    const CASES: [(Size, Size); 7] = [
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
    fn every_byte_matches_pillow() {
        let mut expected = &include_bytes!("../tests/pillow/resize.bin")[..];
        for interpolation in BOTH {
            for (from, to) in CASES {
                let (pillows, rest) = expected.split_at(3 * to.0 * to.1);
                let ours = all(&pattern(from), from, to, interpolation);
                let differing = ours.iter().zip(pillows).filter(|(a, b)| a != b).count();
                assert_eq!(differing, 0, "{interpolation:?} {from:?} to {to:?}");
                expected = rest;
            }
        }
        assert!(expected.is_empty());
    }

    /// As `BOXES` in tests/pillow/generate.py: (width, height), box, (width, height) afterwards.
    const BOXES: [(Size, [f64; 4], Size); 3] = [
        ((37, 23), [0.25, 0.5, 36.75, 22.25], (16, 10)),
        ((37, 23), [0.875, 0.0, 36.125, 23.0], (5, 7)),
        ((23, 37), [0.5, 0.75, 22.5, 36.25], (40, 50)),
    ];

    #[test]
    fn every_byte_of_a_box_matches_pillow() {
        let mut expected = &include_bytes!("../tests/pillow/boxes.bin")[..];
        for interpolation in BOTH {
            for (from, [left, top, right, bottom], to) in BOXES {
                let (pillows, rest) = expected.split_at(3 * to.0 * to.1);
                let pixels = cut(&pattern(from), from.0, &whole(from));
                let stretch = |start, end, pixels| Stretch { start, end, pixels };
                let part = (stretch(left, right, from.0), stretch(top, bottom, from.1));
                let window = (&whole(to), Direction::Forward);
                let ours = resize_window(&pixels, &whole(from), part, to, window, interpolation);
                assert_eq!(ours, cut(pillows, to.0, &whole(to)), "{interpolation:?} {from:?} to {to:?}");
                expected = rest;
            }
        }
        assert!(expected.is_empty());
    }

    #[test]
    fn the_same_size_is_the_same_image() {
        let pixels: Vec<u8> = (0..7 * 5 * 3).map(|i| (i * 97 % 256) as u8).collect();
        for interpolation in BOTH {
            assert_eq!(all(&pixels, (7, 5), (7, 5), interpolation), pixels);
        }
    }

    #[test]
    fn a_uniform_colour_stays() {
        let pixels = [9, 200, 255].repeat(13 * 4);
        for to in [(1, 1), (5, 9), (40, 2), (13, 4)] {
            for interpolation in BOTH {
                assert_eq!(all(&pixels, (13, 4), to, interpolation), [9, 200, 255].repeat(to.0 * to.1));
            }
        }
    }

    #[test]
    fn a_window_is_that_part_of_the_whole() {
        let from = (31, 17);
        let bytes: Vec<u8> = (0..31 * 17 * 3).map(|i| (i * i * 31 % 251) as u8).collect();
        let pixels = cut(&bytes, 31, &whole(from));
        for to in [(12, 9), (50, 40)] {
            for interpolation in BOTH {
                let all = all(&bytes, from, to, interpolation);
                let window = (3..9, 2..7);
                let expected = cut(&all, to.0, &window);
                let forward = (&window, Direction::Forward);
                assert_eq!(resize_window(&pixels, &whole(from), from, to, forward, interpolation), expected);

                // The result is the same in bands, however few pixels are in memory at once.
                for at_once in [1, 100, 10_000] {
                    let pixels_of = |window: &Window| cut(&bytes, 31, window);
                    let from = (from.0.into(), from.1.into());
                    let banded = in_bands(at_once, pixels_of, from, to, forward, interpolation);
                    assert!(banded == expected, "{at_once}");
                }

                // It needs no more than its part of the input.
                let part = needed(from, to, &window, interpolation);
                assert!(part.0.len() < 31 && part.1.len() < 17);
                let few = cut(&bytes, 31, &part);
                assert_eq!(resize_window(&few, &part, from, to, forward, interpolation), expected);

                // Mirrored, each row is the other way round.
                let mut mirrored = expected;
                mirrored.chunks_exact_mut(6).for_each(<[Pixel]>::reverse);
                let direction = (&window, Direction::Mirrored);
                assert_eq!(
                    resize_window(&pixels, &whole(from), from, to, direction, interpolation),
                    mirrored
                );
            }
        }
    }
}
