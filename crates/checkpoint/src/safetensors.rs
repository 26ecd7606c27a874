//! The safetensors format: eight bytes of length, a JSON header of that length, then the tensors' bytes.
//!
//! A header is checked before it is used. Its length must fit the file's. The `safetensors` crate checks that
//! the tensors lie side by side, without gap or overlap, and that each one's shape and type fill its place.
//! The end of the last one must be the end of the file. Until then only the header is allocated, and
//! afterwards no more than the file has.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use serde::Deserialize;

use crate::contents::{Array, Contents, LeftOut};
use crate::error::Error;
use crate::floats::Float;
use crate::keys;
use crate::text::clip;
use crate::weights::Weights;

/// The longest header that is parsed. ResNet-1001's has half a megabyte, and parsing may take thirty times
/// the length.
const LONGEST_HEADER: u64 = 8 << 20;

/// The header's JSON.
#[derive(Deserialize)]
struct Header {
    #[serde(rename = "__metadata__")]
    metadata: Option<BTreeMap<String, String>>,
    #[serde(flatten)]
    tensors: BTreeMap<String, TensorInfo>,
}

/// Reads the weights in a file of `len` bytes that begins with `start`; `path` is for messages.
pub(crate) fn parse(
    path: &Path,
    input: (&[u8], impl Read, u64),
    weights: &Weights,
) -> Result<Contents, Error> {
    let failed = |cause: io::Error| Error::Read { path: path.to_owned(), cause };
    if !matches!(weights, Weights::Usual | Weights::Trained) {
        return Err(Error::WeightsNotThere { path: path.to_owned(), asked: weights.clone(), keys: vec![] });
    }
    let Opened { metadata, layout, mut reader } = open(path, input)?;
    let resumes = metadata.contains_key(keys::TRAINING_STATE);
    let mut contents = Contents { metadata, ..Contents::default() };
    for name in layout.offset_keys() {
        let Some(info) = layout.info(&name) else { continue };
        let bytes = info.data_offsets.1 - info.data_offsets.0;
        if contents.ignored.count(&name, resumes) {
            io::copy(&mut reader.by_ref().take(bytes as u64), &mut io::sink()).map_err(failed)?;
            continue;
        }
        let Some(float) = float(info.dtype) else {
            io::copy(&mut reader.by_ref().take(bytes as u64), &mut io::sink()).map_err(failed)?;
            contents.left_out.push(LeftOut { name: clip(&name, 80), what: info.dtype.to_string() });
            continue;
        };
        let mut raw = vec![0; bytes];
        reader.read_exact(&mut raw).map_err(failed)?;
        if let Some(precision) = float.precision() {
            *contents.converted.entry(precision).or_default() += 1;
        }
        let values = float.values(&raw);
        contents.tensors.insert(name, Array { shape: info.shape.clone(), values });
    }
    if contents.tensors.is_empty() && !contents.left_out.is_empty() {
        let LeftOut { name, what } = contents.left_out.swap_remove(0);
        return Err(Error::Dtype { path: path.to_owned(), name, dtype: what });
    }
    Ok(contents)
}

/// A tensor as it is stored, whatever its type.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Its type in the file, such as `F32` or `I64`.
    pub dtype: String,
    /// Sizes of its dimensions.
    pub shape: Vec<usize>,
    /// Its numbers in row-major order, if they are stored as `F32`.
    pub values: Option<Vec<f32>>,
}

/// Reads every tensor of a file of `len` bytes that begins with `start`, and the header's strings; `path` is
/// for messages.
pub(crate) fn parse_all(path: &Path, input: (&[u8], impl Read, u64)) -> Result<AllTensors, Error> {
    let failed = |cause: io::Error| Error::Read { path: path.to_owned(), cause };
    let Opened { metadata, layout, mut reader } = open(path, input)?;
    let mut tensors = BTreeMap::new();
    for name in layout.offset_keys() {
        let Some(info) = layout.info(&name) else { continue };
        let bytes = info.data_offsets.1 - info.data_offsets.0;
        let values = if info.dtype == Dtype::F32 {
            let mut raw = vec![0; bytes];
            reader.read_exact(&mut raw).map_err(failed)?;
            Some(Float::F32.values(&raw))
        } else {
            io::copy(&mut reader.by_ref().take(bytes as u64), &mut io::sink()).map_err(failed)?;
            None
        };
        let stored = Stored { dtype: info.dtype.to_string(), shape: info.shape.clone(), values };
        tensors.insert(name, stored);
    }
    Ok((metadata, tensors))
}

/// The strings of a header, and the tensors by name.
pub(crate) type AllTensors = (BTreeMap<String, String>, BTreeMap<String, Stored>);

/// A file whose header was read and checked.
struct Opened<R> {
    metadata: BTreeMap<String, String>,
    layout: Metadata,
    /// The tensors' bytes.
    reader: R,
}

fn open<'a, R: Read>(
    path: &Path,
    (start, reader, len): (&'a [u8], R, u64),
) -> Result<Opened<io::Chain<&'a [u8], R>>, Error> {
    let failed = |cause: io::Error| Error::Read { path: path.to_owned(), cause };
    let damaged = |cause: String| Error::Damaged { path: path.to_owned(), cause };
    let Some((header_len, begun)) = start.split_first_chunk::<8>() else {
        return Err(damaged(format!("it has {len} bytes, and the length of the header alone takes 8")));
    };
    let header_len = u64::from_le_bytes(*header_len);
    if header_len > len - 8 {
        let rest = len - 8;
        return Err(damaged(format!("its header should have {header_len} bytes, and only {rest} follow")));
    }
    if header_len > LONGEST_HEADER {
        return Err(damaged(format!(
            "a header of {header_len} bytes in a file of {len} is beyond any network here"
        )));
    }

    let mut reader = begun.chain(reader);
    let mut header = vec![0; header_len as usize];
    reader.read_exact(&mut header).map_err(failed)?;
    let header: Header = serde_json::from_slice(&header).map_err(|error| {
        damaged(format!("its header cannot be understood ({})", clip(&error.to_string(), 120)))
    })?;
    let layout = layout(header.tensors).map_err(|error| damaged(explain(error)))?;
    // Neither sum overflows: the header is inside the file, and the data's length was added up with checks.
    let described = (8 + header_len).saturating_add(layout.data_len() as u64);
    if described > len {
        return Err(Error::Truncated { path: path.to_owned(), described, found: len });
    }
    if described < len {
        return Err(damaged(format!("{} bytes follow its last tensor", len - described)));
    }
    Ok(Opened { metadata: header.metadata.unwrap_or_default(), layout, reader })
}

/// The tensors in the order of their offsets, which are checked.
fn layout(tensors: BTreeMap<String, TensorInfo>) -> Result<Metadata, SafeTensorError> {
    let mut tensors: Vec<_> = tensors.into_iter().collect();
    tensors.sort_by_key(|(_, info)| info.data_offsets);
    Metadata::new(None, tensors)
}

fn explain(error: SafeTensorError) -> String {
    match error {
        SafeTensorError::InvalidOffset(name) => {
            format!("tensor {} overlaps another one, or leaves a gap before it", clip(&name, 80))
        }
        SafeTensorError::TensorInvalidInfo => "a tensor's shape and type do not fill its place".to_owned(),
        SafeTensorError::ValidationOverflow => "a tensor's shape is larger than any memory".to_owned(),
        other => clip(&other.to_string(), 120),
    }
}

fn float(dtype: Dtype) -> Option<Float> {
    match dtype {
        Dtype::F32 => Some(Float::F32),
        Dtype::F16 => Some(Float::F16),
        Dtype::BF16 => Some(Float::Bf16),
        Dtype::F64 => Some(Float::F64),
        _ => None,
    }
}
