//! Files of any format, told by their first bytes and handed to the reader of that format.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

use crate::contents::Contents;
use crate::error::Error;
use crate::formats::{self, Format};
use crate::weights::Weights;
use crate::{pytorch, safetensors};

/// The largest file that is read, four times the largest published ResNet (BiT-M 152x4).
const LARGEST_FILE: u64 = 16 << 30;

/// Reads a safetensors file, or one that PyTorch's `torch.save` wrote; of several sets of weights in it,
/// those that are asked for.
///
/// Of PyTorch's files, both layouts are read (the zip archive, and what was before PyTorch 1.6), with a state
/// dict alone, among what a training keeps, or as a whole module. Nothing in such a file is executed; what is
/// no tensor is passed over.
///
/// # Errors
/// If the file can't be read, is of another format or damaged, has no weights of floating-point numbers or
/// several of equal standing, or not those that are asked for.
pub fn read(path: &Path, weights: &Weights) -> Result<Contents, Error> {
    let failed = |cause| Error::Read { path: path.to_owned(), cause };
    // Asked before opening: opening a named pipe waits for its other end.
    let about = std::fs::metadata(path).map_err(failed)?;
    if !about.is_file() {
        return Err(Error::NotAFile { path: path.to_owned() });
    }
    parse(path, BufReader::new(File::open(path).map_err(failed)?), about.len(), weights)
}

/// Reads `len` bytes; `path` is for messages.
fn parse(path: &Path, mut reader: impl Read + Seek, len: u64, weights: &Weights) -> Result<Contents, Error> {
    let failed = |cause: io::Error| Error::Read { path: path.to_owned(), cause };
    if len == 0 {
        return Err(Error::Empty { path: path.to_owned() });
    }
    let mut start = Vec::with_capacity(formats::START);
    reader.by_ref().take(formats::START as u64).read_to_end(&mut start).map_err(failed)?;
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
