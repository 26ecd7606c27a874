//! `Policy`: operations that are drawn for each training image. Those of torchvision's RandAugment (Cubuk et
//! al. 2020) and TrivialAugment (Müller and Hutter 2021) are drawn here, those of timm's RandAugment in
//! `rand_augment.rs`.

use super::geometry::Affine;
use super::operation::Operation;
use super::rand_augment::RandAugment;
use crate::pixels::Pixel;
use crate::random::RandomStream;
use crate::{Error, Interpolation, InterpolationChoice};

/// Which operations are drawn, and how strong they are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Policy {
    /// No operation.
    None,
    /// torchvision's RandAugment: `operations` of fourteen one after another, each drawn with equal
    /// probability, all of the same magnitude.
    Rand {
        /// How many operations.
        operations: usize,
        /// From 0, the weakest, to 30, the strongest.
        magnitude: u32,
    },
    /// torchvision's TrivialAugment: one operation, of a magnitude that is drawn too, from wider ranges.
    Trivial,
    /// timm's RandAugment.
    Timm(RandAugment),
}

impl Policy {
    /// RandAugment as torchvision's recipes use it: two operations of magnitude 9.
    pub const RAND: Self = Self::Rand { operations: 2, magnitude: 9 };

    pub(super) fn check(self) -> Result<(), Error> {
        match self {
            Policy::Rand { magnitude, .. } if magnitude > LARGEST => Err(Error::Invalid(format!(
                "RandAugment has no magnitude {magnitude}; it goes from 0 to {LARGEST}"
            ))),
            Policy::Timm(policy) => policy.check(),
            _ => Ok(()),
        }
    }

    /// Applies the policy to an image of this width. `filled` has the filter and the colour beyond the border
    /// that timm's policy uses; torchvision's are bilinear, and black beyond the border, as its recipes have
    /// them.
    pub(super) fn apply(
        self,
        pixels: &mut Vec<Pixel>,
        width: usize,
        filled: (InterpolationChoice, [u8; 3]),
        stream: &mut RandomStream,
    ) {
        let size = (width, pixels.len() / width);
        match self {
            Policy::None => {}
            Policy::Rand { operations, magnitude } => {
                for _ in 0..operations {
                    let kind = KINDS[stream.below(KINDS.len())];
                    operation(kind, Ranges::Rand, magnitude, stream.sign(), size).apply(pixels, width);
                }
            }
            Policy::Trivial => {
                let kind = KINDS[stream.below(KINDS.len())];
                let magnitude = stream.below(LARGEST as usize + 1) as u32;
                operation(kind, Ranges::Wide, magnitude, stream.sign(), size).apply(pixels, width);
            }
            Policy::Timm(policy) => policy.apply(pixels, width, filled, stream),
        }
    }
}

/// The largest magnitude.
const LARGEST: u32 = 30;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Identity,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
    Rotate,
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
    Kind::Identity,
    Kind::ShearX,
    Kind::ShearY,
    Kind::TranslateX,
    Kind::TranslateY,
    Kind::Rotate,
    Kind::Brightness,
    Kind::Saturation,
    Kind::Contrast,
    Kind::Sharpness,
    Kind::Posterize,
    Kind::Solarize,
    Kind::Autocontrast,
    Kind::Equalize,
];

/// The range of an operation's amount at the largest magnitude.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ranges {
    /// RandAugment's; shifts up to 150 / 331 of a side.
    Rand,
    /// TrivialAugment's "wide" ones; shifts up to 32 pixels.
    Wide,
}

/// The operation on an image of this width and height.
fn operation(
    kind: Kind,
    ranges: Ranges,
    magnitude: u32,
    sign: f64,
    (width, height): (usize, usize),
) -> Operation {
    let signed = |narrow: f64, wide: f64| {
        let last = if ranges == Ranges::Rand { narrow } else { wide };
        sign * f64::from(spaced(0.0, last as f32, magnitude))
    };
    let shift = |side: usize| signed(150.0 / 331.0 * side as f64, 32.0).trunc();
    let factor = (1.0 + signed(0.9, 0.99)) as f32;
    // torchvision's classes take the nearest pixel unless they are told; its recipes tell them bilinear.
    let moved = |affine| Operation::Interpolated(affine, Interpolation::Bilinear, [0; 3]);
    // By way of degrees, where torchvision loses a digit.
    let angle = || signed(0.3, 0.99).atan().to_degrees().to_radians();
    match kind {
        Kind::Identity => Operation::Identity,
        Kind::ShearX => moved(Affine::shear_x(angle().tan())),
        Kind::ShearY => moved(Affine::shear_y(angle().sin() / angle().cos())),
        Kind::TranslateX => moved(Affine::translate(shift(width), 0.0)),
        Kind::TranslateY => moved(Affine::translate(0.0, shift(height))),
        Kind::Rotate => moved(Affine::rotate(signed(30.0, 135.0), width, height)),
        Kind::Brightness => Operation::Brightness(factor),
        Kind::Saturation => Operation::Saturation(factor),
        Kind::Contrast => Operation::Contrast(factor),
        Kind::Sharpness => Operation::Sharpness(factor),
        Kind::Posterize => {
            let most = if ranges == Ranges::Rand { 4.0 } else { 6.0 };
            let part = f64::from(magnitude) / f64::from(LARGEST);
            Operation::Posterize((8.0 - (part * most).round_ties_even()) as u32)
        }
        Kind::Solarize => Operation::Solarize(f64::from(spaced(255.0, 0.0, magnitude))),
        Kind::Autocontrast => Operation::Autocontrast,
        Kind::Equalize => Operation::Equalize,
    }
}

/// The magnitude of this number between those of the weakest and the strongest, as `torch.linspace` has it:
/// in 32 bits and from the nearer end, with one rounding.
fn spaced(weakest: f32, strongest: f32, number: u32) -> f32 {
    let step = (strongest - weakest) / LARGEST as f32;
    match number < LARGEST.div_ceil(2) {
        true => step.mul_add(number as f32, weakest),
        false => (-step).mul_add((LARGEST - number) as f32, strongest),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::augment::operation::testing::{checksum, image};
    use crate::augment::purposes;

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

    #[test]
    fn every_operation_matches_torchvision_to_the_byte() {
        let (pixels, width) = image();
        let size = (width, pixels.len() / width);
        let mut failures = Vec::new();
        for line in include_str!("../../tests/pillow/operations.txt").lines() {
            let fields: Vec<&str> = line.split(' ').collect();
            let [ranges, name, magnitude, sign, sum] = fields[..] else { panic!("{line}") };
            let ranges = if ranges == "Rand" { Ranges::Rand } else { Ranges::Wide };
            let kind = KINDS[NAMES.iter().position(|known| *known == name).unwrap()];
            let operation = operation(kind, ranges, magnitude.parse().unwrap(), sign.parse().unwrap(), size);
            if checksum(operation) != u32::from_str_radix(sum, 16).unwrap() {
                failures.push(line);
            }
        }
        assert!(failures.is_empty(), "{failures:#?}");
    }

    #[test]
    fn rand_augment_draws_each_operation_in_both_directions() {
        let (pixels, width) = image();
        let size = (width, pixels.len() / width);
        let each = KINDS.iter().flat_map(|kind| [1.0, -1.0].map(|sign| (*kind, sign))).map(|(kind, sign)| {
            let mut out = pixels.clone();
            operation(kind, Ranges::Rand, 9, sign, size).apply(&mut out, width);
            out
        });
        let filled = (InterpolationChoice::Bilinear, [0; 3]);
        let drawn = (0..1_000).map(|i| {
            let mut out = pixels.clone();
            let mut stream = RandomStream::new(0, purposes::POLICY, 0, i);
            Policy::Rand { operations: 1, magnitude: 9 }.apply(&mut out, width, filled, &mut stream);
            out
        });
        assert!(drawn.collect::<HashSet<_>>() == each.collect::<HashSet<_>>());
    }

    #[test]
    fn policies_draw_many_operations_and_the_same_one_for_the_same_key() {
        let (pixels, width) = image();
        let timm = RandAugment { magnitude: 7.0, magnitude_std: 0.5, operations: 2, probability: 0.5 };
        for policy in [Policy::RAND, Policy::Trivial, Policy::Timm(timm)] {
            let drawn = |i: u64| {
                let mut out = pixels.clone();
                let mut stream = RandomStream::new(0, purposes::POLICY, 0, i);
                policy.apply(&mut out, width, (InterpolationChoice::Random, [124, 116, 104]), &mut stream);
                out
            };
            let all: HashSet<Vec<Pixel>> = (0..200).map(drawn).collect();
            assert!(all.len() > 50, "{policy:?}: {}", all.len());
            assert_eq!(drawn(3), drawn(3));
        }
        assert!(Policy::Rand { operations: 1, magnitude: 31 }.check().is_err());
    }
}
