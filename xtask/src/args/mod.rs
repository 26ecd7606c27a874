//! The command line as it is parsed: names and help, nothing else. Scripts rely on these names.

mod data;
mod source;
mod view;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use resnet_models::checkpoint::Weights;

pub(crate) use self::data::{
    ClassesArg, ConvertArgs, DataCommand, FetchArgs, FilesArgs, InspectArgs, InterpolationArg, LabelsArgs,
    Target, VerifyArgs,
};
pub(crate) use self::source::{DialectArg, NamesArg, SourceArgs};
pub(crate) use self::view::{CropsArg, OrientationArg, ViewArgs};
use crate::commands::bench::ours::Work;
use crate::output::Format;
use crate::recipes;

/// Train, evaluate and ship residual networks in Rust.
///
/// Start with `cargo xtask train`: it needs no data and takes about a minute.
#[derive(Debug, Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", version, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train a network by a recipe, or continue a run
    #[command(after_help = recipes::list())]
    Train(TrainArgs),
    /// Score a checkpoint on the test images of a data set
    Eval(EvalArgs),
    /// Classify images
    Predict(PredictArgs),
    /// Write a checkpoint as a safetensors file for others, with all that is needed to use it
    Export(ExportArgs),
    /// Show a network's layers with shapes, parameters and multiply-adds
    Summary(SummaryArgs),
    /// List the networks that have a name
    Models(ModelsArgs),
    /// Look at photographs in files, find the broken ones, write them in another form, or fetch some from the
    /// hub
    #[command(subcommand)]
    Data(DataCommand),
    /// Measure speed and memory, alone or in turns with PyTorch or ONNX Runtime
    Bench(BenchArgs),
    /// Measure when told to on standard input; what `bench` starts
    #[command(hide = true)]
    BenchWorker(BenchWorkerArgs),
}

#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// A built-in recipe, see below, or a TOML file
    #[arg(long, value_name = "NAME|FILE", default_value = recipes::QUICK_START)]
    pub(crate) recipe: String,
    /// Folder of the data, its parent or its archive; without it CIFAR is downloaded
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Epochs to train, instead of the recipe's duration
    #[arg(long, value_name = "N")]
    pub(crate) epochs: Option<NonZeroUsize>,
    /// Seed of weights, order and augmentation, instead of the recipe's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..1 << 63))]
    pub(crate) seed: Option<u64>,
    /// Folder of the new run; it must be empty or not exist [default: runs/RECIPE-N]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Continue the run in this folder to the same weights as if it had never stopped
    #[arg(long, value_name = "DIR", conflicts_with_all = ["recipe", "epochs", "seed", "out", "set"])]
    pub(crate) resume: Option<PathBuf>,
    /// Start with these weights: a file, a run, a folder with a config.json, or a model of the hub; the head
    /// stays fresh where the classes are others
    #[arg(long, value_name = "FILE|RUN|HUB_ID", conflicts_with = "resume")]
    pub(crate) from: Option<String>,
    /// Branch, tag or commit of the model on the hub [default: main]
    #[arg(long, value_name = "REV", requires = "from")]
    pub(crate) revision: Option<String>,
    /// Which weights of the file to start with, where it holds several: ema, model, or their key
    #[arg(long, value_name = "ema|model|KEY", requires = "from")]
    pub(crate) weights: Option<Weights>,
    /// What stands before the names of its tensors, where detection is wrong
    #[arg(long, value_name = "PREFIX", requires = "from")]
    pub(crate) prefix: Option<String>,
    #[command(flatten)]
    pub(crate) files: FilesArgs,
    /// Change a key of the recipe, such as train.batch_size=64; can be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = assignment)]
    pub(crate) set: Vec<String>,
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
    /// Folder of the data, its parent or its archive; may be left out for a run's checkpoint
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) files: FilesArgs,
    #[command(flatten)]
    pub(crate) view: ViewArgs,
    /// Images, or crops of images, at a time
    #[arg(long, value_name = "N", default_value = "128")]
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
    /// Images (JPEG, PNG, WebP, GIF, BMP, TIFF), or folders of them; EXIF data turn them upright
    #[arg(required = true, value_name = "PICTURE|FOLDER")]
    pub(crate) pictures: Vec<PathBuf>,
    /// How many classes to show per image
    #[arg(long, value_name = "N", default_value = "5")]
    pub(crate) top: NonZeroUsize,
    /// Show the network's raw outputs as well
    #[arg(long)]
    pub(crate) logits: bool,
    /// Draw where the network sees the first class: a PNG file, or a folder for several images
    #[arg(long, value_name = "FILE|FOLDER")]
    pub(crate) heatmap: Option<PathBuf>,
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
    /// Whose names the checkpoint's tensors have, where detection is wrong
    #[arg(long, value_name = "NAMES")]
    pub(crate) from_dialect: Option<DialectArg>,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Whose names the tensors get
    #[arg(long, value_name = "NAMES", default_value = "native")]
    pub(crate) dialect: DialectArg,
    /// Replace the file if it exists
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) normalisation: NormalisationArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SummaryArgs {
    /// The network's name, see `cargo xtask models`
    #[arg(value_name = "NAME")]
    pub(crate) model: String,
    /// Length of its output [default: 10, or 1000 for a network with ImageNet's stem]
    #[arg(long, value_name = "N")]
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
pub(crate) struct BenchArgs {
    /// What to measure
    #[arg(value_name = "WHAT")]
    pub(crate) what: BenchKind,
    /// The network's name [default: resnet20-v2; for kernels resnet110-v2, resnet164-v2 and resnet50]
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// Images at a time [default: 128 for small pictures, 16 for large ones]
    #[arg(long, value_name = "N")]
    pub(crate) batch: Option<NonZeroUsize>,
    /// How often to measure: turns of a second or one step, beside a peer a pair of them; each pass of a
    /// kernel
    #[arg(long, value_name = "N", default_value = "5")]
    pub(crate) pairs: NonZeroUsize,
    /// Measure a peer as well, in turns; RESNET_PYTHON names the Python that has it [default: python3]
    #[arg(long, value_name = "PEER")]
    pub(crate) against: Option<AgainstArg>,
    #[command(flatten)]
    pub(crate) threads: ThreadsArg,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Debug, Args)]
pub(crate) struct BenchWorkerArgs {
    pub(crate) work: Work,
    #[arg(long)]
    pub(crate) model: String,
    #[arg(long)]
    pub(crate) batch: NonZeroUsize,
    #[command(flatten)]
    pub(crate) threads: ThreadsArg,
}

#[derive(Debug, Args)]
pub(crate) struct ThreadsArg {
    /// Threads that compute, at most one per core; the result does not depend on them [default: one per core]
    #[arg(long, value_name = "N")]
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

/// How bytes become numbers, for files that don't say it.
#[derive(Debug, Args)]
pub(crate) struct NormalisationArgs {
    /// Subtracted from pixels in 0 to 1, for a file without metadata
    #[arg(long, value_name = "R,G,B", requires = "std", value_parser = resnet_data::parse_rgb, allow_hyphen_values = true)]
    pub(crate) mean: Option<[f32; 3]>,
    /// Divides what is left, for a file without metadata
    #[arg(long, value_name = "R,G,B", requires = "mean", value_parser = positive_rgb)]
    pub(crate) std: Option<[f32; 3]>,
}

impl NormalisationArgs {
    pub(crate) fn get(&self) -> Option<resnet_data::Normalisation> {
        let (mean, std) = (self.mean?, self.std?);
        Some(resnet_data::Normalisation { mean, std })
    }
}

/// What `bench` measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchKind {
    /// Training steps: forward, backward, update
    Train,
    /// Inference
    Infer,
    /// Each convolution's passes, beside what the machine can do at most
    Kernels,
}

/// Who else can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AgainstArg {
    /// PyTorch, the best of two layouts with default and tuned malloc
    Pytorch,
    /// ONNX Runtime's inference
    Onnxruntime,
    /// Ourselves on one thread: what the other threads bring
    OneThread,
}

fn assignment(text: &str) -> Result<String, String> {
    match text.contains('=') {
        true => Ok(text.to_owned()),
        false => Err("there is no '='; write key=value, for example train.batch_size=64".to_owned()),
    }
}

fn positive_rgb(text: &str) -> Result<[f32; 3], String> {
    let values = resnet_data::parse_rgb(text).map_err(|error| error.to_string())?;
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
