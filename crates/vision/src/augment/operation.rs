//! `Operation`: one change that a policy makes to an image, with its amount; Pillow's result to the byte.

use super::colour;
use super::geometry::Affine;
use crate::Interpolation;
use crate::pixels::Pixel;

/// An operation with its amount.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Operation {
    Identity,
    /// Shear, shift or rotation by interpolation, with this colour beyond the border.
    Interpolated(Affine, Interpolation, [u8; 3]),
    Brightness(f32),
    Saturation(f32),
    Contrast(f32),
    Sharpness(f32),
    /// How many bits stay.
    Posterize(u32),
    /// The lowest byte that is inverted.
    Solarize(f64),
    /// What is added to the darker half of the bytes.
    SolarizeAdd(u8),
    Invert,
    Autocontrast,
    Equalize,
}

impl Operation {
    /// Changes an image of this width.
    pub(super) fn apply(self, pixels: &mut Vec<Pixel>, width: usize) {
        match self {
            Operation::Identity => {}
            Operation::Interpolated(affine, interpolation, fill) => {
                *pixels = affine.interpolated(pixels, width, interpolation, fill);
            }
            Operation::Brightness(factor) => colour::brightness(pixels, factor),
            Operation::Saturation(factor) => colour::saturation(pixels, factor),
            Operation::Contrast(factor) => colour::contrast(pixels, factor),
            Operation::Sharpness(factor) => colour::sharpness(pixels, width, factor),
            Operation::Posterize(bits) => colour::posterize(pixels, bits),
            Operation::Solarize(threshold) => colour::solarize(pixels, threshold),
            Operation::SolarizeAdd(amount) => colour::solarize_add(pixels, amount),
            Operation::Invert => colour::solarize(pixels, 0.0),
            Operation::Autocontrast => colour::autocontrast(pixels),
            Operation::Equalize => colour::equalize(pixels),
        }
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;
    use crate::image::{Encoded, MAX_PIXELS};

    /// rgb.png and its width.
    pub(in crate::augment) fn image() -> (Vec<Pixel>, usize) {
        let image = Encoded::open(include_bytes!("../../tests/pillow/rgb.png"), "rgb.png").unwrap();
        let (width, height) = image.size();
        assert!((width * height) as u64 <= MAX_PIXELS);
        let whole = (0..width, 0..height);
        (image.part(&whole).unwrap().pixels(&whole), width)
    }

    /// The CRC-32 of rgb.png's RGB bytes after `operation`, to compare with Pillow's.
    pub(in crate::augment) fn checksum(operation: Operation) -> u32 {
        let (mut pixels, width) = image();
        operation.apply(&mut pixels, width);
        let mut crc = flate2::Crc::new();
        pixels.iter().for_each(|pixel| crc.update(&pixel[..3]));
        crc.sum()
    }
}
