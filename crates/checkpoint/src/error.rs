//! Why a file of arrays cannot be read or written.
//!
//! Text from a file is escaped and shortened: it may be long, or hold control sequences for a terminal.

use std::io;
use std::path::PathBuf;

use crate::text::list;
use crate::weights::Weights;

/// What went wrong with a file. Each message is a sentence with the file, the cause and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the checkpoint {}: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's message.
        cause: io::Error,
    },
    /// A folder or a device.
    #[error("{} is not a file; name the .safetensors or .pth file itself", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The file is empty.
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
    /// One of the files over which weights are spread, without the others.
    #[error("{} holds a part of its network's weights; give {}, which lists all parts", path.display(), index.display())]
    Part {
        /// The file.
        path: PathBuf,
        /// The index of all parts, as it is called beside them.
        index: PathBuf,
    },
    /// An index of weights in several files that is not understood.
    #[error("{} is no index of weights in several files: {cause}; download or save all of it again", path.display())]
    Index {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        cause: String,
    },
    /// The file is shorter than its header says.
    #[error("{} is cut short: its header describes {described} bytes and it has {found}; copy or download it again", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes that the file should have.
        described: u64,
        /// Bytes that it has.
        found: u64,
    },
    /// The tensors are not those that were written: a disk or a copy damaged them, or another program wrote
    /// them and left the old checksum in the metadata.
    #[error("{} is damaged: the checksum of its tensors is {found} and was {expected} when it was written; copy or download it again, or if another program changed the tensors, let it leave out the metadata's {}", path.display(), crate::keys::CHECKSUM)]
    Changed {
        /// The file.
        path: PathBuf,
        /// The checksum in its metadata.
        expected: String,
        /// The checksum of its tensors.
        found: String,
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
    /// The file has several sets of weights, and none of them is the usual one.
    #[error("{} holds several dictionaries of tensors: {}; say which one", path.display(), list(keys))]
    SeveralWeights {
        /// The file.
        path: PathBuf,
        /// Their keys.
        keys: Vec<String>,
    },
    /// The file does not have the weights that the caller asked for.
    #[error("{} holds no {asked}; {}", path.display(), there(keys))]
    WeightsNotThere {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        asked: Weights,
        /// The keys of the weights that it has.
        keys: Vec<String>,
    },
    /// None of the tensors has floating-point numbers.
    #[error("{}: tensor {name} is {dtype}, like all others in it, and weights must be F32, F16, BF16 or F64; convert it where it was made, in PyTorch with `.float()`", path.display())]
    Dtype {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its type.
        dtype: String,
    },
    /// Names and metadata of so many bytes that the file could not be read again; nothing was written.
    #[error("cannot write the checkpoint {}: its header would have {bytes} bytes, and one of more than {most} is not read; write fewer tensors", path.display())]
    LongHeader {
        /// The file.
        path: PathBuf,
        /// Bytes of names, shapes and metadata.
        bytes: u64,
        /// The most that are read.
        most: u64,
    },
    /// The file cannot be written; a file that was there before is unchanged.
    #[error("cannot write the checkpoint {}: {cause}; choose a folder that exists and can be written to", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's message.
        cause: io::Error,
    },
}

/// A sentence about the weights that can be chosen.
fn there(keys: &[String]) -> String {
    match keys {
        [] => "it has one set of weights".to_owned(),
        keys => format!("it has {}", list(keys)),
    }
}
