//! `RandAugment`: timm's RandAugment. Its magnitude varies from operation to operation, and an operation is
//! carried out with a given probability. Operations that depend on the magnitude get stronger with it (timm's
//! `inc1`).

use super::geometry::Affine;
use super::operation::Operation;
use crate::pixels::Pixel;
use crate::random::RandomStream;
use crate::{Error, InterpolationChoice};

/// timm's RandAugment, written `rand-m7-mstd0.5-inc1` there: each of `operations` is one of fifteen, drawn
/// with equal probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RandAugment {
    /// The mean magnitude, from 0, the weakest, to 10, the strongest.
    pub magnitude: f64,
    /// Standard deviation of the magnitude; what falls outside of 0 to 10 is clipped.
    pub magnitude_std: f64,
    /// How many operations follow each other.
    pub operations: usize,
    /// The probability that a drawn operation is carried out, from 0 to 1; timm has 0.5.
    pub probability: f64,
}

/// The largest magnitude.
const LARGEST: f64 = 10.0;

impl RandAugment {
    pub(super) fn check(self) -> Result<(), Error> {
        let Self { magnitude, magnitude_std, operations: _, probability } = self;
        let fits = (0.0..=LARGEST).contains(&magnitude)
            && (0.0..=LARGEST).contains(&magnitude_std)
            && (0.0..=1.0).contains(&probability);
        fits.then_some(()).ok_or_else(|| {
            Error::Invalid(format!(
                "{self:?} is out of range: magnitude and its deviation go from 0 to {LARGEST}, a probability from 0 to 1"
            ))
        })
    }

    /// Changes an image of this width.
    pub(super) fn apply(
        self,
        pixels: &mut Vec<Pixel>,
        width: usize,
        (choice, fill): (InterpolationChoice, [u8; 3]),
        stream: &mut RandomStream,
    ) {
        for _ in 0..self.operations {
            let kind = KINDS[stream.below(KINDS.len())];
            let left_out = stream.unit_f64() >= self.probability;
            let magnitude = (self.magnitude + self.magnitude_std * stream.normal()).clamp(0.0, LARGEST);
            let sign = stream.sign();
            let interpolation = choice.draw(stream);
            if !left_out {
                let interpolated = |affine| Operation::Interpolated(affine, interpolation, fill);
                let size = (width, pixels.len() / width);
                operation(kind, magnitude, sign, size, interpolated).apply(pixels, width);
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Autocontrast,
    Equalize,
    Invert,
    Rotate,
    Posterize,
    Solarize,
    SolarizeAdd,
    Saturation,
    Contrast,
    Brightness,
    Sharpness,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
}

const KINDS: [Kind; 15] = [
    Kind::Autocontrast,
    Kind::Equalize,
    Kind::Invert,
    Kind::Rotate,
    Kind::Posterize,
    Kind::Solarize,
    Kind::SolarizeAdd,
    Kind::Saturation,
    Kind::Contrast,
    Kind::Brightness,
    Kind::Sharpness,
    Kind::ShearX,
    Kind::ShearY,
    Kind::TranslateX,
    Kind::TranslateY,
];

/// The operation on an image of this width and height; `interpolated` makes one of a shear, shift or
/// rotation.
fn operation(
    kind: Kind,
    magnitude: f64,
    sign: f64,
    (width, height): (usize, usize),
    interpolated: impl Fn(Affine) -> Operation,
) -> Operation {
    let part = magnitude / LARGEST;
    let shear = sign * (part * 0.3);
    let shift = |side: usize| sign * (part * 0.45) * side as f64;
    let factor = (1.0 + sign * (part * 0.9)).max(0.1) as f32;
    match kind {
        Kind::Autocontrast => Operation::Autocontrast,
        Kind::Equalize => Operation::Equalize,
        Kind::Invert => Operation::Invert,
        Kind::Rotate => interpolated(Affine::rotate(sign * (part * 30.0), width, height)),
        Kind::Posterize => Operation::Posterize(4 - (part * 4.0) as u32),
        Kind::Solarize => Operation::Solarize(f64::from(256 - (part * 256.0) as u32)),
        Kind::SolarizeAdd => Operation::SolarizeAdd((part * 110.0) as u8),
        Kind::Saturation => Operation::Saturation(factor),
        Kind::Contrast => Operation::Contrast(factor),
        Kind::Brightness => Operation::Brightness(factor),
        Kind::Sharpness => Operation::Sharpness(factor),
        Kind::ShearX => interpolated(Affine::shear_x(shear)),
        Kind::ShearY => interpolated(Affine::shear_y(shear)),
        // In timm, a positive amount moves the image to the left or up.
        Kind::TranslateX => interpolated(Affine::translate(-shift(width), 0.0)),
        Kind::TranslateY => interpolated(Affine::translate(0.0, -shift(height))),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::Interpolation;
    use crate::augment::operation::testing::{checksum, image};
    use crate::augment::purposes;

    /// The operations' names in timm, in the order of `KINDS`.
    const NAMES: [&str; 15] = [
        "AutoContrast",
        "Equalize",
        "Invert",
        "Rotate",
        "PosterizeIncreasing",
        "SolarizeIncreasing",
        "SolarizeAdd",
        "ColorIncreasing",
        "ContrastIncreasing",
        "BrightnessIncreasing",
        "SharpnessIncreasing",
        "ShearX",
        "ShearY",
        "TranslateXRel",
        "TranslateYRel",
    ];

    /// ImageNet's mean colour.
    const FILL: [u8; 3] = [124, 116, 104];

    #[test]
    fn every_operation_matches_timm_to_the_byte() {
        let (pixels, width) = image();
        let size = (width, pixels.len() / width);
        let (mut failures, mut seen) = (Vec::new(), 0);
        for line in include_str!("../../tests/pillow/timm_operations.txt").lines() {
            let fields: Vec<&str> = line.split(' ').collect();
            let [name, magnitude, sign, interpolation, sum] = fields[..] else { panic!("{line}") };
            let kind = KINDS[NAMES.iter().position(|known| *known == name).unwrap()];
            let filter =
                if interpolation == "bilinear" { Interpolation::Bilinear } else { Interpolation::Bicubic };
            let interpolated = |affine| Operation::Interpolated(affine, filter, FILL);
            let [magnitude, sign] = [magnitude, sign].map(|number| number.parse().unwrap());
            if checksum(operation(kind, magnitude, sign, size, interpolated))
                != u32::from_str_radix(sum, 16).unwrap()
            {
                failures.push(line);
            }
            seen += 1;
        }
        assert!(failures.is_empty() && seen > 100, "{} of {seen}: {failures:#?}", failures.len());
    }

    #[test]
    fn half_of_the_operations_are_carried_out() {
        let (pixels, width) = image();
        let changed = |probability: f64| {
            let policy = RandAugment { magnitude: 9.0, magnitude_std: 0.0, operations: 1, probability };
            let change = |i: u64| {
                let mut out = pixels.clone();
                let mut stream = RandomStream::new(0, purposes::POLICY, 0, i);
                policy.apply(&mut out, width, (InterpolationChoice::Random, FILL), &mut stream);
                out != pixels
            };
            (0..400).filter(|i| change(*i)).count()
        };
        assert_eq!(changed(0.0), 0);
        let (half, all) = (changed(0.5), changed(1.0));
        // `half` has a standard deviation of ten.
        assert!(all > 340 && half.abs_diff(all / 2) < 40, "{half} and {all} of 400");
    }

    #[test]
    fn magnitudes_scatter_by_their_deviation() {
        let (pixels, width) = image();
        let different = |magnitude_std: f64| {
            let policy = RandAugment { magnitude: 5.0, magnitude_std, operations: 1, probability: 1.0 };
            let drawn = (0..600).map(|i| {
                let mut out = pixels.clone();
                let mut stream = RandomStream::new(0, purposes::POLICY, 0, i);
                policy.apply(&mut out, width, (InterpolationChoice::Bilinear, FILL), &mut stream);
                out
            });
            drawn.collect::<HashSet<_>>().len()
        };
        // Without a deviation each operation has at most its two directions.
        assert!(different(0.0) <= 2 * KINDS.len(), "{}", different(0.0));
        assert!(different(0.5) > 100, "{}", different(0.5));
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        let good = RandAugment { magnitude: 7.0, magnitude_std: 0.5, operations: 2, probability: 0.5 };
        assert!(good.check().is_ok());
        for bad in [
            RandAugment { magnitude: 10.5, ..good },
            RandAugment { magnitude: f64::NAN, ..good },
            RandAugment { magnitude_std: -1.0, ..good },
            RandAugment { probability: 1.5, ..good },
        ] {
            assert!(bad.check().unwrap_err().to_string().contains("out of range"));
        }
    }
}
