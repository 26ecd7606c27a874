//! How `eval` and `data convert` look at images in files.

use clap::{Args, ValueEnum};
use resnet_vision::image::Orientation;

use crate::failure::Ended;

/// Which part of an image a network is shown, and which way up.
#[derive(Debug, Args)]
pub(crate) struct ViewArgs {
    /// Height and width of the crop in pixels, for images in files [default: the checkpoint's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    size: Option<u32>,
    /// Resize the shorter side to N pixels before cropping [default: --size, or the checkpoint's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    resize: Option<u32>,
    /// Crops per image: 1 (the centre) or 10 (corners, centre and their mirror images, with averaged
    /// probabilities) [default: 1]
    #[arg(long, value_name = "N")]
    crops: Option<CropsArg>,
    /// Whether EXIF orientation is applied [default: as in the recipe; without one ignore, as in timm]
    #[arg(long, value_name = "WAY")]
    pub(crate) orientation: Option<OrientationArg>,
}

impl ViewArgs {
    /// Whether the command line says anything of it.
    pub(crate) fn is_given(&self) -> bool {
        let Self { size, resize, crops, orientation } = self;
        size.is_some() || resize.is_some() || crops.is_some() || orientation.is_some()
    }

    /// How many crops there are per image.
    pub(crate) fn crops(&self) -> CropsArg {
        self.crops.unwrap_or(CropsArg::One)
    }

    /// `usual`, with the sizes that the command line asks for.
    pub(crate) fn sized(
        &self,
        usual: resnet_vision::EvalTransform,
    ) -> anyhow::Result<resnet_vision::EvalTransform> {
        let pixels = |side: Option<u32>| side.map(|side| side as usize);
        let (size, resize) = (pixels(self.size), pixels(self.resize));
        let crop = size.unwrap_or(usual.crop);
        let resize = resize.or(size).unwrap_or(usual.resize);
        if self.is_given() && resize < crop {
            let message = format!(
                "a crop of {crop} pixels does not fit into a shorter side of {resize}; give a larger --resize"
            );
            return Err(Ended::Usage(message).into());
        }
        Ok(resnet_vision::EvalTransform { resize, crop, ..usual })
    }
}

/// How many crops per image a network is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CropsArg {
    /// The centre
    #[value(name = "1")]
    One,
    /// The corners, the centre and their mirror images
    #[value(name = "10")]
    Ten,
}

impl CropsArg {
    /// The number.
    pub(crate) fn get(self) -> usize {
        match self {
            CropsArg::One => 1,
            CropsArg::Ten => 10,
        }
    }
}

/// Whether EXIF orientation is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OrientationArg {
    /// Rotate images upright
    Apply,
    /// Use images as they are stored
    Ignore,
}

impl From<OrientationArg> for Orientation {
    fn from(arg: OrientationArg) -> Self {
        match arg {
            OrientationArg::Apply => Orientation::Apply,
            OrientationArg::Ignore => Orientation::Ignore,
        }
    }
}
