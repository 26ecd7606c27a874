//! Options of the commands that look at recipes and runs.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

use clap::Args;
use resnet_record::paper::IMAGENET_IMAGES;

use super::{FormatArg, ThreadsArg, assignment, positive};

/// Images of an epoch where neither data nor recipe say so.
const IMAGENET: NonZeroU64 = NonZeroU64::new(IMAGENET_IMAGES).expect("not 0");

#[derive(Debug, Args)]
pub(crate) struct ScheduleArgs {
    /// A built-in recipe, as `cargo xtask recipes` lists them, or a TOML file
    #[arg(value_name = "RECIPE")]
    pub(crate) recipe: String,
    /// Number of epochs, instead of the recipe's duration
    #[arg(long, value_name = "N", value_parser = positive::<NonZeroUsize>)]
    pub(crate) epochs: Option<NonZeroUsize>,
    /// Override a key of the recipe, such as schedule.lr=0.2; can be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = assignment)]
    pub(crate) set: Vec<String>,
    /// Number of training images, if the data set does not determine it
    #[arg(long, value_name = "N", default_value_t = IMAGENET, value_parser = positive::<NonZeroU64>)]
    pub(crate) images: NonZeroU64,
    /// Also draw it as an SVG file
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Debug, Args)]
pub(crate) struct RecipesArgs {
    /// Print this recipe instead of the list: as TOML, or with --json as one object
    #[arg(value_name = "NAME", conflicts_with_all = ["measure", "threads"])]
    pub(crate) name: Option<String>,
    /// Measure this machine's speed anew
    #[arg(long)]
    pub(crate) measure: bool,
    #[command(flatten)]
    pub(crate) threads: ThreadsArg,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Debug, Args)]
pub(crate) struct RunsArgs {
    /// Folder of runs, or a run
    #[arg(value_name = "DIR", default_value = "runs")]
    pub(crate) dir: PathBuf,
    /// Print what this run logs until it ends, as `tail -f` does
    #[arg(long, value_name = "RUN", conflicts_with = "dir")]
    pub(crate) follow: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}
