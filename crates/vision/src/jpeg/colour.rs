//! From planes to pixels: subsampled colour is upsampled, then converted to RGB.
//!
//! Colour at half resolution is filtered with a triangle along each halved axis: three parts of the nearer
//! sample, one of the further. Halves are rounded up on one side and down on the other. libjpeg calls it
//! "fancy upsampling".

use std::ops::Range;

use resnet_kernels::Isa;
use resnet_kernels::simd::{Kernel, Simd, dispatch};

use super::grid::Samples;
use super::headers::Colour;
use super::planes::Plane;
use crate::pixels::{Pixel, Window};

/// The pixels in `window`.
pub(super) fn rgb(colour: Colour, planes: &[Plane], window: &Window) -> Vec<Pixel> {
    dispatch(Isa::best(), Convert { colour, planes, window })
}

struct Convert<'a> {
    colour: Colour,
    planes: &'a [Plane],
    window: &'a Window,
}

impl Kernel for Convert<'_> {
    type Output = Vec<Pixel>;

    // Compiled for the best instruction set, so that the compiler can vectorise the loops.
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> Vec<Pixel> {
        let Self { colour, planes, window } = self;
        let width = window.0.len();
        let mut out = vec![[0; 4]; width * window.1.len()];
        let mut rows: Vec<Row> = planes.iter().map(|plane| Row::new(&plane.grid, &window.0)).collect();
        for (y, out) in window.1.clone().zip(out.chunks_exact_mut(width)) {
            for (row, plane) in rows.iter_mut().zip(planes) {
                row.fill(plane, y);
            }
            match (colour, &rows[..]) {
                (Colour::Grey, [grey]) => interleave(out, [grey.samples(); 3]),
                (Colour::Rgb, [r, g, b]) => interleave(out, [r, g, b].map(Row::samples)),
                (Colour::YCbCr, [y, cb, cr]) => {
                    from_ycbcr(out, y.samples(), cb.samples(), cr.samples());
                }
                (Colour::Cmyk, [c, m, y, k]) => {
                    interleave(out, [c, m, y].map(Row::samples));
                    darken(out, k.samples());
                }
                (Colour::Ycck, [y, cb, cr, k]) => {
                    from_ycbcr(out, y.samples(), cb.samples(), cr.samples());
                    out.iter_mut().for_each(|[r, g, b, _]| (*r, *g, *b) = (255 - *r, 255 - *g, 255 - *b));
                    darken(out, k.samples());
                }
                (colour, rows) => unreachable!("{} components of {colour:?}", rows.len()),
            }
        }
        out
    }
}

/// How many pixels share a sample along an axis, and how they get their values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Axis {
    /// Each pixel has its own sample.
    Full,
    /// Two pixels share one; it is filtered.
    Halved,
    /// This many pixels share one; it is repeated.
    Repeated(usize),
}

/// A component's samples for one row of pixels.
struct Row {
    across: Axis,
    down: Axis,
    columns: Range<usize>,
    samples: Vec<u8>,
    /// Where the window starts in `samples`.
    start: usize,
    /// Samples blended along columns, four times as large, with a neighbour on either side.
    blended: Vec<u16>,
}

impl Row {
    fn new(samples: &Samples, columns: &Range<usize>) -> Self {
        let &Samples { by, width, filtered, .. } = samples;
        // libjpeg filters only if both factors are 1 or 2. If the horizontal one is 2, rows must have three
        // samples or more.
        let (across, down) = match by {
            (1, 1) => (Axis::Full, Axis::Full),
            (2, 1) if filtered && width > 2 => (Axis::Halved, Axis::Full),
            (2, 2) if filtered && width > 2 => (Axis::Halved, Axis::Halved),
            (1, 2) if filtered => (Axis::Full, Axis::Halved),
            _ => (Axis::Repeated(by.0), Axis::Repeated(by.1)),
        };
        let start = match across {
            Axis::Full => 0,
            Axis::Halved => columns.start % 2,
            Axis::Repeated(by) => columns.start % by,
        };
        Self { across, down, columns: columns.clone(), samples: Vec::new(), start, blended: Vec::new() }
    }

    fn samples(&self) -> &[u8] {
        &self.samples[self.start..][..self.columns.len()]
    }

    #[inline(always)]
    fn fill(&mut self, plane: &Plane, y: usize) {
        let columns = &self.columns;
        match (self.across, self.down) {
            (Axis::Full, Axis::Full) => {
                let from = plane.place(columns.start);
                self.samples.clear();
                self.samples.extend_from_slice(&plane.row(y)[from..from + columns.len()]);
            }
            (Axis::Full, _) => {
                let from = plane.place(columns.start);
                let (near, far) = (plane.row(y / 2), further(plane, y));
                let (near, far) = (&near[from..from + columns.len()], &far[from..from + columns.len()]);
                let half = 1 + (y % 2) as u16;
                self.samples.resize(columns.len(), 0);
                for i in 0..columns.len() {
                    self.samples[i] = ((3 * u16::from(near[i]) + u16::from(far[i]) + half) >> 2) as u8;
                }
            }
            (Axis::Halved, down) => {
                let samples = columns.start / 2..columns.end.div_ceil(2);
                let (near, far) = match down {
                    Axis::Full => (plane.row(y), plane.row(y)),
                    _ => (plane.row(y / 2), further(plane, y)),
                };
                self.blend(plane, near, far, &samples);
                self.widen(if down == Axis::Full { [4, 8] } else { [8, 7] }, samples.len());
            }
            (Axis::Repeated(by), _) => {
                let Axis::Repeated(by_y) = self.down else { unreachable!("both axes are repeated") };
                let row = plane.row(y / by_y);
                let samples = columns.start / by..columns.end.div_ceil(by);
                self.samples.clear();
                for x in samples {
                    self.samples.extend(std::iter::repeat_n(row[plane.place(x)], by));
                }
            }
        }
    }

    /// Three parts of `near` and one of `far` for the samples in `range` and one more on either side.
    #[inline(always)]
    fn blend(&mut self, plane: &Plane, near: &[u8], far: &[u8], range: &Range<usize>) {
        let count = range.len();
        self.blended.resize(count + 2, 0);
        let from = plane.place(range.start);
        let (inner_near, inner_far) = (&near[from..from + count], &far[from..from + count]);
        let inner = &mut self.blended[1..1 + count];
        for i in 0..count {
            inner[i] = 3 * u16::from(inner_near[i]) + u16::from(inner_far[i]);
        }
        // Beyond an edge of the image its last sample is repeated.
        let last = plane.grid.width - 1;
        for (at, x) in [(0, range.start.saturating_sub(1)), (count + 1, range.end.min(last))] {
            let place = plane.place(x);
            self.blended[at] = 3 * u16::from(near[place]) + u16::from(far[place]);
        }
    }

    /// Two samples from each of the `count` blended ones, rounded by these offsets in sixteenths.
    #[inline(always)]
    fn widen(&mut self, [left, right]: [u16; 2], count: usize) {
        self.samples.resize(2 * count, 0);
        let (before, here, after) =
            (&self.blended[..count], &self.blended[1..1 + count], &self.blended[2..2 + count]);
        let out = &mut self.samples[..2 * count];
        for i in 0..count {
            out[2 * i] = ((3 * here[i] + before[i] + left) >> 4) as u8;
            out[2 * i + 1] = ((3 * here[i] + after[i] + right) >> 4) as u8;
        }
    }
}

/// The second nearest row of samples to row `y` of pixels, if there are half as many rows of samples.
#[inline(always)]
fn further(plane: &Plane, y: usize) -> &[u8] {
    plane.row(if y.is_multiple_of(2) { (y / 2).saturating_sub(1) } else { y / 2 + 1 })
}

#[inline(always)]
fn interleave(out: &mut [Pixel], [r, g, b]: [&[u8]; 3]) {
    for (((pixel, r), g), b) in out.iter_mut().zip(r).zip(g).zip(b) {
        *pixel = [*r, *g, *b, 0];
    }
}

/// `x` with 16 bits after the point.
const fn fixed(x: f64) -> i32 {
    (x * 65536.0 + 0.5) as i32
}

/// The matrix of JFIF (ITU-R BT.601 at full range).
#[inline(always)]
fn from_ycbcr(out: &mut [Pixel], y: &[u8], cb: &[u8], cr: &[u8]) {
    const HALF: i32 = 1 << 15;
    for (((pixel, y), cb), cr) in out.iter_mut().zip(y).zip(cb).zip(cr) {
        let (y, cb, cr) = (i32::from(*y), i32::from(*cb) - 128, i32::from(*cr) - 128);
        let red = (y + ((fixed(1.402) * cr + HALF) >> 16)).clamp(0, 255);
        let green = (y + ((HALF - fixed(0.34414) * cb - fixed(0.71414) * cr) >> 16)).clamp(0, 255);
        let blue = (y + ((fixed(1.772) * cb + HALF) >> 16)).clamp(0, 255);
        // One number of 32 bits, a lane of a vector.
        *pixel = (red | green << 8 | blue << 16).to_le_bytes();
    }
}

/// RGB from inverted CMY and inverted black, as Adobe writes them and Pillow converts them.
#[inline(always)]
fn darken(out: &mut [Pixel], black: &[u8]) {
    for (pixel, &black) in out.iter_mut().zip(black) {
        let black = u32::from(black);
        for byte in &mut pixel[..3] {
            let product = (255 - u32::from(*byte)) * black + 128;
            *byte = black.saturating_sub(((product >> 8) + product) >> 8) as u8;
        }
    }
}
