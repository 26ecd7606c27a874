//! PyTorch's own files (`.pth`, `.pt`, `.bin`) as `torch.save` writes them since 1.6: a zip container with a
//! pickle of the names and shapes, and each storage's numbers in a record.
//!
//! candle's reader is not used: it copies whatever a pickle repeats, so that a kilobyte can ask for all
//! memory, believes each length before it has read so much, panics on short tuples, skips what it doesn't
//! understand, and reads only contiguous tensors. Here the pickle is data that nothing is run from
//! ([`pickle`]), nothing is unpacked ([`zip`]), and no more numbers are made than the file has bytes.

mod object;
mod pickle;
mod state_dict;
mod zip;

use std::collections::BTreeMap;
use std::io::{self, Read, Seek};
use std::path::Path;

use self::object::{Kind, Tensor};
use self::zip::Archive;
use super::error::clip;
use super::file::Contents;
use super::numbers::Float;
use super::{Array, Error};

/// Why a file is not read.
#[derive(Debug)]
enum Fault {
    /// The system does not give it.
    Io(io::Error),
    /// It contradicts itself.
    Damaged(String),
    /// It holds what is not read here.
    Refused(String),
    /// A tensor is of no floating-point numbers.
    Dtype(String, &'static str),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Fault::Damaged("it ends too early".to_owned()),
            _ => Fault::Io(error),
        }
    }
}

impl Fault {
    fn of(self, path: &Path) -> Error {
        let path = path.to_owned();
        match self {
            Fault::Io(cause) => Error::Read { path, cause },
            Fault::Damaged(cause) => Error::DamagedPytorch { path, cause },
            Fault::Refused(cause) => Error::RefusedPytorch { path, cause },
            Fault::Dtype(name, dtype) => Error::Dtype { path, name, dtype: dtype.to_owned() },
        }
    }
}

/// Reads a file of `len` bytes; `path` is for messages.
pub(super) fn parse(path: &Path, reader: impl Read + Seek, len: u64) -> Result<Contents, Error> {
    contents(reader, len).map_err(|fault| fault.of(path))
}

fn contents(reader: impl Read + Seek, len: u64) -> Result<Contents, Fault> {
    let mut archive = Archive::open(reader, len)?;
    let prefix = prefix(&archive)?;
    let order = format!("{prefix}byteorder");
    if archive.names().any(|name| name == order) && archive.read(&order, 64)? != b"little" {
        return Err(Fault::Refused("its numbers are of a big-endian machine".to_owned()));
    }
    let bytes = archive.read(&format!("{prefix}data.pkl"), pickle::LONGEST)?;
    let pickle = pickle::parse(&bytes)?;

    let mut contents = Contents::default();
    let mut storages: BTreeMap<&str, Vec<(&str, &Tensor, Float)>> = BTreeMap::new();
    for (name, tensor) in state_dict::find(&pickle)? {
        if contents.ignored.count(name) {
            continue;
        }
        let float = match tensor.storage.kind {
            Kind::Float(float) => float,
            Kind::Other(dtype) => return Err(Fault::Dtype(clip(name, 80), dtype)),
        };
        storages.entry(&tensor.storage.key).or_default().push((name, tensor, float));
    }
    // Views of few numbers can have any size: bounded by the file's.
    let mut budget = len;
    for (key, views) in storages {
        let raw = archive.read(&format!("{prefix}data/{key}"), len)?;
        for (name, tensor, float) in views {
            let values = view(tensor, float, &raw, &mut budget)
                .map_err(|cause| Fault::Damaged(format!("tensor {} {cause}", clip(name, 80))))?;
            if let Some(precision) = float.precision() {
                *contents.converted.entry(precision).or_default() += 1;
            }
            contents.tensors.insert(name.to_owned(), Array { shape: tensor.shape.clone(), values });
        }
    }
    Ok(contents)
}

/// The folder that the records are in.
fn prefix<R: Read + Seek>(archive: &Archive<R>) -> Result<String, Fault> {
    let mut pickles = archive.names().filter_map(|name| name.strip_suffix("data.pkl"));
    let prefix = pickles.find(|prefix| prefix.find('/').is_none_or(|slash| slash + 1 == prefix.len()));
    let Some(prefix) = prefix else {
        let cause = "it is a zip archive without a data.pkl, so it is not of torch.save".to_owned();
        return Err(Fault::Refused(cause));
    };
    let constants = format!("{prefix}constants.pkl");
    if archive.names().any(|name| name == constants) {
        return Err(Fault::Refused("it is a TorchScript program".to_owned()));
    }
    Ok(prefix.to_owned())
}

/// The numbers of a tensor in row-major order, or what is wrong with it.
fn view(tensor: &Tensor, float: Float, raw: &[u8], budget: &mut u64) -> Result<Vec<f32>, &'static str> {
    const OUTSIDE: &str = "reaches beyond its storage";
    let Tensor { storage, offset, shape, strides } = tensor;
    if storage.len.checked_mul(float.size() as u64) != Some(raw.len() as u64) {
        return Err("has a storage of another length than its record");
    }
    let count = shape.iter().try_fold(1usize, |count, size| count.checked_mul(*size));
    let count = count.ok_or("has more numbers than any memory")?;
    if count == 0 {
        return Ok(vec![]);
    }
    // From its first number to its last one.
    let reach = shape
        .iter()
        .zip(strides)
        .try_fold(0u64, |reach, (size, stride)| reach.checked_add((*size as u64 - 1).checked_mul(*stride)?));
    let last = reach.and_then(|reach| reach.checked_add(*offset)).filter(|last| *last < storage.len);
    let last = last.ok_or(OUTSIDE)?;
    let span = last - offset + 1;
    *budget = budget
        .checked_sub(span.max(count as u64))
        .ok_or("repeats numbers: with the others it has more than the file has bytes")?;
    // Both are inside the record, whose bytes are in memory.
    let (from, to) = (*offset as usize * float.size(), (last as usize + 1) * float.size());
    let values = float.values(&raw[from..to]);
    Ok(if is_row_major(shape, strides) { values } else { gathered(&values, shape, strides, count) })
}

fn is_row_major(shape: &[usize], strides: &[u64]) -> bool {
    let mut expected = 1;
    shape.iter().zip(strides).rev().all(|(size, stride)| {
        let fits = *size == 1 || *stride == expected;
        expected *= *size as u64;
        fits
    })
}

/// Numbers that lie `strides` apart, side by side.
fn gathered(values: &[f32], shape: &[usize], strides: &[u64], count: usize) -> Vec<f32> {
    let mut index = vec![0; shape.len()];
    let mut at = 0;
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        all.push(values[at]);
        for (axis, size) in shape.iter().enumerate().rev() {
            let stride = strides[axis] as usize;
            index[axis] += 1;
            if index[axis] < *size {
                at += stride;
                break;
            }
            at -= (size - 1) * stride;
            index[axis] = 0;
        }
    }
    all
}

#[cfg(test)]
mod tests;
