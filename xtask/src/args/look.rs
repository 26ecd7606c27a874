//! Options of the commands that look at networks: `summary`, `models`, `draw`, `analyze`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use resnet_terminal::numbers;

use super::data::InterpolationArg;
use super::{FilesArgs, FormatArg, NamesArg, NormalisationArgs, SourceArgs, ThreadsArg, ViewArgs};

#[derive(Debug, Args)]
pub(crate) struct SummaryArgs {
    /// Name of the network; `cargo xtask models` lists them
    #[arg(value_name = "NAME")]
    pub(crate) model: String,
    /// Number of classes [default: 10, or 1000 for ImageNet networks]
    #[arg(long, value_name = "N", value_parser = numbers::positive::<NonZeroUsize>)]
    pub(crate) classes: Option<NonZeroUsize>,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Debug, Args)]
pub(crate) struct ModelsArgs {
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Debug, Args)]
pub(crate) struct DrawArgs {
    /// figure1, figure2, figure4 or figure5; a unit, named as in network names, such as v2-bottleneck or
    /// constant-scaling-by-0.5-1; or a network, such as resnet110-v2
    #[arg(value_name = "figure1|figure2|figure4|figure5|UNIT|MODEL")]
    pub(crate) what: String,
    /// SVG file to write
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct AnalyzeArgs {
    #[command(subcommand)]
    pub(crate) what: Option<AnalyzeCommand>,
    /// Name of the network; it is measured with fresh weights unless --checkpoint is given
    #[arg(long, value_name = "NAME", required_unless_present = "checkpoint")]
    pub(crate) model: Option<String>,
    /// Measure these weights: a file, or a run from its first weights along its kept checkpoints
    #[arg(long, value_name = "FILE|RUN")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// Also measure this network, file or run, side by side; can be repeated
    #[arg(long, value_name = "NAME|FILE|RUN")]
    pub(crate) against: Vec<String>,
    /// Folder of the data set [default: the built-in generated shapes]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Number of images [default: 64, or fewer if their signals would take more than half a
    /// gigabyte]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    pub(crate) images: Option<u32>,
    /// Seed of fresh weights and of the choice of images
    #[arg(long, value_name = "N", default_value = "0")]
    pub(crate) seed: u64,
    /// Page to write
    #[arg(long, value_name = "FILE", default_value = "analysis.html")]
    pub(crate) out: PathBuf,
    /// Also write each picture as an SVG file to this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) pictures: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) threads: ThreadsArg,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AnalyzeCommand {
    /// Find out why the accuracy of a checkpoint is too low
    Preprocessing(PreprocessingArgs),
}

#[derive(Debug, Args)]
pub(crate) struct PreprocessingArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    #[command(flatten)]
    pub(crate) names: NamesArg,
    /// Folder of the data set, its parent folder, or its archive
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Accuracy it should have, in percent; the search ends where it is reached
    #[arg(long, value_name = "PERCENT", value_parser = numbers::accuracy)]
    pub(crate) expected: Option<f64>,
    /// Number of test images to look at
    #[arg(long, value_name = "N", default_value = "1000", value_parser = numbers::positive::<NonZeroUsize>)]
    pub(crate) images: NonZeroUsize,
    /// Interpolation filter in use now [default: the checkpoint's]
    #[arg(long, value_enum)]
    pub(crate) interpolation: Option<InterpolationArg>,
    #[command(flatten)]
    pub(crate) files: FilesArgs,
    #[command(flatten)]
    pub(crate) view: ViewArgs,
    #[command(flatten)]
    pub(crate) normalisation: NormalisationArgs,
    #[command(flatten)]
    pub(crate) threads: ThreadsArg,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}
