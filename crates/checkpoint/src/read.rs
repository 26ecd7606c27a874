//! Reading files: the first bytes decide on the format and its reader.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use crate::contents::Contents;
use crate::error::Error;
use crate::formats::{self, Format};
use crate::index::{self, is_index};
use crate::safetensors::{self, Stored};
use crate::weights::Weights;
use crate::{keys, pytorch};

/// The largest file that is read, four times the largest published ResNet (BiT-M 152x4).
const LARGEST_FILE: u64 = 16 << 30;

/// Reads a safetensors file, or one that PyTorch's `torch.save` wrote. `weights` chooses among several sets.
///
/// Both of PyTorch's layouts are read: the zip archive, and the one before PyTorch 1.6. The file may hold a
/// state dict alone, a training's checkpoint with a state dict in it, or a whole module. Nothing in it is
/// executed, and everything but tensors is ignored.
///
/// Of weights in several files, `path` is the index that lists them ([`is_index`]).
///
/// # Errors
/// If the file can't be read, is of another format, damaged or larger than 16 GiB, has no floating-point
/// weights, several sets without a usual one, or not those that are asked for; or if it is one of several
/// parts.
pub fn read(path: impl AsRef<Path>, weights: &Weights) -> Result<Contents, Error> {
    let path = path.as_ref();
    if is_index(path) {
        let mut all = Contents::default();
        for part in index::parts(path)? {
            all.add(path, read_file(&path.with_file_name(part), weights)?)?;
        }
        return Ok(all);
    }
    match index::of_part(path).filter(|_| path.is_file()) {
        Some(index) => Err(Error::Part { path: path.to_owned(), index }),
        None => read_file(path, weights),
    }
}

fn read_file(path: &Path, weights: &Weights) -> Result<Contents, Error> {
    let (reader, len) = open(path)?;
    parse(path, reader, len, weights)
}

/// A checkpoint to resume a training from, with every number as it was written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrainingCheckpoint {
    /// Weights and running statistics by name.
    pub weights: BTreeMap<String, Stored>,
    /// The training's state by slot and by the name of the weight that it belongs to, such as the optimizer's
    /// momentum and moving averages; see [`keys::slot`].
    pub slots: BTreeMap<String, BTreeMap<String, Stored>>,
    /// The strings of the header; [`keys`] has their names.
    pub metadata: BTreeMap<String, String>,
}

/// Reads a safetensors file that a training wrote to go on from. Nothing is converted or left out: a tensor
/// that is not of f32 has its type and shape, but no numbers.
///
/// # Errors
/// If the file can't be read, is of another format, is damaged, or is larger than 16 GiB.
pub fn read_training(path: &Path) -> Result<TrainingCheckpoint, Error> {
    let damaged = |cause| Error::Damaged { path: path.to_owned(), cause };
    let (mut reader, len) = open(path)?;
    let start = start(path, &mut reader, len)?;
    let (metadata, tensors) = match formats::of(&start) {
        Format::Pytorch(_) => return Err(damaged("it is a file of torch.save".to_owned())),
        Format::Other { kind, .. } => return Err(damaged(format!("it is {kind}"))),
        Format::Safetensors if len > LARGEST_FILE => return Err(damaged(beyond(len))),
        Format::Safetensors => safetensors::parse_all(path, (&start, reader, len))?,
    };
    let mut checkpoint = TrainingCheckpoint { metadata, ..TrainingCheckpoint::default() };
    for (name, tensor) in tensors {
        match keys::slot(&name) {
            Some((slot, weight)) => {
                checkpoint.slots.entry(slot.to_owned()).or_default().insert(weight.to_owned(), tensor)
            }
            None => checkpoint.weights.insert(name, tensor),
        };
    }
    Ok(checkpoint)
}

/// The file at `path` and its length.
fn open(path: &Path) -> Result<(BufReader<File>, u64), Error> {
    let failed = |cause| Error::Read { path: path.to_owned(), cause };
    // Checked before opening, since opening a named pipe waits for its other end.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(Error::NotAFile { path: path.to_owned() });
    }
    let file = File::open(path).map_err(failed)?;
    // Of this very file: a training may have replaced the one of before.
    let len = file.metadata().map_err(failed)?.len();
    Ok((BufReader::new(file), len))
}

/// The first bytes of a file of `len` bytes, which tell its format.
fn start(path: &Path, reader: &mut impl Read, len: u64) -> Result<Vec<u8>, Error> {
    if len == 0 {
        return Err(Error::Empty { path: path.to_owned() });
    }
    let mut start = Vec::with_capacity(formats::START);
    let read = reader.by_ref().take(formats::START as u64).read_to_end(&mut start);
    read.map_err(|cause| Error::Read { path: path.to_owned(), cause })?;
    Ok(start)
}

/// Reads `len` bytes; `path` is for messages.
fn parse(path: &Path, mut reader: impl Read + Seek, len: u64, weights: &Weights) -> Result<Contents, Error> {
    let start = start(path, &mut reader, len)?;
    match formats::of(&start) {
        Format::Pytorch(_) if len > LARGEST_FILE => {
            Err(Error::DamagedPytorch { path: path.to_owned(), cause: beyond(len) })
        }
        Format::Pytorch(layout) => pytorch::parse(path, (layout, reader, len), weights),
        Format::Other { kind, mend } => Err(Error::OtherFormat { path: path.to_owned(), kind, mend }),
        Format::Safetensors if len > LARGEST_FILE => {
            Err(Error::Damaged { path: path.to_owned(), cause: beyond(len) })
        }
        Format::Safetensors => safetensors::parse(path, (&start, reader, len), weights),
    }
}

fn beyond(len: u64) -> String {
    format!("a file of {len} bytes is beyond any network here")
}

#[cfg(test)]
mod tests;
