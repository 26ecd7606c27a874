//! `[photos]`: what becomes of photographs on their way to a network.

use serde::{Deserialize, Serialize};

/// `[photos]`, given if and only if `data.set = "photos"`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhotosRecipe {
    /// Height and width of a training image in pixels.
    #[serde(default = "two_hundred_and_twenty_four")]
    pub side: usize,
    /// From which pixels it is made.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub decode: PhotoDecoding,
    /// Whether EXIF data turn images, in training and evaluation.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub orientation: PhotoOrientation,
    /// Which part of a photograph it shows.
    pub crop: PhotoCrop,
    /// Brightness, contrast and saturation are each multiplied by a factor drawn from 1 - x to 1 + x; 0
    /// leaves them.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub jitter: f32,
    /// Standard deviation of the change of light along the principal components of ImageNet's colours
    /// (AlexNet's is 0.1).
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub lighting: f64,
    /// Changes drawn from a list for each image.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub policy: PhotoPolicy,
    /// Probability that a rectangle is erased.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub erase: f64,
    /// In evaluation, what the shorter side becomes, and the square that is cut from the middle.
    pub evaluate: PhotoEvaluation,
}

/// From which pixels training images are made; evaluation is always exact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PhotoDecoding {
    /// From a photograph's own.
    #[default]
    Exact,
    /// Of a large JPEG file from means of some of them, where still two or more of those become one: a little
    /// softer, and soon decoded.
    Scaled,
}

/// What becomes of images whose EXIF data say that they lie on their side, on their head or mirrored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PhotoOrientation {
    /// They are turned upright: for images as cameras write them.
    #[default]
    Apply,
    /// They are shown as they are stored: as torchvision and timm show ImageNet's.
    Ignore,
}

/// Which part of a photograph a training step sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PhotoCrop {
    /// The shorter side resized to a random length from 256 to 480 pixels, a square at a random place: the
    /// paper's scale augmentation.
    Scale,
    /// A part of 8 to 100 % of the area and of shape 3:4 to 4:3, resized to the square: the paper's scale and
    /// aspect ratio augmentation, as in Inception.
    Area,
}

/// Changes drawn from a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PhotoPolicy {
    /// None.
    #[default]
    None,
    /// RandAugment (arXiv 1909.13719) with two changes of magnitude 9.
    RandAugment,
    /// TrivialAugment (arXiv 2103.10158).
    TrivialAugment,
}

/// How photographs are evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhotoEvaluation {
    /// Pixels of the shorter side.
    pub resize: usize,
    /// Pixels of the square's sides.
    pub crop: usize,
}

fn two_hundred_and_twenty_four() -> usize {
    224
}
