//! The command line of `data`.

use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use resnet_data::sources::{Columns, OpenFiles};
use resnet_record::FileOptions;
use resnet_terminal::numbers;
use resnet_vision::Interpolation;

use super::{FormatArg, OrientationArg, positive};

/// How samples in files are read.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct FilesArgs {
    #[command(flatten)]
    pub(crate) classes: ClassesArg,
    #[command(flatten)]
    pub(crate) labels: LabelsArgs,
    /// Skip broken samples instead of stopping at the first, up to this percentage of all samples
    #[arg(long, value_name = "PERCENT", value_parser = numbers::percentage)]
    pub(crate) skip_broken: Option<f64>,
    /// Skip the samples listed in this file, one name per line, as `data verify --skip-list` writes them
    #[arg(long, value_name = "FILE")]
    pub(crate) skip_list: Option<PathBuf>,
}

impl FilesArgs {
    /// How samples in files are read, with paths as they were given.
    pub(crate) fn options(&self) -> FileOptions {
        let path = |file: &Option<PathBuf>| file.as_deref().map(|file| file.to_string_lossy().into_owned());
        FileOptions {
            class_list: path(&self.classes.classes),
            label_list: path(&self.labels.labels),
            image_column: self.labels.image_column.clone(),
            label_column: self.labels.label_column.clone(),
            skip_list: path(&self.skip_list),
            skip_broken: self.skip_broken,
        }
    }
}

/// The order of the classes.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ClassesArg {
    /// File with the class names in label order: one name per line, or JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) classes: Option<PathBuf>,
}

/// Where images and their labels are found.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct LabelsArgs {
    /// File with the labels of images that are not in class folders: one image name and label per line, or
    /// CSV
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<PathBuf>,
    /// Name of the image column in parquet files [default: image or img]
    #[arg(long, value_name = "NAME")]
    pub(crate) image_column: Option<String>,
    /// Name of the label column in parquet files [default: label, fine_label or labels]
    #[arg(long, value_name = "NAME")]
    pub(crate) label_column: Option<String>,
}

impl LabelsArgs {
    /// How to open samples in files, with this list of their classes.
    pub(crate) fn options(&self, classes: &ClassesArg) -> OpenFiles {
        OpenFiles {
            classes: classes.classes.clone(),
            labels: self.labels.clone(),
            columns: Columns { image: self.image_column.clone(), label: self.label_column.clone() },
            ..OpenFiles::default()
        }
    }
}

/// What `data` does.
#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Show classes, counts and image sizes, and draw a contact sheet of training crops
    Inspect(InspectArgs),
    /// Decode every image and list the broken ones; the exit code is 1 if there are any
    Verify(VerifyDataArgs),
    /// Copy a data set to class folders or tar shards (images unchanged), or to packed files (images decoded
    /// and resized)
    Convert(ConvertArgs),
    /// Download a data set from the Hugging Face hub
    Fetch(FetchArgs),
}

#[derive(Debug, Args)]
pub(crate) struct FetchArgs {
    /// Name of the data set on the hub, such as timm/mini-imagenet; it must have .parquet or .tar files
    #[arg(value_name = "OWNER/NAME")]
    pub(crate) id: String,
    /// Branch, tag or commit [default: main]
    #[arg(long, value_name = "REV")]
    pub(crate) revision: Option<String>,
    /// Splits to download [default: train and validation; test if there is no validation]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "SPLIT,...")]
    pub(crate) split: Vec<SplitName>,
    /// Which data set to download, if the repository has several
    #[arg(long, value_name = "NAME")]
    pub(crate) config: Option<String>,
    /// Create this folder with links to the files, which stay in the hub's cache
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

/// A split, by its name on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SplitName {
    Train,
    #[value(aliases = ["val", "valid"])]
    Validation,
    Test,
}

impl From<SplitName> for resnet_data::sources::Split {
    fn from(name: SplitName) -> Self {
        match name {
            SplitName::Train => Self::Train,
            SplitName::Validation => Self::Val,
            SplitName::Test => Self::Test,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    /// Folder of class folders, tar shards, ImageNet's tar files, parquet files or packed files, or its
    /// parent folder
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) classes: ClassesArg,
    #[command(flatten)]
    pub(crate) labels: LabelsArgs,
    /// Folder to create
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Format to write
    #[arg(long, value_enum)]
    pub(crate) to: ConvertTo,
    /// With --to shards or packed: maximum size of a file, in megabytes [default: 256]
    #[arg(long, value_name = "N", value_parser = positive::<NonZeroU64>)]
    pub(crate) shard_megabytes: Option<NonZeroU64>,
    /// With --to packed: resize the shorter side to N pixels; smaller images are not resized
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) side: Option<u32>,
    /// With --to packed: the interpolation filter [default: bilinear]
    #[arg(long, value_enum)]
    pub(crate) interpolation: Option<InterpolationArg>,
    /// With --to packed: whether to apply EXIF orientation; ImageNet recipes ignore it [default: apply]
    #[arg(long)]
    pub(crate) orientation: Option<OrientationArg>,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

/// The filter that images are resized with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum InterpolationArg {
    /// As in torchvision
    Bilinear,
    /// As in most timm networks
    Bicubic,
}

impl From<InterpolationArg> for Interpolation {
    fn from(arg: InterpolationArg) -> Self {
        match arg {
            InterpolationArg::Bilinear => Interpolation::Bilinear,
            InterpolationArg::Bicubic => Interpolation::Bicubic,
        }
    }
}

/// What `data convert` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConvertTo {
    /// Class folders: train/CLASS/00000000.jpg
    Folders,
    /// Tar shards as in WebDataset: train-00000.tar and so on
    Shards,
    /// Packed files: train-00000.pack and so on, with pixels that training need not decode
    Packed,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// Folder of class folders, tar shards, ImageNet's tar files, parquet files or packed files, or its
    /// parent folder
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) classes: ClassesArg,
    #[command(flatten)]
    pub(crate) labels: LabelsArgs,
    /// File to write a contact sheet of random training crops to
    #[arg(long, value_name = "FILE.png")]
    pub(crate) sheet: Option<PathBuf>,
    /// Seed of the random crops on the sheet
    #[arg(long, value_name = "N", default_value = "0")]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyDataArgs {
    /// Folder of class folders, tar shards, ImageNet's tar files, parquet files or packed files, or its
    /// parent folder
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) classes: ClassesArg,
    #[command(flatten)]
    pub(crate) labels: LabelsArgs,
    /// File to write the names of the broken samples to, for --skip-list of `train` and `eval`
    #[arg(long, value_name = "FILE")]
    pub(crate) skip_list: Option<PathBuf>,
    /// Overwrite an existing list
    #[arg(long, requires = "skip_list")]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}
