//! Policies that draw operations from a list of fourteen: RandAugment (Cubuk et al. 2020) and TrivialAugment
//! (Müller and Hutter 2021), with torchvision's ranges.

use super::colour;
use super::geometry::Affine;
use crate::Error;
use crate::jpeg::Pixel;
use crate::random::RandomStream;

/// Which operations are drawn, and how strong they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// No operation.
    None,
    /// `changes` operations one after another, each drawn with equal probability, all of the same strength.
    Rand {
        /// How many.
        changes: usize,
        /// From 0, nothing, to 30, a lot.
        strength: u32,
    },
    /// One operation, of a strength that is drawn too, from wider ranges.
    Trivial,
}

impl Policy {
    /// RandAugment as torchvision's recipes use it: two operations of strength 9.
    pub const RAND: Self = Self::Rand { changes: 2, strength: 9 };

    pub(super) fn check(self) -> Result<(), Error> {
        match self {
            Policy::Rand { strength, .. } if strength > STRONGEST => Err(Error::Invalid(format!(
                "RandAugment has no strength {strength}; it goes from 0 to {STRONGEST}"
            ))),
            _ => Ok(()),
        }
    }

    /// Applies the policy to an image of this width.
    pub(super) fn apply(self, pixels: &mut Vec<Pixel>, width: usize, stream: &mut RandomStream) {
        let (changes, ranges) = match self {
            Policy::None => return,
            Policy::Rand { changes, .. } => (changes, Ranges::Rand),
            Policy::Trivial => (1, Ranges::Wide),
        };
        for _ in 0..changes {
            let kind = KINDS[stream.below(KINDS.len())];
            let strength = match self {
                Policy::Rand { strength, .. } => strength,
                _ => stream.below(STRONGEST as usize + 1) as u32,
            };
            let sign = if stream.below(2) == 1 { -1.0 } else { 1.0 };
            Change::new(kind, ranges, strength, sign, (width, pixels.len() / width)).apply(pixels, width);
        }
    }
}

/// The largest strength.
const STRONGEST: u32 = 30;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Nothing,
    ShearX,
    ShearY,
    ShiftX,
    ShiftY,
    Turn,
    Brightness,
    Saturation,
    Contrast,
    Sharpness,
    Posterize,
    Solarize,
    Autocontrast,
    Equalize,
}

const KINDS: [Kind; 14] = [
    Kind::Nothing,
    Kind::ShearX,
    Kind::ShearY,
    Kind::ShiftX,
    Kind::ShiftY,
    Kind::Turn,
    Kind::Brightness,
    Kind::Saturation,
    Kind::Contrast,
    Kind::Sharpness,
    Kind::Posterize,
    Kind::Solarize,
    Kind::Autocontrast,
    Kind::Equalize,
];

/// The range of an operation's amount at the greatest strength.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ranges {
    /// RandAugment's; shifts up to 150 / 331 of a side.
    Rand,
    /// TrivialAugment's "wide" ones; shifts up to 32 pixels.
    Wide,
}

/// An operation with its amount.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Change {
    Nothing,
    Move(Affine),
    Brightness(f32),
    Saturation(f32),
    Contrast(f32),
    Sharpness(f32),
    Posterize(u32),
    Solarize(f64),
    Autocontrast,
    Equalize,
}

impl Change {
    fn new(kind: Kind, ranges: Ranges, strength: u32, sign: f64, (width, height): (usize, usize)) -> Self {
        let part = f64::from(strength) / f64::from(STRONGEST);
        // In 32 bits, as torchvision has them.
        let signed = |narrow: f64, wide: f64| {
            sign * f64::from((part * if ranges == Ranges::Rand { narrow } else { wide }) as f32)
        };
        // Whole pixels.
        let shift = |side: usize| signed(150.0 / 331.0 * side as f64, 32.0).trunc();
        let factor = (1.0 + signed(0.9, 0.99)) as f32;
        match kind {
            Kind::Nothing => Change::Nothing,
            Kind::ShearX => Change::Move(Affine::shear_x(signed(0.3, 0.99))),
            Kind::ShearY => Change::Move(Affine::shear_y(signed(0.3, 0.99))),
            Kind::ShiftX => Change::Move(Affine::shift(shift(width), 0.0)),
            Kind::ShiftY => Change::Move(Affine::shift(0.0, shift(height))),
            Kind::Turn => Change::Move(Affine::turn(signed(30.0, 135.0), width, height)),
            Kind::Brightness => Change::Brightness(factor),
            Kind::Saturation => Change::Saturation(factor),
            Kind::Contrast => Change::Contrast(factor),
            Kind::Sharpness => Change::Sharpness(factor),
            Kind::Posterize => {
                let most = if ranges == Ranges::Rand { 4.0 } else { 6.0 };
                Change::Posterize((8.0 - (part * most).round_ties_even()) as u32)
            }
            Kind::Solarize => Change::Solarize(255.0 * (1.0 - part)),
            Kind::Autocontrast => Change::Autocontrast,
            Kind::Equalize => Change::Equalize,
        }
    }

    fn apply(self, pixels: &mut Vec<Pixel>, width: usize) {
        match self {
            Change::Nothing => {}
            Change::Move(how) => *pixels = how.apply(pixels, width),
            Change::Brightness(factor) => colour::brightness(pixels, factor),
            Change::Saturation(factor) => colour::saturation(pixels, factor),
            Change::Contrast(factor) => colour::contrast(pixels, factor),
            Change::Sharpness(factor) => colour::sharpness(pixels, width, factor),
            Change::Posterize(bits) => colour::posterize(pixels, bits),
            Change::Solarize(threshold) => colour::solarize(pixels, threshold),
            Change::Autocontrast => colour::autocontrast(pixels),
            Change::Equalize => colour::equalize(pixels),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::augment::purposes;
    use crate::image::{Encoded, MAX_PIXELS};

    /// The operations' names in torchvision, in the order of `KINDS`.
    const NAMES: [&str; 14] = [
        "Identity",
        "ShearX",
        "ShearY",
        "TranslateX",
        "TranslateY",
        "Rotate",
        "Brightness",
        "Color",
        "Contrast",
        "Sharpness",
        "Posterize",
        "Solarize",
        "AutoContrast",
        "Equalize",
    ];

    fn image() -> (Vec<Pixel>, usize) {
        let image = Encoded::open(include_bytes!("../../tests/pillow/rgb.png"), "rgb.png").unwrap();
        let (width, height) = image.size();
        assert!((width * height) as u64 <= MAX_PIXELS);
        let whole = (0..width, 0..height);
        (image.part(&whole).unwrap().pixels(&whole), width)
    }

    #[test]
    fn every_operation_matches_torchvision_to_the_byte() {
        let (pixels, width) = image();
        let mut failures = Vec::new();
        for line in include_str!("../../tests/pillow/changes.txt").lines() {
            let fields: Vec<&str> = line.split(' ').collect();
            let [ranges, name, strength, sign, sum] = fields[..] else { panic!("{line}") };
            let ranges = if ranges == "Rand" { Ranges::Rand } else { Ranges::Wide };
            let kind = KINDS[NAMES.iter().position(|known| *known == name).unwrap()];
            let size = (width, pixels.len() / width);
            let change = Change::new(kind, ranges, strength.parse().unwrap(), sign.parse().unwrap(), size);
            let mut changed = pixels.clone();
            change.apply(&mut changed, width);
            let mut crc = flate2::Crc::new();
            changed.iter().for_each(|pixel| crc.update(&pixel[..3]));
            if crc.sum() != u32::from_str_radix(sum, 16).unwrap() {
                failures.push(line);
            }
        }
        assert!(failures.is_empty(), "{failures:#?}");
    }

    #[test]
    fn policies_draw_every_operation_and_the_same_one_for_the_same_key() {
        let (pixels, width) = image();
        for policy in [Policy::RAND, Policy::Trivial] {
            let drawn = |i: u64| {
                let mut out = pixels.clone();
                policy.apply(&mut out, width, &mut RandomStream::new(0, purposes::POLICY, 0, i));
                out
            };
            let all: HashSet<Vec<Pixel>> = (0..200).map(drawn).collect();
            assert!(all.len() > 50, "{policy:?}: {}", all.len());
            assert_eq!(drawn(3), drawn(3));
        }
        assert!(Policy::Rand { changes: 1, strength: 31 }.check().is_err());
    }
}
