//! Options that say where weights come from, and how a file of them is read.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use resnet_models::checkpoint::{Dialect, Weights};

/// Whose weights, and how strictly they must fit.
#[derive(Debug, Args)]
pub(crate) struct SourceArgs {
    /// A safetensors or PyTorch file, the folder of a run, or a folder with a config.json
    #[arg(long, value_name = "FILE|RUN", required_unless_present = "model")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// Name of the network, if the file does not contain it; without --checkpoint, a model on the Hugging
    /// Face hub, such as timm/resnet50.a1_in1k
    #[arg(long, value_name = "NAME|HUB_ID")]
    pub(crate) model: Option<String>,
    /// Branch, tag or commit of the model on the hub [default: main]
    #[arg(long, value_name = "REV", conflicts_with = "checkpoint")]
    pub(crate) revision: Option<String>,
    /// Which weights to use if the file holds several: ema, model, or their key
    #[arg(long, value_name = "ema|model|KEY")]
    pub(crate) weights: Option<Weights>,
    /// Prefix of the tensor names, if it is not detected correctly
    #[arg(long, value_name = "PREFIX")]
    pub(crate) prefix: Option<String>,
    /// Use initial weights for tensors that the file does not have
    #[arg(long)]
    pub(crate) allow_missing: bool,
    /// Ignore tensors the network does not have
    #[arg(long)]
    pub(crate) allow_unexpected: bool,
    /// Use initial weights for tensors whose shape differs
    #[arg(long)]
    pub(crate) allow_reshaped: bool,
}

/// How the names in a file are read.
#[derive(Debug, Args)]
pub(crate) struct NamesArg {
    /// Naming scheme of the tensors in the checkpoint, if it is not detected correctly
    #[arg(long, value_name = "NAMES")]
    dialect: Option<DialectArg>,
}

impl NamesArg {
    /// The option, and what it says.
    pub(crate) fn given(&self) -> (&'static str, Option<DialectArg>) {
        ("--dialect", self.dialect)
    }
}

/// The naming scheme of a file's tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DialectArg {
    /// Names of torchvision for v1, of timm for v2
    Native,
    /// Names of torchvision: conv1, layer1.0.conv1, fc
    Torchvision,
    /// Names of timm; for v2: stem.conv, stages.0.blocks.0.conv1, head.fc
    Timm,
    /// Names of Hugging Face transformers, for v1 networks for ImageNet:
    /// resnet.encoder.stages.0.layers.0.layer.0.convolution
    Transformers,
    /// Names of akamaster/pytorch_resnet_cifar10, for v1 networks for CIFAR: linear instead of fc
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
