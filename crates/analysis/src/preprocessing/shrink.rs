//! Resizing without a filter that is stretched: what OpenCV, and tensors by default, make of an image.
//!
//! An output pixel at `(o + 1/2) scale - 1/2` is the weighted sum of its two (bilinear) or four (bicubic)
//! neighbours along each axis, pixels beyond the edge repeated; or the nearest pixel.

use resnet_vision::{Image, Interpolation};

use super::preparation::Antialiasing;

/// The cubic's parameter in OpenCV and PyTorch; Pillow's is -0.5.
const A: f64 = -0.75;

/// `image` at `width` x `height` pixels without antialiasing.
pub(super) fn shrunk(
    image: &Image,
    (width, height): (usize, usize),
    (how, interpolation): (Antialiasing, Interpolation),
) -> Option<Image> {
    let columns: Vec<Taps> = (0..width).map(|o| taps(o, image.width, width, how, interpolation)).collect();
    let rows: Vec<Taps> = (0..height).map(|o| taps(o, image.height, height, how, interpolation)).collect();
    let mut pixels = Vec::with_capacity(3 * width * height);
    for row in &rows {
        for column in &columns {
            for channel in 0..3 {
                let mut sum = 0.0;
                for (y, by_row) in row {
                    for (x, by_column) in column {
                        let byte = image.pixels[3 * (y * image.width + x) + channel];
                        sum += by_row * by_column * f64::from(byte);
                    }
                }
                pixels.push(sum.round().clamp(0.0, 255.0) as u8);
            }
        }
    }
    Image::new(width, height, pixels).ok()
}

/// Input pixels of an output pixel along an axis, with their weights.
type Taps = Vec<(usize, f64)>;

fn taps(o: usize, from: usize, to: usize, how: Antialiasing, interpolation: Interpolation) -> Taps {
    let scale = from as f64 / to as f64;
    if how == Antialiasing::Nearest {
        return vec![(((o as f64 * scale) as usize).min(from - 1), 1.0)];
    }
    let at = (o as f64 + 0.5) * scale - 0.5;
    let (first, t) = (at.floor(), at - at.floor());
    let weights: Vec<(f64, f64)> = match interpolation {
        Interpolation::Bilinear => vec![(0.0, 1.0 - t), (1.0, t)],
        Interpolation::Bicubic => {
            [-1.0, 0.0, 1.0, 2.0].iter().map(|offset| (*offset, cubic(t - offset))).collect()
        }
    };
    let clamped = |offset: f64| (first + offset).clamp(0.0, (from - 1) as f64) as usize;
    weights.into_iter().map(|(offset, weight)| (clamped(offset), weight)).collect()
}

fn cubic(x: f64) -> f64 {
    let x = x.abs();
    match x {
        near if near < 1.0 => ((A + 2.0) * near - (A + 3.0)) * near * near + 1.0,
        far if far < 2.0 => (((far - 5.0) * far + 8.0) * far - 4.0) * A,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One row of grey values, resized along it.
    fn row(values: &[u8], width: usize, how: Antialiasing, interpolation: Interpolation) -> Vec<u8> {
        let pixels = values.iter().flat_map(|value| [*value; 3]).collect();
        let image = Image::new(values.len(), 1, pixels).unwrap();
        let resized = shrunk(&image, (width, 1), (how, interpolation)).unwrap();
        resized.pixels.iter().step_by(3).copied().collect()
    }

    /// By hand, from the formula above: `torch.nn.functional.interpolate(..., antialias=False)`.
    #[test]
    fn neighbours_alone_count() {
        let values = [0, 100, 200, 40, 80, 120, 160, 240];
        let (off, bilinear) = (Antialiasing::Off, Interpolation::Bilinear);
        // A quarter of the pixels: between the second and the third, and between the sixth and the seventh.
        assert_eq!(row(&values, 2, off, bilinear), [150, 140]);
        assert_eq!(row(&values, 2, Antialiasing::Nearest, bilinear), [0, 80]);
        // -0.09375, 0.59375, 0.59375, -0.09375 at a half.
        assert_eq!(row(&values, 2, off, Interpolation::Bicubic), [174, 136]);
        assert_eq!(row(&values, 8, off, Interpolation::Bicubic), values);
    }
}
