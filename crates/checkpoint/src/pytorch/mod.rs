//! PyTorch's own files (`.pth`, `.pt`, `.bin`): a pickle of the saved object, and the numbers of each
//! storage.
//!
//! | file | |
//! |---|---|
//! | `zip.rs` | the container since PyTorch 1.6: a zip archive with a record for each storage |
//! | `legacy.rs` | the layout before: pickles one after the other, then the storages |
//! | `state_dict.rs` | which dictionary in a file holds the weights |
//! | `module.rs` | the names in a whole module |
//! | `tensor.rs` | the calls that stand for a tensor |
//! | `view.rs` | a tensor's numbers in a storage |
//!
//! candle's reader is not used. It copies whatever a pickle repeats, so that a kilobyte can claim all memory;
//! it allocates any length before it has read that much; it panics on short tuples, skips what it does not
//! understand, and reads only contiguous tensors. Here the pickle is data, and nothing in it is run
//! (`resnet_pickle`); objects that are not tensors are ignored; and no more numbers are made than the file
//! has bytes.

mod legacy;
mod module;
mod state_dict;
mod tensor;
mod view;
mod zip;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Read, Seek};
use std::path::Path;

use resnet_pickle::Pickle;

use self::legacy::Legacy;
pub(crate) use self::legacy::is_legacy;
use self::tensor::{Tensor, Value};
use self::zip::Archive;
use crate::contents::{Array, Contents, LeftOut};
use crate::error::Error;
use crate::text::clip;
use crate::weights::Weights;

/// The most opcodes of a pickle; each takes a few hundred bytes at most. ResNet-1001 with the momentum of its
/// optimizer has a million.
const MOST_OPCODES: usize = 4 << 20;
/// The longest pickle, in bytes. Only numbers and names are copied out of it.
const LONGEST_PICKLE: u64 = 1 << 30;
const BIG_ENDIAN: &str = "its numbers are of a big-endian machine";

/// How a file is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// As a zip archive.
    Zip,
    /// As pickles and storages.
    Legacy,
}

/// Why a file is not read.
#[derive(Debug)]
enum Fault {
    /// The system refuses to read it.
    Io(io::Error),
    /// The bytes end before its pickle does.
    Cut,
    /// It contradicts itself.
    Damaged(String),
    /// It holds something that is not read here.
    Refused(String),
    /// It holds several sets of weights, under these keys.
    Several(Vec<String>),
    /// It does not hold the weights asked for, but those under these keys.
    NotThere(Weights, Vec<String>),
    /// None of its tensors are of floating-point numbers.
    Dtype(LeftOut),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Fault::Damaged("it ends too early".to_owned()),
            _ => Fault::Io(error),
        }
    }
}

impl From<resnet_pickle::Error> for Fault {
    fn from(error: resnet_pickle::Error) -> Self {
        use resnet_pickle::Error::{Cut, OutOfBand, Protocol, TooLong};
        match error {
            Cut => Fault::Cut,
            Protocol(_) | OutOfBand | TooLong(_) => Fault::Refused(format!("its pickle {error}")),
            error => Fault::Damaged(format!("its pickle {error}")),
        }
    }
}

impl Fault {
    fn of(self, path: &Path) -> Error {
        let path = path.to_owned();
        match self {
            Fault::Io(cause) => Error::Read { path, cause },
            Fault::Cut => Error::DamagedPytorch { path, cause: "its pickle ends too early".to_owned() },
            Fault::Damaged(cause) => Error::DamagedPytorch { path, cause },
            Fault::Refused(cause) => Error::RefusedPytorch { path, cause },
            Fault::Several(keys) => Error::SeveralWeights { path, keys },
            Fault::NotThere(asked, keys) => Error::WeightsNotThere { path, asked, keys },
            Fault::Dtype(LeftOut { name, what }) => Error::Dtype { path, name, dtype: what },
        }
    }
}

/// Reads a file of `len` bytes; `path` is for messages.
pub(crate) fn parse(
    path: &Path,
    (layout, reader, len): (Layout, impl Read + Seek, u64),
    weights: &Weights,
) -> Result<Contents, Error> {
    let contents = match layout {
        Layout::Zip => zip(reader, len, weights),
        Layout::Legacy => legacy(reader, len, weights),
    };
    contents.map_err(|fault| fault.of(path))
}

fn legacy(reader: impl Read + Seek, len: u64, weights: &Weights) -> Result<Contents, Fault> {
    let mut file = Legacy::open(reader, len)?;
    let (saved, storage) = file.parts();
    contents(saved, storage, len, weights)
}

fn zip(reader: impl Read + Seek, len: u64, weights: &Weights) -> Result<Contents, Fault> {
    let mut archive = Archive::open(reader, len)?;
    let prefix = prefix(&archive)?;
    let order = format!("{prefix}byteorder");
    if archive.names().any(|name| name == order) && archive.read(&order, 64)? != b"little" {
        return Err(Fault::Refused(BIG_ENDIAN.to_owned()));
    }
    let bytes = archive.read(&format!("{prefix}data.pkl"), LONGEST_PICKLE)?;
    let most = archive.most();
    contents(&bytes, |key| archive.read(&format!("{prefix}data/{key}"), most), most, weights)
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

/// The tensors of a pickle, where `storage` gives the bytes of each storage by its name; in all they have at
/// most `budget` numbers.
fn contents(
    pickle: &[u8],
    mut storage: impl FnMut(&str) -> Result<Vec<u8>, Fault>,
    mut budget: u64,
    weights: &Weights,
) -> Result<Contents, Fault> {
    let pickle = Pickle::parse(pickle, MOST_OPCODES)?;
    let found = state_dict::find(&pickle, weights)?;
    let mut contents = Contents { taken: found.taken, ..Contents::default() };
    let mut tensors: BTreeMap<Cow<str>, Tensor> = BTreeMap::new();
    for (name, id) in state_dict::named(&pickle, found.weights)? {
        let value = tensor::understand(&pickle, id);
        if value == Value::Other || contents.ignored.count(&name) {
            continue;
        }
        let shown = || clip(&name, 80);
        match value {
            Value::Tensor(tensor) => {
                let shown = shown();
                if tensors.insert(name, tensor).is_some() {
                    return Err(Fault::Damaged(format!("it has two tensors {shown}")));
                }
            }
            Value::Strange(what) => {
                contents.left_out.push(LeftOut { name: shown(), what: what.to_owned() });
            }
            Value::Malformed => {
                let cause = format!("it puts tensor {} together in another form than PyTorch", shown());
                return Err(Fault::Damaged(cause));
            }
            Value::Other => {}
        }
    }
    if tensors.is_empty() && !contents.left_out.is_empty() {
        return Err(Fault::Dtype(contents.left_out.swap_remove(0)));
    }
    // Each storage is read once, however many views of it there are.
    let mut storages: BTreeMap<String, Vec<(Cow<str>, Tensor)>> = BTreeMap::new();
    for (name, tensor) in tensors {
        storages.entry(tensor.storage.key.clone()).or_default().push((name, tensor));
    }
    for (key, views) in storages {
        let raw = storage(&key)?;
        for (name, tensor) in views {
            let values = view::read(&tensor, &raw, &mut budget)
                .map_err(|cause| Fault::Damaged(format!("tensor {} {cause}", clip(&name, 80))))?;
            if let Some(precision) = tensor.float.precision() {
                *contents.converted.entry(precision).or_default() += 1;
            }
            contents.tensors.insert(name.into_owned(), Array { shape: tensor.shape, values });
        }
    }
    Ok(contents)
}

#[cfg(test)]
mod tests;
