//! The safetensors format: eight bytes of length, a JSON header of that length, then the tensors' bytes.
//!
//! A header is checked before it is used. Its length must fit the file's. The `safetensors` crate checks that
//! the tensors lie side by side, without gap or overlap, and that each one's shape and type fill its place.
//! The end of the last one must be the end of the file. Until then only the header is allocated, and
//! afterwards no more than the file has. The format itself has no checksum; the files written here have one
//! of all tensors in their metadata, and where it stands it must agree.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use serde::Deserialize;

use crate::contents::{Array, Contents, Ignored, LeftOut};
use crate::error::Error;
use crate::floats::Float;
use crate::keys;
use crate::text::clip;
use crate::weights::{Taken, Weights};

/// The longest header that is parsed or written. That of a checkpoint to resume from takes 50 megabytes for
/// the deepest network of the registry with Adam, an average and accumulated gradients, and half a megabyte
/// for ResNet-1001's weights. Parsing may take thirty times the length.
pub(crate) const LONGEST_HEADER: u64 = 64 << 20;

/// What the weights in training and their moving averages are called, where a file has both.
const TRAINED: &str = "model";
const AVERAGED: &str = "ema";

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
    let Opened { metadata, layout, mut reader } = open(path, input)?;
    let names = layout.offset_keys();
    let resumes = metadata.contains_key(keys::TRAINING_STATE);
    let (set, taken) = Set::asked(weights, resumes, &names).map_err(|keys| {
        let (path, asked) = (path.to_owned(), weights.clone());
        Error::WeightsNotThere { path, asked, keys }
    })?;
    let mut contents = Contents { metadata, taken, ..Contents::default() };
    for name in &names {
        let Some(info) = layout.info(name) else { continue };
        let bytes = info.data_offsets.1 - info.data_offsets.0;
        let Some(name) = set.weight(name, &mut contents.ignored) else {
            io::copy(&mut reader.by_ref().take(bytes as u64), &mut io::sink()).map_err(failed)?;
            continue;
        };
        let Some(float) = float(info.dtype) else {
            io::copy(&mut reader.by_ref().take(bytes as u64), &mut io::sink()).map_err(failed)?;
            contents.left_out.push(LeftOut { name: clip(name, 80), what: info.dtype.to_string() });
            continue;
        };
        let mut raw = vec![0; bytes];
        reader.read_exact(&mut raw).map_err(failed)?;
        if let Some(precision) = float.precision() {
            *contents.converted.entry(precision).or_default() += 1;
        }
        let values = float.values(&raw);
        contents.tensors.insert(name.to_owned(), Array { shape: info.shape.clone(), values });
    }
    reader.check(path)?;
    if contents.tensors.is_empty() && !contents.left_out.is_empty() {
        let LeftOut { name, what } = contents.left_out.swap_remove(0);
        return Err(Error::Dtype { path: path.to_owned(), name, dtype: what });
    }
    Ok(contents)
}

/// Which tensors of a file are its weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    /// All: the file is no checkpoint to resume from, and `ema.` and the like are names as any other, of
    /// averaged weights or of a network.
    Only,
    /// Of a checkpoint to resume from, those in training.
    Trained,
    /// Of such a checkpoint, their moving averages.
    Averaged,
}

impl Set {
    /// The set that is asked for, and what it is called if there are two; if it is not there, the names of
    /// those that are. `resumes` tells whether the file is a checkpoint of ours to resume from.
    fn asked(weights: &Weights, resumes: bool, names: &[String]) -> Result<(Set, Taken), Vec<String>> {
        let has_both = resumes && names.iter().any(|name| name.starts_with(keys::EMA));
        // The keys that a message offers for such a file.
        let weights = match weights {
            Weights::Key(key) if resumes && key == TRAINED => &Weights::Trained,
            Weights::Key(key) if resumes && key == AVERAGED => &Weights::Average,
            other => other,
        };
        if !has_both {
            let set = if resumes { Set::Trained } else { Set::Only };
            let is_it = matches!(weights, Weights::Usual | Weights::Trained);
            return if is_it { Ok((set, Taken::default())) } else { Err(vec![]) };
        }
        let (set, key, other) = match weights {
            Weights::Usual | Weights::Trained => (Set::Trained, TRAINED, AVERAGED),
            Weights::Average => (Set::Averaged, AVERAGED, TRAINED),
            Weights::Key(_) => return Err([TRAINED, AVERAGED].map(str::to_owned).to_vec()),
        };
        Ok((set, Taken { key: Some(key.to_owned()), others: vec![other.to_owned()] }))
    }

    /// The name of the weight that the tensor called `name` holds; a tensor that holds none is counted.
    fn weight<'n>(self, name: &'n str, ignored: &mut Ignored) -> Option<&'n str> {
        if ignored.count(name) {
            return None;
        }
        let average = name.strip_prefix(keys::EMA);
        match (self, average) {
            (Set::Only, _) => Some(name),
            (_, None) if name.starts_with(keys::OPTIMIZER) || keys::slot(name).is_some() => {
                ignored.optimizer += 1;
                None
            }
            (Set::Trained, None) => Some(name),
            (Set::Averaged, Some(weight)) => Some(weight),
            (Set::Trained, Some(_)) | (Set::Averaged, None) => {
                ignored.other_weights += 1;
                None
            }
        }
    }
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
    reader.check(path)?;
    Ok((metadata, tensors))
}

/// The strings of a header, and the tensors by name.
pub(crate) type AllTensors = (BTreeMap<String, String>, BTreeMap<String, Stored>);

/// A file whose header was read and checked.
struct Opened<R> {
    /// Without the checksum.
    metadata: BTreeMap<String, String>,
    layout: Metadata,
    /// The tensors' bytes.
    reader: Summed<R>,
}

/// A reader that sums up what is read, if there is something to compare the sum with.
struct Summed<R> {
    inner: R,
    /// What [`keys::CHECKSUM`] says, and the sum so far.
    expected: Option<(String, crc32fast::Hasher)>,
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        if let Some((_, crc)) = &mut self.expected {
            crc.update(&buffer[..read]);
        }
        Ok(read)
    }
}

impl<R> Summed<R> {
    /// Compares what was read, which is all tensors, with the file's checksum.
    fn check(self, path: &Path) -> Result<(), Error> {
        let Some((expected, crc)) = self.expected else { return Ok(()) };
        let found = checksum(crc);
        if expected == found {
            return Ok(());
        }
        Err(Error::Changed { path: path.to_owned(), expected: clip(&expected, 16), found })
    }
}

/// A checksum as metadata holds it.
pub(crate) fn checksum(crc: crc32fast::Hasher) -> String {
    format!("{:08x}", crc.finalize())
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
    // A file that grows while it is read may have had fewer bytes when it was measured.
    let rest = len.saturating_sub(8);
    if header_len > rest {
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
    let mut metadata = header.metadata.unwrap_or_default();
    let expected = metadata.remove(keys::CHECKSUM).map(|sum| (sum, crc32fast::Hasher::new()));
    Ok(Opened { metadata, layout, reader: Summed { inner: reader, expected } })
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
