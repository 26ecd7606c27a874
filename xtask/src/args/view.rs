//! How `eval` and `analyze preprocessing` look at images in files.

use clap::{Args, ValueEnum};
use resnet::{Crops, EvalOptions};
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
    /// Whether to apply EXIF orientation [default: as in the recipe; without a recipe, ignore]
    #[arg(long)]
    orientation: Option<OrientationArg>,
}

impl ViewArgs {
    /// Whether the command line says anything of it.
    pub(crate) fn is_given(&self) -> bool {
        let Self { size, resize, crops, orientation } = self;
        size.is_some() || resize.is_some() || crops.is_some() || orientation.is_some()
    }

    /// Refuses several crops per image where `command` takes one.
    pub(crate) fn refuse_crops(&self, command: &str) -> anyhow::Result<()> {
        match self.crops {
            Some(CropsArg::Ten) => {
                Ended::usage(format!("{command} looks at one crop per image; leave out --crops"))
            }
            _ => Ok(()),
        }
    }

    /// How a network is scored with these, in batches of so many images or crops.
    pub(crate) fn options(&self, batch: usize) -> EvalOptions {
        let pixels = |side: Option<u32>| side.map(|side| side as usize);
        EvalOptions {
            batch,
            size: pixels(self.size),
            resize: pixels(self.resize),
            crops: self.crops.map(Crops::from).unwrap_or_default(),
            orientation: self.orientation.map(Orientation::from),
            ..EvalOptions::default()
        }
    }
}

/// How many crops per image a network is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CropsArg {
    /// The centre
    #[value(name = "1")]
    One,
    /// The corners, the centre and their mirror images
    #[value(name = "10")]
    Ten,
}

impl From<CropsArg> for Crops {
    fn from(arg: CropsArg) -> Self {
        match arg {
            CropsArg::One => Crops::Centre,
            CropsArg::Ten => Crops::Ten,
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
