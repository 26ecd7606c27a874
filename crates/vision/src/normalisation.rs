//! From bytes to the numbers that a network takes: `(byte / 255 - mean) / std`, per channel.

use std::fmt;

use crate::Error;
use crate::pixels::Pixel;

/// Per-channel mean and standard deviation (red, green, blue), in units of `byte / 255`.
///
/// ```
/// use resnet_vision::Normalisation;
///
/// let n = Normalisation { mean: [0.5; 3], std: [0.25; 3] };
/// assert_eq!(n.apply(0, 255), 2.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalisation {
    /// Subtracted from `byte / 255`.
    pub mean: [f32; 3],
    /// Divides the difference; positive.
    pub std: [f32; 3],
}

impl Normalisation {
    /// The statistics of CIFAR-10's training images.
    pub const CIFAR10: Self = Self { mean: [0.4914, 0.4822, 0.4465], std: [0.2470, 0.2435, 0.2616] };
    /// The statistics of CIFAR-100's training images.
    pub const CIFAR100: Self = Self { mean: [0.5071, 0.4865, 0.4409], std: [0.2673, 0.2564, 0.2762] };
    /// The statistics that ImageNet checkpoints are trained with.
    pub const IMAGENET: Self = Self { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
    /// Maps bytes to [-1, 1]; for data without statistics of its own, and what BiT checkpoints expect.
    pub const HALF: Self = Self { mean: [0.5; 3], std: [0.5; 3] };
    /// Maps bytes to [0, 1].
    pub const UNIT: Self = Self { mean: [0.0; 3], std: [1.0; 3] };

    /// Checks that every number is finite, every mean in -1 to 1 and every standard deviation positive.
    ///
    /// # Errors
    /// If one is not; the message shows the numbers.
    pub fn check(&self) -> Result<(), Error> {
        let mean_fits = self.mean.iter().all(|m| m.is_finite());
        let std_fits = self.std.iter().all(|s| s.is_finite() && *s > 0.0);
        if let Some(mean) = self.mean.iter().find(|mean| mean.is_finite() && mean.abs() > 1.0) {
            return Err(Error::Invalid(format!(
                "mean {mean} is of pixels from 0 to 255; divide mean and std by 255"
            )));
        }
        if mean_fits && std_fits {
            return Ok(());
        }
        let Self { mean, std } = self;
        Err(Error::Invalid(format!(
            "cannot normalise with mean {mean:?} and std {std:?}: all must be finite and each std above 0"
        )))
    }

    /// The mean as a colour in bytes.
    pub(crate) fn mean_colour(&self) -> [u8; 3] {
        // A cast clips.
        self.mean.map(|mean| (255.0 * mean).round_ties_even() as u8)
    }

    /// The number for `byte` in `channel` (0 red, 1 green, 2 blue).
    ///
    /// The steps are PyTorch's `ToTensor` and `Normalize` in the same order and in `f32`, so that the
    /// result is theirs to the bit.
    ///
    /// # Panics
    /// If `channel > 2`.
    pub fn apply(&self, channel: usize, byte: u8) -> f32 {
        (f32::from(byte) / 255.0 - self.mean[channel]) / self.std[channel]
    }

    /// Appends pixels to `out` plane by plane.
    pub(crate) fn append_planes(&self, pixels: &[Pixel], out: &mut Vec<f32>) {
        for (c, table) in self.tables().iter().enumerate() {
            out.extend(pixels.iter().map(|pixel| table[usize::from(pixel[c])]));
        }
    }

    /// The results of [`apply`](Self::apply) as `tables[channel][byte]`: a look-up is as fast as a
    /// multiply-add, and exact.
    pub fn tables(&self) -> Box<[[f32; 256]; 3]> {
        Box::new(std::array::from_fn(|c| std::array::from_fn(|byte| self.apply(c, byte as u8))))
    }
}

/// `mean 0.485,0.456,0.406 and std 0.229,0.224,0.225`, each as [`parse_rgb`] reads it.
impl fmt::Display for Normalisation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [mean, std] = [self.mean, self.std].map(|numbers| numbers.map(|n| n.to_string()).join(","));
        write!(f, "mean {mean} and std {std}")
    }
}

/// Reads three numbers written "r,g,b", such as "0.485,0.456,0.406".
///
/// # Errors
/// If the text is not three finite numbers separated by commas.
pub fn parse_rgb(text: &str) -> Result<[f32; 3], Error> {
    let numbers: Option<Vec<f32>> =
        text.split(',').map(|part| part.trim().parse().ok().filter(|n: &f32| n.is_finite())).collect();
    numbers.and_then(|numbers| numbers.try_into().ok()).ok_or_else(|| {
        Error::Invalid(format!("{text:?} is not three numbers \"r,g,b\", for example 0.485,0.456,0.406"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triples_are_read_strictly() {
        assert_eq!(parse_rgb("1, -2,0.5").unwrap(), [1.0, -2.0, 0.5]);
        for bad in ["", "1,2", "1,2,3,4", "1,2,x", "1,2,nan", "1,2,inf", "1;2;3"] {
            assert!(parse_rgb(bad).is_err(), "{bad:?}");
        }
        let flat = Normalisation { mean: [0.0; 3], std: [1.0, 0.0, 1.0] };
        assert!(flat.check().unwrap_err().to_string().contains("above 0"));
        let bytes = Normalisation { mean: [123.0, 116.0, 103.0], std: [58.0, 57.0, 57.0] };
        assert!(bytes.check().unwrap_err().to_string().contains("mean 123 is of pixels from 0 to 255"));
        assert_eq!(Normalisation::HALF.to_string(), "mean 0.5,0.5,0.5 and std 0.5,0.5,0.5");
        let sign = Normalisation { mean: [-1.0, 0.0, 1.0], std: [1.0; 3] };
        assert!(sign.check().is_ok() && Normalisation::UNIT.check().is_ok());
    }

    #[test]
    fn tables_hold_what_apply_gives() {
        let n = Normalisation::CIFAR10;
        let tables = n.tables();
        assert_eq!(tables[2][255], n.apply(2, 255));
        assert!((n.apply(0, 0) + 0.4914 / 0.2470).abs() < 1e-6);
        assert!((n.apply(1, 255) - (1.0 - 0.4822) / 0.2435).abs() < 1e-6);
    }
}
