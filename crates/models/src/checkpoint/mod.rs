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
mod infer;
mod load;
mod metadata;
mod numbers;
mod outline;
mod pytorch;
mod rename;
mod report;
mod save;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

pub use config::{RepositoryConfig, Unusable, is_timms, timm_config, write_timm_config};
pub use dialect::{Choice, Dialect, Naming};
pub use error::Error;
pub use load::{HeadRule, Policy, Rule};
pub use metadata::{Fault, Interpolation, Metadata, Preprocessing};
pub use report::{Report, Reshaped, Stray};
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

/// A tensor with numbers that are NaN or infinite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NonFinite {
    /// Its name.
    pub name: String,
    /// How many of its numbers.
    pub count: usize,
}

/// Reads a safetensors file, or one that PyTorch's `torch.save` wrote of a state dict; its names show the
/// dialect.
///
/// Of PyTorch's files the zip form is read (PyTorch 1.6 and newer), the state dict alone or under a key such
/// as `state_dict` or `model`. Nothing in such a file is executed.
///
/// # Errors
/// If the file can't be read, is of another format or damaged, or has weights that are no floating-point
/// numbers, or names of a dialect that is not supported; for PyTorch's files, also if they hold anything
/// besides containers, numbers, text and tensors.
pub fn read(path: &Path) -> Result<Checkpoint, Error> {
    interpret(path, None)
}

/// Reads a file whose names are of `dialect`, whatever they look like.
///
/// # Errors
/// As [`read`].
pub fn read_as(path: &Path, dialect: Dialect) -> Result<Checkpoint, Error> {
    interpret(path, Some(dialect))
}

fn interpret(path: &Path, dialect: Option<Dialect>) -> Result<Checkpoint, Error> {
    let file::Contents { tensors, metadata, converted, ignored } = file::read(path)?;
    let (tensors, naming) = dialect::translate(path, tensors, dialect)?;
    let non_finite = tensors.iter().filter_map(|(name, array)| NonFinite::of(name, &array.values)).collect();
    let path = path.to_owned();
    Ok(Checkpoint { path, tensors, strings: metadata, naming, converted, ignored, non_finite })
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

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Precision::F16 => "f16",
            Precision::Bf16 => "bf16",
            Precision::F64 => "f64",
        })
    }
}
