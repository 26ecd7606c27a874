//! The command line as it is parsed: names and help, nothing else. Scripts rely on these names.

mod bench;
mod data;
mod log;
mod look;
mod plans;
mod reproduce;
mod source;
mod view;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use resnet_models::checkpoint::Weights;
use resnet_ops::Recompute;
use resnet_record::Recipe;
use resnet_terminal::numbers::positive;
use resnet_terminal::output::Format;
use resnet_views::recipes;

pub(crate) use self::bench::{AgainstArg, BenchArgs, BenchKind, BenchWorkerArgs};
pub(crate) use self::data::{
    ClassesArg, ConvertArgs, ConvertTo, DataCommand, FetchArgs, FilesArgs, InspectArgs, InterpolationArg,
    LabelsArgs, VerifyDataArgs,
};
pub(crate) use self::log::{LogFormat, RanksArgs};
pub(crate) use self::look::{
    AnalyzeArgs, AnalyzeCommand, DrawArgs, ModelsArgs, PreprocessingArgs, SummaryArgs,
};
pub(crate) use self::plans::{RecipesArgs, RunsArgs, ScheduleArgs};
pub(crate) use self::reproduce::{ReproduceArgs, TargetArg};
pub(crate) use self::source::{DialectArg, NamesArg, SourceArgs};
pub(crate) use self::view::{OrientationArg, ViewArgs};

/// Train, evaluate and use residual networks in Rust.
///
/// Start with `cargo xtask train`: it needs no data and takes less than a minute.
#[derive(Debug, Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", version, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train a network from a recipe, or resume a run
    #[command(after_help = recipes::list())]
    Train(TrainArgs),
    /// Measure the accuracy of a checkpoint on the test images of a data set
    Eval(EvalArgs),
    /// Classify images
    Predict(PredictArgs),
    /// Export a checkpoint as a safetensors file that other programs can load
    Export(ExportArgs),
    /// Train the networks of a table or figure of the paper, and compare with what was published
    Reproduce(ReproduceArgs),
    /// Write an HTML page of a run, or of several side by side
    Report(ReportArgs),
    /// Check whether two runs are the same training, and where they first differ
    Verify(VerifyArgs),
    /// Show the layers of a network: shapes, parameters, multiply-adds
    Summary(SummaryArgs),
    /// List the networks that can be built by name
    Models(ModelsArgs),
    /// Draw a figure of the paper, a unit or a network
    Draw(DrawArgs),
    /// Measure signals and gradients of a network unit by unit, or find out why its accuracy is too low
    Analyze(AnalyzeArgs),
    /// List what can be trained: published tables and errors, and how long each takes on this machine
    Recipes(RecipesArgs),
    /// Draw the learning rate of a recipe over its training
    Schedule(ScheduleArgs),
    /// List runs with their states, or follow one that another process is training
    Runs(RunsArgs),
    /// Inspect, verify, convert or download image data sets
    #[command(subcommand)]
    Data(DataCommand),
    /// Measure speed and memory, alone or alternating with PyTorch and other programs
    Bench(BenchArgs),
    /// Measure when standard input says so; started by `bench`
    #[command(hide = true)]
    BenchWorker(BenchWorkerArgs),
}

#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// A built-in recipe (listed below) or a TOML file
    #[arg(long, value_name = "NAME|FILE", default_value = recipes::QUICK_START)]
    pub(crate) recipe: String,
    /// Folder of the data set, its parent folder, or its archive [default: CIFAR is downloaded]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Number of epochs, instead of the recipe's duration; with --resume, the run's new length, if its
    /// schedule allows that
    #[arg(long, value_name = "N", value_parser = positive::<NonZeroUsize>)]
    pub(crate) epochs: Option<NonZeroUsize>,
    /// Seed of the initial weights, the order of images and the augmentation, instead of the recipe's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..1 << 63))]
    pub(crate) seed: Option<u64>,
    /// Folder for the new run; it must be empty or not exist [default: runs/RECIPE-N]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Resume the run in this folder; it ends with the same weights as if it had never stopped
    #[arg(long, value_name = "DIR", conflicts_with_all = ["recipe", "seed", "out"])]
    pub(crate) resume: Option<PathBuf>,
    /// Start from these weights: a file, a run, a folder with a config.json, or a model on the hub; the head
    /// is reinitialised if the number of classes differs
    #[arg(long, value_name = "FILE|RUN|HUB_ID", conflicts_with = "resume")]
    pub(crate) from: Option<String>,
    /// Branch, tag or commit of the model on the hub [default: main]
    #[arg(long, value_name = "REV", requires = "from")]
    pub(crate) revision: Option<String>,
    /// Which weights to use if the file holds several: ema, model, or their key
    #[arg(long, value_name = "ema|model|KEY", requires = "from")]
    pub(crate) weights: Option<Weights>,
    /// Prefix of the tensor names, if it is not detected correctly
    #[arg(long, value_name = "PREFIX", requires = "from")]
    pub(crate) prefix: Option<String>,
    #[command(flatten)]
    pub(crate) files: FilesArgs,
    /// Do not train the stem and the stages up to this one: stem, stage1, stage2, ...
    #[arg(long, value_name = "STAGE", conflicts_with = "resume")]
    pub(crate) freeze_until: Option<String>,
    /// What a step recomputes instead of keeping it in memory; results do not depend on it
    #[arg(long, value_name = "auto|never|sums|units")]
    pub(crate) recompute: Option<Recompute>,
    /// Train with batches of N images, and multiply the learning rates by the same factor (the linear rule)
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    pub(crate) scale_batch: Option<usize>,
    /// Keep the checkpoints of the latest N epochs, besides the last and the best
    #[arg(long, value_name = "N")]
    pub(crate) keep: Option<u64>,
    /// Check every layer and weight for NaN and infinity in each step, which takes longer
    #[arg(long)]
    pub(crate) detect_anomaly: bool,
    /// Override a key of the recipe, such as train.batch_size=64; can be repeated. With --resume, only keys
    /// that would not have changed the steps already done
    #[arg(long, value_name = "KEY=VALUE", value_parser = assignment)]
    pub(crate) set: Vec<String>,
    /// Also write TensorBoard's event files, to the folder tensorboard in the run
    #[arg(long)]
    pub(crate) tensorboard: bool,
    /// Progress as text (bars and lines on standard error) or as JSON (one event per line on standard output)
    #[arg(long, value_name = "text|json", default_value = "text", hide_possible_values = true)]
    pub(crate) log_format: LogFormat,
    #[command(flatten)]
    pub(crate) ranks: RanksArgs,
    #[command(flatten)]
    pub(crate) threads: ThreadsArg,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    #[command(flatten)]
    pub(crate) names: NamesArg,
    /// Folder of the data set, its parent folder, or its archive [default: the data of the checkpoint's run]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) files: FilesArgs,
    #[command(flatten)]
    pub(crate) view: ViewArgs,
    /// Batch size, in images or crops
    #[arg(long, value_name = "N", default_value = "128", value_parser = positive::<NonZeroUsize>)]
    pub(crate) batch: NonZeroUsize,
    #[command(flatten)]
    pub(crate) normalisation: NormalisationArgs,
    #[command(flatten)]
    pub(crate) threads: ThreadsArg,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Debug, Args)]
pub(crate) struct PredictArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    #[command(flatten)]
    pub(crate) names: NamesArg,
    /// Image files (JPEG, PNG, WebP, GIF, BMP, TIFF) or folders of them; EXIF orientation is applied
    #[arg(required = true, value_name = "IMAGE|FOLDER")]
    pub(crate) images: Vec<PathBuf>,
    /// Number of classes to show per image
    #[arg(long, value_name = "N", default_value = "5", value_parser = positive::<NonZeroUsize>)]
    pub(crate) top: NonZeroUsize,
    /// Also show the logits
    #[arg(long)]
    pub(crate) logits: bool,
    /// Draw a heat map of the most probable class to a PNG file, or to a folder for several images; only
    /// earlier heat maps are replaced
    #[arg(long, value_name = "FILE|FOLDER")]
    pub(crate) heatmap: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) described: DescribedArgs,
    #[command(flatten)]
    pub(crate) normalisation: NormalisationArgs,
    #[command(flatten)]
    pub(crate) threads: ThreadsArg,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// Naming scheme of the tensors in the checkpoint, if it is not detected correctly
    #[arg(long, value_name = "NAMES")]
    pub(crate) from_dialect: Option<DialectArg>,
    /// File to write
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Naming scheme of the exported tensors
    #[arg(long, value_name = "NAMES", default_value = "native")]
    pub(crate) dialect: DialectArg,
    /// Overwrite existing files
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) described: DescribedArgs,
    #[command(flatten)]
    pub(crate) normalisation: NormalisationArgs,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Folders of runs; runs that differ only in their seed are grouped
    #[arg(required = true, value_name = "RUN")]
    pub(crate) runs: Vec<PathBuf>,
    /// File to write [default: report.html in the run, comparison.html for several]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Also draw the curves of one run as an SVG file
    #[arg(long, value_name = "FILE")]
    pub(crate) curves: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Folders of two runs
    #[arg(required = true, num_args = 2, value_name = "RUN")]
    pub(crate) runs: Vec<PathBuf>,
    /// If they differ, train both again from the last checkpoint before the difference, to find the exact
    /// step and layer
    #[arg(long)]
    pub(crate) replay: bool,
    /// Folder of the data set, if it is no longer where the runs found it
    #[arg(long, value_name = "DIR", requires = "replay")]
    pub(crate) data: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) threads: ThreadsArg,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Debug, Args)]
pub(crate) struct ThreadsArg {
    /// Number of compute threads; results do not depend on it [default: RAYON_NUM_THREADS, or one per core]
    #[arg(long, value_name = "N", value_parser = positive::<NonZeroUsize>)]
    pub(crate) threads: Option<NonZeroUsize>,
}

#[derive(Debug, Args)]
pub(crate) struct FormatArg {
    /// Print JSON for scripts instead of tables
    #[arg(long)]
    json: bool,
}

impl FormatArg {
    pub(crate) fn get(&self) -> Format {
        if self.json { Format::Json } else { Format::Text }
    }
}

/// What files may not say of classes and images.
#[derive(Debug, Default, Args)]
pub(crate) struct DescribedArgs {
    #[command(flatten)]
    pub(crate) classes: ClassesArg,
    /// Resize the shorter side to N pixels before cropping, for a file without metadata
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) resize: Option<u32>,
    /// Interpolation filter for resizing, for a file without metadata
    #[arg(long, value_enum)]
    pub(crate) interpolation: Option<InterpolationArg>,
}

/// How pixels are normalised, for files that do not say it.
#[derive(Debug, Args)]
pub(crate) struct NormalisationArgs {
    /// Per-channel mean of pixels scaled to 0..1, for a file without metadata
    #[arg(long, value_name = "R,G,B", requires = "std", value_parser = resnet_vision::parse_rgb, allow_hyphen_values = true)]
    pub(crate) mean: Option<[f32; 3]>,
    /// Per-channel standard deviation of pixels scaled to 0..1, for a file without metadata
    #[arg(long, value_name = "R,G,B", requires = "mean", value_parser = positive_rgb)]
    pub(crate) std: Option<[f32; 3]>,
}

impl NormalisationArgs {
    pub(crate) fn get(&self) -> Option<resnet_vision::Normalisation> {
        let (mean, std) = (self.mean?, self.std?);
        Some(resnet_vision::Normalisation { mean, std })
    }
}

fn assignment(text: &str) -> Result<String, String> {
    Recipe::key_and_value(text).map(|_| text.to_owned())
}

fn positive_rgb(text: &str) -> Result<[f32; 3], String> {
    let values = resnet_vision::parse_rgb(text).map_err(|error| error.to_string())?;
    match values.iter().all(|value| *value > 0.0) {
        true => Ok(values),
        false => Err("each must be above 0".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
