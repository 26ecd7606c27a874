//! Options of the command that trains the paper's tables and figures.

use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use resnet_study::{ImageKind, Request, Scale, Target};

use super::{FormatArg, ThreadsArg, positive};

#[derive(Debug, Args)]
pub(crate) struct ReproduceArgs {
    /// Tables and figures of the paper; rows that several share are trained once
    #[arg(required = true, value_name = "TARGET")]
    pub(crate) targets: Vec<TargetArg>,
    /// How much is trained: full, the paper's networks and schedule; small, a night on two cores for the
    /// 110-layer rows of table 1 or 2, longer with ResNet-164, months for table 5; smoke, minutes
    #[arg(long, value_name = "full|small|smoke", default_value = "small", hide_possible_values = true)]
    pub(crate) scale: ScaleArg,
    /// Number of seeds of each row [default: 5, 2 or 1 by scale]
    #[arg(long, value_name = "N", value_parser = positive::<NonZeroU64>)]
    pub(crate) seeds: Option<NonZeroU64>,
    /// Train only this row, by its recipe or its network, such as cifar10-resnet110-v2; can be repeated
    #[arg(long, value_name = "ROW")]
    pub(crate) only: Vec<String>,
    /// Folder of the data set [default: CIFAR is downloaded; a smoke run generates its own images]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Folder of runs made elsewhere that also count; can be repeated
    #[arg(long, value_name = "DIR")]
    pub(crate) runs: Vec<PathBuf>,
    /// Folder for runs, pages and tables; existing runs are resumed
    #[arg(long, value_name = "DIR", default_value = "runs/reproduce")]
    pub(crate) out: PathBuf,
    /// Copy recipe, record and metrics of each finished run, some kB, to a folder in DIR, for --runs
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
    /// Train nothing: print what would be trained and how long it takes, and draw the existing runs
    #[arg(long)]
    pub(crate) plan: bool,
    #[command(flatten)]
    pub(crate) threads: ThreadsArg,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

impl ReproduceArgs {
    pub(crate) fn request(&self) -> Request {
        let scale = Scale::from(self.scale);
        let mut targets: Vec<Target> = self.targets.iter().flat_map(|target| target.targets()).collect();
        targets.sort();
        targets.dedup();
        Request {
            targets,
            scale,
            seeds: self.seeds.map_or(scale.usual_seeds(), NonZeroU64::get),
            only: self.only.clone(),
            images: match (scale, &self.data) {
                (Scale::Smoke, None) => ImageKind::Generated,
                _ => ImageKind::Real,
            },
            out: self.out.clone(),
            runs: self.runs.clone(),
        }
    }
}

/// What is reproduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TargetArg {
    /// Shortcuts: scaling, gating, 1x1 convolution, dropout
    Table1,
    /// Placements of norm and ReLU in a unit
    Table2,
    /// The original unit and the pre-activation unit compared
    Table3,
    /// Comparison with other methods
    Table4,
    /// ImageNet
    Table5,
    /// Training curves of networks of 1001 layers
    Figure1,
    /// Training curves of the shortcuts
    Figure3,
    /// Training curves of the activation placements
    Figure6,
    /// What the paper claims, each with a verdict
    Claims,
    /// All tables and figures
    All,
    /// A figure that is a drawing, so that nothing trains it
    #[value(name = "figure2", aliases = ["figure4", "figure5"], hide = true)]
    Drawn,
}

impl TargetArg {
    fn targets(self) -> Vec<Target> {
        match self {
            TargetArg::Table1 => vec![Target::Table1],
            TargetArg::Table2 => vec![Target::Table2],
            TargetArg::Table3 => vec![Target::Table3],
            TargetArg::Table4 => vec![Target::Table4],
            TargetArg::Table5 => vec![Target::Table5],
            TargetArg::Figure1 => vec![Target::Figure1],
            TargetArg::Figure3 => vec![Target::Figure3],
            TargetArg::Figure6 => vec![Target::Figure6],
            TargetArg::Claims => vec![Target::Claims],
            TargetArg::All => Target::TABLES_AND_FIGURES.into(),
            TargetArg::Drawn => vec![],
        }
    }
}

/// How much is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScaleArg {
    Full,
    Small,
    Smoke,
}

impl From<ScaleArg> for Scale {
    fn from(arg: ScaleArg) -> Scale {
        match arg {
            ScaleArg::Full => Scale::Full,
            ScaleArg::Small => Scale::Small,
            ScaleArg::Smoke => Scale::Smoke,
        }
    }
}
