//! Shears, shifts and rotations of an image: each pixel takes the nearest one of the source, or black beyond
//! its border.

use crate::jpeg::Pixel;

/// Where a pixel comes from: `(a x + b y + c, d x + e y + f)`.
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

    /// The whole image shifted, to the right and down if positive.
    pub(super) fn shift(x: f64, y: f64) -> Self {
        Self([1.0, 0.0, -x, 0.0, 1.0, -y])
    }

    /// A rotation about the centre, counter-clockwise if positive.
    pub(super) fn turn(degrees: f64, width: usize, height: usize) -> Self {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let (x, y) = (width as f64 / 2.0, height as f64 / 2.0);
        Self([cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y])
    }

    /// The transformed image. Coordinates have steps of 1/65,536 of a pixel, as in Pillow.
    pub(super) fn apply(self, pixels: &[Pixel], width: usize) -> Vec<Pixel> {
        let [a, b, c, d, e, f] = self.0;
        let fixed = |x: f64| (x * 65_536.0 + 0.5).floor() as i64;
        let height = pixels.len() / width;
        let mut out = Vec::with_capacity(pixels.len());
        for row in 0..height as i64 {
            let mut x = fixed(c + 0.5 * (a + b)) + row * fixed(b);
            let mut y = fixed(f + 0.5 * (d + e)) + row * fixed(e);
            for _ in 0..width {
                let place = (usize::try_from(x >> 16), usize::try_from(y >> 16));
                out.push(match place {
                    (Ok(column), Ok(row)) if column < width && row < height => pixels[row * width + column],
                    _ => [0; 4],
                });
                x += fixed(a);
                y += fixed(d);
            }
        }
        out
    }
}
