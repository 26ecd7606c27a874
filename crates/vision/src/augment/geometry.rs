//! Shears, shifts and rotations of an image, each pixel interpolated between those of the source around its
//! place there, to Pillow's byte.

use crate::Interpolation;
use crate::pixels::Pixel;

/// The place in the source that pixel `(x, y)` of the result is read from: `(a x + b y + c, d x + e y + f)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Affine([f64; 6]);

impl Affine {
    /// Rows shifted by `factor` pixels for each row further down.
    pub(super) fn shear_x(factor: f64) -> Self {
        Self([1.0, factor, 0.0, 0.0, 1.0, 0.0])
    }

    /// Columns shifted by `factor` pixels for each column further right.
    pub(super) fn shear_y(factor: f64) -> Self {
        Self([1.0, 0.0, 0.0, factor, 1.0, 0.0])
    }

    /// The whole image moved, to the right and down if positive.
    pub(super) fn translate(x: f64, y: f64) -> Self {
        Self([1.0, 0.0, -x, 0.0, 1.0, -y])
    }

    /// A rotation about the centre, counter-clockwise if positive.
    pub(super) fn rotate(degrees: f64, width: usize, height: usize) -> Self {
        // The same operations in the same order as in Pillow, which rounds to fifteen digits: by way of text,
        // because a product with 1e15 may be rounded up to a half.
        let rounded = |x: f64| format!("{x:.15}").parse().unwrap_or(x);
        let (sin, cos) = (-degrees.rem_euclid(360.0).to_radians()).sin_cos();
        let (sin, cos) = (rounded(sin), rounded(cos));
        let (x, y) = (width as f64 / 2.0, height as f64 / 2.0);
        Self([cos, sin, cos * -x + sin * -y + x, -sin, cos, -sin * -x + cos * -y + y])
    }

    /// The transformed image, by interpolation between four or sixteen pixels; `fill` where the place in the
    /// source is outside.
    pub(super) fn interpolated(
        self,
        pixels: &[Pixel],
        width: usize,
        interpolation: Interpolation,
        fill: [u8; 3],
    ) -> Vec<Pixel> {
        let [a, b, c, d, e, f] = self.0;
        let height = pixels.len() / width;
        let inside = |place: f64, side: usize| (0.0..side as f64).contains(&place);
        let mut out = Vec::with_capacity(pixels.len());
        for row in 0..height {
            for column in 0..width {
                let (x, y) = (column as f64 + 0.5, row as f64 + 0.5);
                let (x, y) = (a * x + b * y + c, d * x + e * y + f);
                out.push(if inside(x, width) && inside(y, height) {
                    between(pixels, (width, height), (x - 0.5, y - 0.5), interpolation)
                } else {
                    [fill[0], fill[1], fill[2], 0]
                });
            }
        }
        out
    }
}

/// The colour at a place between pixels. Beyond the border of the image, its outermost pixels are repeated.
fn between(
    pixels: &[Pixel],
    (width, height): (usize, usize),
    (x, y): (f64, f64),
    interpolation: Interpolation,
) -> Pixel {
    let (left, top) = (x.floor(), y.floor());
    let (dx, dy) = (x - left, y - top);
    let clipped = |place: f64, side: usize| place.clamp(0.0, side as f64 - 1.0) as usize;
    let pixel = |across: i32, down: i32| {
        pixels[clipped(top + f64::from(down), height) * width + clipped(left + f64::from(across), width)]
    };
    let mut out = [0; 4];
    for (channel, byte) in out.iter_mut().enumerate().take(3) {
        let at = |across, down| f64::from(pixel(across, down)[channel]);
        let value = match interpolation {
            Interpolation::Bilinear => {
                let row = |down| linear(at(0, down), at(1, down), dx);
                linear(row(0), row(1), dy)
            }
            Interpolation::Bicubic => {
                let row = |down| cubic([at(-1, down), at(0, down), at(1, down), at(2, down)], dx);
                cubic([row(-1), row(0), row(1), row(2)], dy)
            }
        };
        // A cast clips and truncates, as Pillow does.
        *byte = value as u8;
    }
    out
}

fn linear(first: f64, second: f64, part: f64) -> f64 {
    first + (second - first) * part
}

/// Pillow's cubic for transforms, with a = -1; that of resizing has a = -1/2.
fn cubic([v1, v2, v3, v4]: [f64; 4], part: f64) -> f64 {
    let p2 = -v1 + v3;
    let p3 = 2.0 * (v1 - v2) + v3 - v4;
    let p4 = -v1 + v2 - v3 + v4;
    v2 + part * (p2 + part * (p3 + part * p4))
}
