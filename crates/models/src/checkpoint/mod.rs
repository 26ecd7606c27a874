//! Checkpoints: safetensors and PyTorch's files, read strictly, whatever their dialect; and safetensors
//! written, whole or not at all.
//!
//! [`read`] gives a [`Checkpoint`]: tensors under this project's names, the metadata, and what was noticed on
//! the way. [`Checkpoint::infer_spec`] tells which network it belongs to, [`Checkpoint::load_into`] gives a
//! [`Model`](crate::Model) its weights, all of them or none, and [`export`] writes one. The names that others
//! use are data: see [`Dialect`].
//!
//! ```no_run
//! use std::path::Path;
//!
//! use resnet_models::{Model, checkpoint};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let checkpoint = checkpoint::read(Path::new("resnet20-cifar10.safetensors"))?;
//! let model = Model::init(&checkpoint.infer_spec()?, 0)?;
//! let report = checkpoint.load_into(&model, checkpoint::Policy::STRICT)?;
//! eprintln!("{report}");
//! # Ok(())
//! # }
//! ```

mod config;
mod dialect;
mod error;
mod file;
mod formats;
mod infer;
mod load;
mod metadata;
mod numbers;
mod outline;
mod prefix;
mod pytorch;
mod rename;
mod report;
mod save;
mod weights;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

pub use config::{RepositoryConfig, Unusable, is_timms, timm_config, write_timm_config};
pub use dialect::{Choice, Dialect, Naming};
pub use error::{Error, Unknown};
pub use load::{HeadRule, Policy, Rule};
pub use metadata::{Fault, Interpolation, Metadata, Preprocessing};
pub use report::{Report, Reshaped, Stray};
pub use save::{Saved, export, save};
pub use weights::{Taken, Weights};

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
    /// Tensors that no weights can be, and so were left out.
    pub left_out: Vec<LeftOut>,
    /// Which weights these are, where the file holds several.
    pub taken: Taken,
    /// Tensors with numbers that are NaN or infinite.
    pub non_finite: Vec<NonFinite>,
}

/// A tensor as plain data, in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Sizes of its dimensions.
    pub shape: Vec<usize>,
    /// As many values as the shape has room for.
    pub values: Vec<f32>,
}

/// How many tensors were converted to f32, by what they were.
pub type Converted = BTreeMap<Precision, usize>;

/// Floating-point types that are converted to f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    /// IEEE half; exact in f32.
    F16,
    /// The upper half of an f32; exact.
    Bf16,
    /// Rounded to the nearest f32, or to infinity.
    F64,
}

/// Tensors that a network doesn't need.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ignored {
    /// PyTorch's `num_batches_tracked`.
    pub batch_counters: usize,
    /// The optimizer's, below `optimizer.`, in a checkpoint to resume from.
    pub optimizer: usize,
}

/// A tensor of something else than floating-point numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its name in the file, cut where it is long.
    pub name: String,
    /// What it has: `I64`, `BOOL`, `sparse`.
    pub what: String,
}

/// How a file is read.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// Whose names its tensors have; without it, the names show that.
    pub dialect: Option<Dialect>,
    /// What stands before the names of the network; without it, the names show that.
    pub prefix: Option<String>,
    /// Which weights are read, where it holds several.
    pub weights: Weights,
}

/// A tensor with numbers that are NaN or infinite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NonFinite {
    /// Its name.
    pub name: String,
    /// How many of its numbers.
    pub count: usize,
}

/// Reads a safetensors file, or one that PyTorch's `torch.save` wrote; its names show the dialect.
///
/// Of PyTorch's files, both layouts are read (the zip archive, and what was before PyTorch 1.6), with a state
/// dict alone, among what a training keeps, or as a whole module. Nothing in such a file is executed; what is
/// no tensor is passed over.
///
/// # Errors
/// If the file can't be read, is of another format or damaged, has no weights of floating-point numbers or
/// several of equal standing, or names of a dialect that is not supported.
pub fn read(path: &Path) -> Result<Checkpoint, Error> {
    read_with(path, &ReadOptions::default())
}

/// Reads a file as told.
///
/// # Errors
/// As [`read`]; and if the weights or the prefix that are asked for are not there.
pub fn read_with(path: &Path, options: &ReadOptions) -> Result<Checkpoint, Error> {
    let contents = file::read(path, &options.weights)?;
    let file::Contents { tensors, metadata, converted, ignored, left_out, taken } = contents;
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
    /// If a value has a form that it can't have.
    pub fn metadata(&self) -> Result<Metadata, Error> {
        let fault = |fault| Error::Metadata { path: self.path.clone(), fault };
        Metadata::parse(&self.strings).map_err(fault)
    }
}

impl Ignored {
    /// Whether a tensor of this name is passed over; if so, it is counted.
    fn count(&mut self, name: &str) -> bool {
        if name.ends_with("num_batches_tracked") {
            self.batch_counters += 1;
        } else if name.starts_with("optimizer.") {
            self.optimizer += 1;
        } else {
            return false;
        }
        true
    }
}

impl NonFinite {
    /// `None` if all values are finite.
    fn of(name: &str, values: &[f32]) -> Option<Self> {
        let count = values.iter().filter(|value| !value.is_finite()).count();
        (count > 0).then(|| NonFinite { name: name.to_owned(), count })
    }
}

impl fmt::Display for NonFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.count)
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.what)
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Precision::F16 => "f16",
            Precision::Bf16 => "bf16",
            Precision::F64 => "f64",
        })
    }
}
