//! Options that say where weights come from, and how a file of them is read.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use resnet_models::checkpoint::{Dialect, Weights};

/// Whose weights, and how strictly they must fit.
#[derive(Debug, Args)]
pub(crate) struct SourceArgs {
    /// A safetensors or PyTorch file, the folder of a run, or one with a config.json
    #[arg(long, value_name = "FILE|RUN", required_unless_present = "model")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// The network's name, where the file does not say it; without --checkpoint a model of the Hugging Face
    /// hub, such as timm/resnet50.a1_in1k
    #[arg(long, value_name = "NAME|HUB_ID")]
    pub(crate) model: Option<String>,
    /// Branch, tag or commit of the model on the hub [default: main]
    #[arg(long, value_name = "REV", conflicts_with = "checkpoint")]
    pub(crate) revision: Option<String>,
    /// Which weights of the file to use, where it holds several: ema, model, or their key
    #[arg(long, value_name = "ema|model|KEY")]
    pub(crate) weights: Option<Weights>,
    /// What stands before the names of its tensors, where detection is wrong
    #[arg(long, value_name = "PREFIX")]
    pub(crate) prefix: Option<String>,
    /// Go on with fresh weights where the file lacks some
    #[arg(long)]
    pub(crate) allow_missing: bool,
    /// Go on without tensors that the network has no place for
    #[arg(long)]
    pub(crate) allow_unexpected: bool,
    /// Go on with fresh weights where the file's have another shape
    #[arg(long)]
    pub(crate) allow_reshaped: bool,
}

/// How a file's names are read.
#[derive(Debug, Args)]
pub(crate) struct NamesArg {
    /// Whose names the checkpoint's tensors have, where detection is wrong
    #[arg(long, value_name = "NAMES")]
    dialect: Option<DialectArg>,
}

impl NamesArg {
    /// The option, and what it says.
    pub(crate) fn given(&self) -> (&'static str, Option<DialectArg>) {
        ("--dialect", self.dialect)
    }
}

/// Whose names a file's tensors have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DialectArg {
    /// torchvision's for v1, timm's for v2
    Native,
    /// torchvision's: conv1, layer1.0.conv1, fc
    Torchvision,
    /// timm's: stem.conv, stages.0.blocks.0.conv1, head.fc for v2
    Timm,
    /// Hugging Face transformers': resnet.encoder.stages.0.layers.0.layer.0.convolution, for v1 with
    /// ImageNet's stem
    Transformers,
    /// akamaster/pytorch_resnet_cifar10's: linear for fc, for v1 for CIFAR
    Akamaster,
}

impl From<DialectArg> for Dialect {
    fn from(arg: DialectArg) -> Self {
        match arg {
            DialectArg::Native => Dialect::Native,
            DialectArg::Torchvision => Dialect::Torchvision,
            DialectArg::Timm => Dialect::Timm,
            DialectArg::Transformers => Dialect::Transformers,
            DialectArg::Akamaster => Dialect::Akamaster,
        }
    }
}
