//! Lengths of training with their unit, turned into optimizer steps once.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Error;

/// How long to train, in the unit that the recipe's author thought in.
///
/// Written as a whole number and a unit: `"64000 steps"`, `"64k steps"`, `"3 epochs"`, `"150k images"`.
///
/// ```
/// use resnet_record::{Duration, EpochSize};
/// let epoch = EpochSize { images: 50_000, steps: 391 };
/// assert_eq!("3 epochs".parse::<Duration>()?.steps(epoch), 1173);
/// assert_eq!("64k steps".parse::<Duration>()?, Duration::Steps(64_000));
/// assert_eq!("150k images".parse::<Duration>()?.steps(epoch), 1173);
/// # Ok::<(), resnet_record::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duration {
    /// Optimizer steps, the papers' "iterations".
    Steps(u64),
    /// Passes over the training images.
    Epochs(u64),
    /// Training images, each counted every time it is seen.
    Images(u64),
}

/// How much one epoch is, which turns every [`Duration`] into steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochSize {
    /// Images seen in one epoch.
    pub images: u64,
    /// Optimizer steps in one epoch.
    pub steps: u64,
}

impl Duration {
    /// The number of optimizer steps; a number of images that ends within a step is rounded up. Saturates.
    pub fn steps(self, epoch: EpochSize) -> u64 {
        match self {
            Duration::Steps(n) => n,
            Duration::Epochs(n) => n.saturating_mul(epoch.steps),
            Duration::Images(n) => {
                let steps =
                    (u128::from(n) * u128::from(epoch.steps)).div_ceil(u128::from(epoch.images.max(1)));
                u64::try_from(steps).unwrap_or(u64::MAX)
            }
        }
    }

    /// Whether nothing would be trained.
    pub fn is_zero(self) -> bool {
        matches!(self, Duration::Steps(0) | Duration::Epochs(0) | Duration::Images(0))
    }
}

impl FromStr for Duration {
    type Err = Error;

    fn from_str(text: &str) -> Result<Duration, Error> {
        let bad = |cause| Error::Duration { text: text.to_owned(), cause };
        let trimmed = text.trim();
        let digits = trimmed.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(trimmed.len());
        let (number, rest) = trimmed.split_at(digits);
        let number: u64 =
            number.replace('_', "").parse().map_err(|_| bad("it does not begin with a whole number"))?;
        let (factor, unit) = match rest.strip_prefix('k') {
            Some(unit) => (1_000, unit),
            None => match rest.strip_prefix('M') {
                Some(unit) => (1_000_000, unit),
                None => (1, rest),
            },
        };
        let number = number.checked_mul(factor).ok_or_else(|| bad("the number is too large"))?;
        match unit.trim() {
            "step" | "steps" => Ok(Duration::Steps(number)),
            "epoch" | "epochs" => Ok(Duration::Epochs(number)),
            "image" | "images" => Ok(Duration::Images(number)),
            "" => Err(bad("the unit is missing")),
            _ => Err(bad("the unit is none of steps, epochs, images")),
        }
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n, unit) = match *self {
            Duration::Steps(n) => (n, "step"),
            Duration::Epochs(n) => (n, "epoch"),
            Duration::Images(n) => (n, "image"),
        };
        write!(f, "{n} {unit}{}", if n == 1 { "" } else { "s" })
    }
}

/// How long the learning rate takes to rise: a [`Duration`], or a share of the whole training such as
/// `"5 %"`.
///
/// ```
/// use resnet_record::{EpochSize, Warmup};
/// let epoch = EpochSize { images: 50_000, steps: 391 };
/// let warmup: Warmup = "5 %".parse()?;
/// assert_eq!(warmup.steps(1173, epoch), 58); // 58.65, rounded down
/// assert_eq!("400 steps".parse::<Warmup>()?.steps(64_000, epoch), 400);
/// # Ok::<(), resnet_record::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Warmup {
    /// Percent of all steps, 0 to 100.
    Percent(f64),
    /// A length of its own.
    For(Duration),
}

impl Warmup {
    /// The number of warm-up steps of a training of `total` steps; a share is rounded down, as Python's `int`
    /// does.
    pub fn steps(self, total: u64, epoch: EpochSize) -> u64 {
        match self {
            // Steps stay far below 2^53, where f64 is exact.
            Warmup::Percent(percent) => (total as f64 * percent / 100.0) as u64,
            Warmup::For(duration) => duration.steps(epoch),
        }
    }

    /// The same without rounding, for a peak between two steps.
    pub fn exact_steps(self, total: u64, epoch: EpochSize) -> f64 {
        match self {
            Warmup::Percent(percent) => total as f64 * percent / 100.0,
            Warmup::For(duration) => duration.steps(epoch) as f64,
        }
    }
}

impl FromStr for Warmup {
    type Err = Error;

    fn from_str(text: &str) -> Result<Warmup, Error> {
        let Some(number) = text.trim().strip_suffix('%') else {
            return text.parse().map(Warmup::For);
        };
        match number.trim().parse::<f64>() {
            Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(Warmup::Percent(percent)),
            _ => Err(Error::Duration {
                text: text.to_owned(),
                cause: "the share is not between 0 % and 100 %",
            }),
        }
    }
}

impl fmt::Display for Warmup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warmup::Percent(percent) => write!(f, "{percent} %"),
            Warmup::For(duration) => duration.fmt(f),
        }
    }
}

/// Both types are strings in a recipe, read by `FromStr` and written by `Display`.
macro_rules! as_text {
    ($($type:ty),*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

as_text!(Duration, Warmup);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, expected) in [
            ("3 epochs", Duration::Epochs(3)),
            ("1 epoch", Duration::Epochs(1)),
            ("64000 steps", Duration::Steps(64_000)),
            ("64_000 steps", Duration::Steps(64_000)),
            ("64k steps", Duration::Steps(64_000)),
            (" 2M  images ", Duration::Images(2_000_000)),
            ("7images", Duration::Images(7)),
        ] {
            assert_eq!(text.parse::<Duration>().unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn refuses_what_has_no_meaning() {
        for text in [
            "",
            "3",
            "epochs",
            "-3 epochs",
            "3.5 epochs",
            "3 weeks",
            "3 %",
            "99999999999999999999 steps",
            "_",
        ] {
            let message = text.parse::<Duration>().unwrap_err().to_string();
            assert!(message.contains("is not a duration"), "{text}: {message}");
        }
        for text in ["-1 %", "101 %", "NaN %", "%", "inf %"] {
            assert!(text.parse::<Warmup>().is_err(), "{text}");
        }
    }

    #[test]
    fn images_round_up_and_nothing_overflows() {
        let epoch = EpochSize { images: 10, steps: 3 };
        assert_eq!(Duration::Images(11).steps(epoch), 4);
        assert_eq!(Duration::Epochs(u64::MAX).steps(epoch), u64::MAX);
        assert_eq!(Duration::Images(u64::MAX).steps(EpochSize { images: 0, steps: 5 }), u64::MAX);
    }

    #[test]
    fn what_is_written_is_read_back() {
        for duration in [Duration::Steps(1), Duration::Epochs(200), Duration::Images(150_000)] {
            assert_eq!(duration.to_string().parse::<Duration>().unwrap(), duration);
        }
        for warmup in [Warmup::Percent(5.0), Warmup::Percent(0.125), Warmup::For(Duration::Steps(400))] {
            assert_eq!(warmup.to_string().parse::<Warmup>().unwrap(), warmup);
        }
    }
}
