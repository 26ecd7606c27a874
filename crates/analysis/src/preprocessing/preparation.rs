//! How an image becomes an input, one thing after another, and what each could be instead.

use resnet_vision::image::Orientation;
use resnet_vision::{EvalTransform, Interpolation, Normalisation};
use serde::Serialize;

/// Everything that is done to an image before a network sees it, and how the network's norms look at it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preparation {
    /// The filter for resizing.
    pub interpolation: Interpolation,
    /// Whether that filter is stretched when an image shrinks.
    pub antialiasing: Antialiasing,
    /// What of the image is shown.
    pub crop: Crop,
    /// Height and width of the input, in pixels.
    pub side: usize,
    /// The order of the colours.
    pub channels: Channels,
    /// How bytes become numbers.
    pub normalisation: Normalisation,
    /// Whether EXIF data turn the image.
    pub orientation: Orientation,
    /// What batch norms normalise with.
    pub statistics: Statistics,
}

/// Whether a filter covers all pixels that become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Antialiasing {
    /// As Pillow resizes.
    On,
    /// Only the neighbours of a point are looked at, as OpenCV and tensors resize by default.
    Off,
    /// The nearest pixel alone.
    Nearest,
}

/// Which part of an image is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crop {
    /// The middle, after the shorter side was resized to so many pixels.
    Resized(usize),
    /// The whole image, both sides resized to the input's side, whatever its shape.
    Squashed,
    /// The middle of the image as it is.
    Unresized,
}

/// The order of the colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channels {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red, as OpenCV reads images.
    Bgr,
}

/// What batch norms normalise with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistics {
    /// The running statistics in the checkpoint.
    Running,
    /// Those of the batch: helps where the running ones are wrong or were never loaded.
    Batch,
}

/// One thing about a preparation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // their names say it
pub enum Axis {
    Interpolation,
    Antialiasing,
    Crop,
    Channels,
    Normalisation,
    Orientation,
    Statistics,
}

/// A preparation with one thing changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What is changed.
    pub axis: Axis,
    /// To what, in words.
    pub to: String,
    /// The preparation with only this changed.
    pub preparation: Preparation,
}

impl Axis {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Axis::Interpolation => "interpolation",
            Axis::Antialiasing => "antialiasing",
            Axis::Crop => "crop",
            Axis::Channels => "channel order",
            Axis::Normalisation => "normalisation",
            Axis::Orientation => "EXIF orientation",
            Axis::Statistics => "batch norm's statistics",
        }
    }
}

/// Shares of the resized shorter side that crops are usually cut from: none, and those of timm's and
/// torchvision's checkpoints.
const CROP_SHARES: [f64; 4] = [1.0, 0.95, 0.9, 0.875];

/// What images are usually normalised with.
const NORMALISATIONS: [(&str, Normalisation); 5] = [
    ("CIFAR-10's", Normalisation::CIFAR10),
    ("CIFAR-100's", Normalisation::CIFAR100),
    ("ImageNet's", Normalisation::IMAGENET),
    ("[-1, 1]", Normalisation::HALF),
    ("[0, 1]", Normalisation::UNIT),
];

impl Preparation {
    /// The preparation of an evaluation with `transform`: RGB, antialiasing, the running statistics.
    pub fn of(transform: EvalTransform, orientation: Orientation) -> Self {
        Preparation {
            interpolation: transform.interpolation,
            antialiasing: Antialiasing::On,
            crop: Crop::Resized(transform.resize),
            side: transform.crop,
            channels: Channels::Rgb,
            normalisation: transform.normalisation,
            orientation,
            statistics: Statistics::Running,
        }
    }

    /// The value of `axis`, in words.
    pub fn described(&self, axis: Axis) -> String {
        match axis {
            Axis::Interpolation => match self.interpolation {
                Interpolation::Bilinear => "bilinear".to_owned(),
                Interpolation::Bicubic => "bicubic".to_owned(),
            },
            Axis::Antialiasing => match self.antialiasing {
                Antialiasing::On => "on".to_owned(),
                Antialiasing::Off => "off".to_owned(),
                Antialiasing::Nearest => "nearest pixel".to_owned(),
            },
            Axis::Crop => match self.crop {
                Crop::Resized(side) => format!("{0} x {0} of a shorter side of {side}", self.side),
                Crop::Squashed => format!("all of it, squashed to {0} x {0}", self.side),
                Crop::Unresized => format!("{0} x {0} of the image as it is", self.side),
            },
            Axis::Channels => match self.channels {
                Channels::Rgb => "red, green, blue".to_owned(),
                Channels::Bgr => "blue, green, red".to_owned(),
            },
            Axis::Normalisation => named(self.normalisation),
            Axis::Orientation => match self.orientation {
                Orientation::Apply => "applied".to_owned(),
                Orientation::Ignore => "ignored".to_owned(),
            },
            Axis::Statistics => match self.statistics {
                Statistics::Running => "the checkpoint's".to_owned(),
                Statistics::Batch => "the batch's".to_owned(),
            },
        }
    }

    /// Everything that is tried of the `axes`: this preparation with one thing changed.
    pub fn changes(&self, axes: &[Axis]) -> Vec<Change> {
        let mut changes = vec![];
        for axis in axes {
            for preparation in self.alternatives(*axis) {
                if preparation != *self {
                    changes.push(Change { axis: *axis, to: preparation.described(*axis), preparation });
                }
            }
        }
        changes
    }

    /// This preparation with `axis` as `other` has it.
    pub fn with(self, axis: Axis, other: &Preparation) -> Self {
        match axis {
            Axis::Interpolation => Preparation { interpolation: other.interpolation, ..self },
            Axis::Antialiasing => Preparation { antialiasing: other.antialiasing, ..self },
            Axis::Crop => Preparation { crop: other.crop, ..self },
            Axis::Channels => Preparation { channels: other.channels, ..self },
            Axis::Normalisation => Preparation { normalisation: other.normalisation, ..self },
            Axis::Orientation => Preparation { orientation: other.orientation, ..self },
            Axis::Statistics => Preparation { statistics: other.statistics, ..self },
        }
    }

    fn alternatives(self, axis: Axis) -> Vec<Preparation> {
        match axis {
            Axis::Interpolation => [Interpolation::Bilinear, Interpolation::Bicubic]
                .map(|interpolation| Preparation { interpolation, ..self })
                .into(),
            Axis::Antialiasing => [Antialiasing::On, Antialiasing::Off, Antialiasing::Nearest]
                .map(|antialiasing| Preparation { antialiasing, ..self })
                .into(),
            Axis::Crop => {
                let resized = CROP_SHARES.map(|share| Crop::Resized((self.side as f64 / share) as usize));
                let crops = resized.into_iter().chain([Crop::Squashed, Crop::Unresized]);
                crops.map(|crop| Preparation { crop, ..self }).collect()
            }
            Axis::Channels => {
                [Channels::Rgb, Channels::Bgr].map(|channels| Preparation { channels, ..self }).into()
            }
            Axis::Normalisation => {
                let Normalisation { mean, std } = self.normalisation;
                let own = [
                    Normalisation { mean: [0.0; 3], std },
                    Normalisation { mean, std: [1.0; 3] },
                    // Bytes that were never divided by 255.
                    Normalisation { mean: [0.0; 3], std: [1.0 / 255.0; 3] },
                    Normalisation { mean, std: [1.0 / 255.0; 3] },
                ];
                let all = NORMALISATIONS.iter().map(|(_, usual)| *usual).chain(own);
                all.map(|normalisation| Preparation { normalisation, ..self }).collect()
            }
            Axis::Orientation => [Orientation::Apply, Orientation::Ignore]
                .map(|orientation| Preparation { orientation, ..self })
                .into(),
            Axis::Statistics => [Statistics::Running, Statistics::Batch]
                .map(|statistics| Preparation { statistics, ..self })
                .into(),
        }
    }
}

/// `ImageNet's`, or the numbers.
fn named(normalisation: Normalisation) -> String {
    let list = |values: [f32; 3]| values.map(|value| format!("{value:.4}")).join(", ");
    match NORMALISATIONS.iter().find(|(_, usual)| *usual == normalisation) {
        Some((name, _)) => (*name).to_owned(),
        None => format!("mean {} and std {}", list(normalisation.mean), list(normalisation.std)),
    }
}
