//! CIFAR in Python's form, as torchvision downloads it: dictionaries in pickles, which are read as data.
//! Nothing of them is run.
//!
//! A batch has `data`, an array of unsigned bytes of the shape (N, 3072), and a list of N `labels`
//! (CIFAR-100: `fine_labels` and `coarse_labels`); a row's bytes are those of a binary record.

use std::io::Read;

use resnet_pickle::{Id, Pickle};

use super::PIXELS;
use super::numpy::{Array, bytes_array};
use super::records::Records;
use crate::Error;

/// CIFAR-100's training file needs some 300,000: labels of two kinds and a name for each image.
const MOST_OPCODES: usize = 1_000_000;
const MEND: &str = "fetch it again";

/// Reads a pickled batch of `bytes` bytes from `reader`. Its labels are under the key `labels` and below
/// `classes`; `file` is its name for messages.
///
/// # Errors
/// If it is cut short, is no such batch, or has a label out of range.
pub fn read(
    reader: impl Read,
    bytes: u64,
    file: &str,
    labels: &str,
    classes: usize,
) -> Result<Records, Error> {
    let bad = |cause: String| Error::bad_file(file, cause, MEND);
    let mut pickle = Vec::new();
    // Memory grows with what arrives, because an archive's header may promise more bytes than follow.
    let read = reader.take(bytes).read_to_end(&mut pickle);
    read.map_err(|cause| bad(format!("it cannot be read ({cause})")))?;
    if (pickle.len() as u64) < bytes {
        return Err(bad(format!("it is cut short after {} of {bytes} bytes", pickle.len())));
    }
    records(&pickle, labels, classes).map_err(bad)
}

fn records(bytes: &[u8], labels_key: &str, classes: usize) -> Result<Records, String> {
    let pickle = Pickle::parse(bytes, MOST_OPCODES).map_err(|cause| format!("the pickle {cause}"))?;
    let find = |key: &str| pickle.get(pickle.root(), key).ok_or_else(|| format!("it has no `{key}`"));
    let (data, labels) = (find("data")?, find(labels_key)?);
    let Array { shape, bytes: pixels } =
        bytes_array(&pickle, data).map_err(|cause| format!("its `data` {cause}"))?;
    match shape[..] {
        [images, PIXELS] | [images, 3, 32, 32] if images > 0 => {}
        _ => return Err(format!("its `data` has the shape {shape:?}, and not (N, {PIXELS})")),
    }
    let ids = pickle.items(labels).ok_or_else(|| format!("its `{labels_key}` is no list"))?;
    if ids.len() != shape[0] {
        return Err(format!("it has {} labels for {} images", ids.len(), shape[0]));
    }
    let label =
        |(record, id): (usize, &Id)| match pickle.int(*id).map(|label| (label, usize::try_from(label))) {
            Some((_, Ok(label))) if label < classes => Ok(label as u32),
            Some((label, _)) => {
                Err(format!("record {record} has label {label}, but labels are 0 to {}", classes - 1))
            }
            None => Err(format!("record {record} has a label that is no whole number")),
        };
    let labels = ids.iter().enumerate().map(label).collect::<Result<Vec<u32>, String>>()?;
    Ok(Records { labels, pixels: pixels.into_owned() })
}

/// The names of classes under `key` of a pickle.
///
/// # Errors
/// What is wrong, as half a sentence.
pub fn names(bytes: &[u8], key: &str) -> Result<Vec<String>, String> {
    let pickle = Pickle::parse(bytes, MOST_OPCODES).map_err(|cause| format!("the pickle {cause}"))?;
    let list = pickle.get(pickle.root(), key).and_then(|list| pickle.items(list));
    let list = list.ok_or_else(|| format!("it has no list `{key}`"))?;
    let name =
        |id: &Id| pickle.str(*id).map(str::to_owned).ok_or_else(|| format!("a name in `{key}` is no text"));
    list.iter().map(name).collect()
}
