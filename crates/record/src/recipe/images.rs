//! `[images]`: the transforms of images in files, for training and for evaluation.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::RandAugment;

/// `[images]`, given if and only if `data.set = "images"`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImagesRecipe {
    /// Height and width of a training image in pixels; 224 by default.
    #[serde(default = "two_hundred_and_twenty_four")]
    pub image_size: usize,
    /// Whether large JPEG files may be decoded at a reduced size for training.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub decode: ImageDecoding,
    /// Whether EXIF orientation is applied, in training and evaluation.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub orientation: ImageOrientation,
    /// The random crop of training images.
    pub crop: ImageCrop,
    /// The filter that training images are resized with.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub interpolation: TrainInterpolation,
    /// x: brightness, contrast and saturation are each multiplied by a factor drawn from 1 - x to 1 + x; 0
    /// turns it off.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub color_jitter: f32,
    /// PCA colour noise: its standard deviation along the principal components of ImageNet's colours
    /// (AlexNet's is 0.1); 0 turns it off.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub lighting: f64,
    /// Random operations drawn from a list for each image.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub auto_augment: ImagePolicy,
    /// The probability that a random rectangle is erased.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub random_erasing: f64,
    /// The resize and the centre crop of evaluation.
    pub evaluate: EvaluationCrop,
}

/// Whether large JPEG files may be decoded at a reduced size for training; evaluation never does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageDecoding {
    /// Always at full size.
    #[default]
    Exact,
    /// At a half, a quarter or an eighth if the crop is still reduced at least twofold afterwards: a little
    /// softer, and faster.
    Scaled,
}

/// Whether EXIF orientation is applied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageOrientation {
    /// Images are turned upright: for images straight from a camera.
    #[default]
    Apply,
    /// Images are used as stored, as torchvision and timm do for ImageNet.
    Ignore,
}

/// The random crop of training images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageCrop {
    /// The shorter side is resized to a random length from 256 to 480 pixels, and a random square is cropped:
    /// the paper's scale augmentation.
    #[serde(rename = "scale-augmentation")]
    ScaleAugmentation,
    /// A random part of 8 to 100 % of the area and of aspect ratio 3:4 to 4:3 is resized to the square: the
    /// paper's scale and aspect ratio augmentation, as in Inception.
    #[serde(rename = "random-resized-crop")]
    RandomResizedCrop,
}

/// The filter that training images are resized with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrainInterpolation {
    /// Bilinear, as in torchvision's recipes.
    #[default]
    Bilinear,
    /// Bicubic.
    Bicubic,
    /// One of the two for each image and each operation of `auto_augment`, as in timm's recipes.
    Random,
}

/// The filter that images are resized with in evaluation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EvalInterpolation {
    /// Bilinear, as in torchvision's recipes.
    #[default]
    Bilinear,
    /// Bicubic, as in most of timm's.
    Bicubic,
}

/// Random operations drawn from a list.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum ImagePolicy {
    /// None.
    #[default]
    None,
    /// torchvision's RandAugment (arXiv 1909.13719) with two operations of magnitude 9.
    RandAugment,
    /// TrivialAugment (arXiv 2103.10158).
    TrivialAugment,
    /// timm's RandAugment, such as `rand-m7-mstd0.5-inc1`.
    Timm(RandAugment),
}

/// The words of [`ImagePolicy`].
const POLICIES: [(&str, ImagePolicy); 3] = [
    ("none", ImagePolicy::None),
    ("randaugment", ImagePolicy::RandAugment),
    ("trivialaugment", ImagePolicy::TrivialAugment),
];

impl Serialize for ImagePolicy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self, POLICIES.iter().find(|(_, policy)| policy == self)) {
            (_, Some((word, _))) => serializer.serialize_str(word),
            (ImagePolicy::Timm(policy), _) => serializer.collect_str(policy),
            (_, None) => unreachable!("each other policy has its word"),
        }
    }
}

impl<'de> Deserialize<'de> for ImagePolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match POLICIES.iter().find(|(word, _)| *word == text) {
            Some((_, policy)) => Ok(*policy),
            None if text.starts_with("rand-") => {
                text.parse().map(ImagePolicy::Timm).map_err(de::Error::custom)
            }
            None => Err(de::Error::custom(format!(
                "auto_augment is {text:?}; it must be none, randaugment, trivialaugment or timm's RandAugment, such as \
                 rand-m9-mstd0.5-inc1"
            ))),
        }
    }
}

/// The resize and the centre crop of evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluationCrop {
    /// The shorter side after resizing, in pixels.
    pub resize: usize,
    /// The side of the centre crop, in pixels.
    pub crop: usize,
    /// The filter to resize with.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub interpolation: EvalInterpolation,
}

fn two_hundred_and_twenty_four() -> usize {
    224
}
