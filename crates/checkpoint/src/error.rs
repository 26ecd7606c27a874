//! Why a file of arrays cannot be read or written.
//!
//! Text from a file is shown escaped and cut: it may be long, or hold what a terminal would obey.

use std::io;
use std::path::PathBuf;

use crate::text::list;
use crate::weights::Weights;

/// What went wrong with a file. Each message is a sentence with the file, the cause and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system does not give the file.
    #[error("cannot read the checkpoint {}: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// A folder or a device.
    #[error("{} is not a file; name the .safetensors or .pth file itself", path.display())]
    NotAFile {
        /// What was named.
        path: PathBuf,
    },
    /// Nothing in it.
    #[error("{} is empty; copy or download it again", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A file of another kind, known by its first bytes.
    #[error("{} is {kind}, not safetensors or a file of torch.save; {mend}", path.display())]
    OtherFormat {
        /// The file.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
        /// What to do.
        mend: &'static str,
    },
    /// The header describes more than there is.
    #[error("{} is cut short: its header describes {described} bytes and it has {found}; copy or download it again", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes that the file should have.
        described: u64,
        /// Bytes that it has.
        found: u64,
    },
    /// Not a header of safetensors, or one that contradicts itself.
    #[error("{} is damaged or not safetensors: {cause}; copy or download it again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        cause: String,
    },
    /// A file of PyTorch that contradicts itself, or is cut short.
    #[error("{} is damaged or not of torch.save: {cause}; copy or download it again", path.display())]
    DamagedPytorch {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        cause: String,
    },
    /// A file of PyTorch that holds no weights, or in a form that is not read.
    #[error("{} has no weights that can be read: {cause}; in PyTorch, save them alone: `torch.save(model.state_dict(), FILE)`", path.display())]
    RefusedPytorch {
        /// The file.
        path: PathBuf,
        /// What it holds.
        cause: String,
    },
    /// Several sets of weights, none of them the usual one.
    #[error("{} holds several dictionaries of tensors: {}; say which one", path.display(), list(keys))]
    SeveralWeights {
        /// The file.
        path: PathBuf,
        /// Their keys.
        keys: Vec<String>,
    },
    /// Weights that the caller asks for and the file has not.
    #[error("{} holds no {asked}; {}", path.display(), there(keys))]
    WeightsNotThere {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        asked: Weights,
        /// The keys of what there is.
        keys: Vec<String>,
    },
    /// No weights that are floating-point numbers.
    #[error("{}: tensor {name} is {dtype}, like all others in it, and weights must be F32, F16, BF16 or F64; convert it where it was made, in PyTorch with `.float()`", path.display())]
    Dtype {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its type.
        dtype: String,
    },
    /// The system does not take the file; what stood there still does.
    #[error("cannot write the checkpoint {}: {cause}; choose a folder that exists and can be written to", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
}

/// What there is to choose from.
fn there(keys: &[String]) -> String {
    match keys {
        [] => "it has one set of weights".to_owned(),
        keys => format!("it has {}", list(keys)),
    }
}
