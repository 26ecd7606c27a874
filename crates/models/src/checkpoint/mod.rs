//! Checkpoints: whose names the tensors of a file have, which network they belong to, and how a model's
//! weights are loaded and exported. `resnet-checkpoint` reads and writes the files themselves.
//!
//! [`read`] gives a [`Checkpoint`]: tensors under this project's names, the metadata, and what is unusual
//! about the file. [`Checkpoint::infer_spec`] finds the network, [`Checkpoint::load_into`] loads the weights
//! into a [`Model`](crate::Model), all of them or none, and [`export`] writes them. See [`Dialect`] for other
//! projects' names.
//!
//! ```no_run
//! use resnet_models::{Model, checkpoint};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let checkpoint = checkpoint::read("resnet20-cifar10.safetensors")?;
//! let model = Model::init(&checkpoint.infer_spec()?, 0)?;
//! let report = checkpoint.load_into(&model, checkpoint::Policy::STRICT)?;
//! eprintln!("{report}");
//! # Ok(())
//! # }
//! ```

mod config;
mod dialect;
mod error;
mod infer;
mod landmarks;
mod load;
mod naming;
mod outline;
mod prefix;
mod rename;
mod report;
mod save;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use resnet_checkpoint::Contents;

pub use config::{
    RepositoryConfig, Unusable, is_timm_network, timm_config, transformers_config, write_config,
};
pub use error::{Error, Unknown};
pub use load::{HeadRule, Policy, Rule};
pub use naming::{Choice, Dialect, Naming};
pub use report::{Report, Reshaped, Stray};
pub use resnet_checkpoint::{
    Array, Converted, Fault, Ignored, LeftOut, Metadata, NonFinite, Precision, Preprocessing, Resampling,
    Taken, Weights,
};
pub use save::{Saved, export, save};

/// A file's tensors under native names, and its metadata.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Where it was read.
    pub path: PathBuf,
    /// Weights and running statistics by native name.
    pub tensors: BTreeMap<String, Array>,
    /// The header's strings; [`Checkpoint::metadata`] understands them.
    pub strings: BTreeMap<String, String>,
    /// How the names were understood.
    pub naming: Naming,
    /// Tensors that were not f32.
    pub converted: Converted,
    /// Tensors that were passed over.
    pub ignored: Ignored,
    /// Tensors that cannot be weights and were left out.
    pub left_out: Vec<LeftOut>,
    /// Which weights these are, if the file holds several sets.
    pub taken: Taken,
    /// Tensors with numbers that are NaN or infinite.
    pub non_finite: Vec<NonFinite>,
}

/// How a file is read.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// The naming scheme of the tensors; if absent, it is detected.
    pub dialect: Option<Dialect>,
    /// The prefix of the network's names; if absent, it is detected.
    pub prefix: Option<String>,
    /// Which weights are read, if the file holds several sets.
    pub weights: Weights,
}

/// Reads a safetensors file, or one that PyTorch's `torch.save` wrote (see [`resnet_checkpoint::read`]). The
/// dialect is detected.
///
/// # Errors
/// If the file can't be read, is of another format or damaged, has no weights of floating-point numbers or
/// several of equal standing, or names of a dialect that is not supported.
pub fn read(path: impl AsRef<Path>) -> Result<Checkpoint, Error> {
    read_with(path, &ReadOptions::default())
}

/// Reads a file with the given options.
///
/// # Errors
/// As [`read`]; and if the weights or the prefix that are asked for are not there.
pub fn read_with(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Checkpoint, Error> {
    let path = path.as_ref();
    let contents = resnet_checkpoint::read(path, &options.weights)?;
    let Contents { tensors, metadata, converted, ignored, left_out, taken } = contents;
    let (tensors, naming) = dialect::translate(path, tensors, options)?;
    let non_finite = tensors.iter().filter_map(|(name, array)| NonFinite::of(name, &array.values)).collect();
    Ok(Checkpoint {
        path: path.to_owned(),
        tensors,
        strings: metadata,
        naming,
        converted,
        ignored,
        left_out,
        taken,
        non_finite,
    })
}

impl Checkpoint {
    /// What the file says about itself.
    ///
    /// # Errors
    /// If a value is malformed.
    pub fn metadata(&self) -> Result<Metadata, Error> {
        let fault = |fault| Error::Metadata { path: self.path.clone(), fault };
        Metadata::parse(&self.strings).map_err(fault)
    }
}
