//! Writing safetensors: the same arrays and metadata give the same bytes, and a file is whole or as it was.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use serde::ser::{SerializeMap, Serializer};
use serde_json::json;

use crate::error::Error;
use crate::keys;
use crate::safetensors::{LONGEST_HEADER, checksum};

/// Writes arrays of f32 and strings to a safetensors file: temporary file in the same folder, fsync, rename.
///
/// `shapes` has the shape of each array by its name; `values` gives the numbers of the one that it is asked
/// for, in row-major order, so that only one array has to be in memory twice. It is asked for each array two
/// times, since a checksum of them all ([`keys::CHECKSUM`]) stands before them in the file. Returns the
/// length of the file in bytes.
///
/// ```
/// use std::collections::BTreeMap;
///
/// use resnet_checkpoint::{Error, Weights, read, write};
///
/// # fn main() -> Result<(), Error> {
/// # let folder = tempfile::tempdir().expect("a folder");
/// let file = folder.path().join("net.safetensors");
/// let shapes = BTreeMap::from([("fc.bias", &[2][..])]);
/// write::<Error>(&file, &shapes, &BTreeMap::new(), |_| Ok(vec![0.5, -1.0]))?;
/// assert_eq!(read(&file, &Weights::Usual)?.tensors["fc.bias"].values, [0.5, -1.0]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Those of `values`; [`Error::Write`] for what the system refuses, if an array has more or fewer numbers
/// than its shape, and if its numbers change meanwhile; [`Error::LongHeader`] if [`read`](crate::read())
/// would refuse the file. What stood at `path` is then as it was.
pub fn write<E: From<Error>>(
    path: &Path,
    shapes: &BTreeMap<&str, &[usize]>,
    metadata: &BTreeMap<String, String>,
    mut values: impl FnMut(&str) -> Result<Vec<f32>, E>,
) -> Result<u64, E> {
    let refused = |failed| match failed {
        Failed::Io(cause) => Error::Write { path: path.to_owned(), cause }.into(),
        Failed::Values(error) => error,
    };
    let (sum, _) = write_tensors(&mut io::sink(), shapes, &mut values).map_err(refused)?;
    let mut metadata = metadata.clone();
    metadata.insert(keys::CHECKSUM.to_owned(), sum.clone());
    let header = header(shapes, &metadata).map_err(|error| refused(Failed::Io(error.into())))?;
    let bytes = header.len() as u64 - 8;
    if bytes > LONGEST_HEADER {
        return Err(Error::LongHeader { path: path.to_owned(), bytes, most: LONGEST_HEADER }.into());
    }
    let written = resnet_files::write_whole(path, |out| {
        out.write_all(&header)?;
        let (again, length) = write_tensors(out, shapes, &mut values)?;
        if again != sum {
            return Err(invalid("the numbers changed while they were written".to_owned()));
        }
        Ok(header.len() as u64 + length)
    });
    written.map_err(refused)
}

/// Writes the arrays' numbers one after another; gives their checksum and how many bytes they are.
fn write_tensors<E>(
    out: &mut dyn Write,
    shapes: &BTreeMap<&str, &[usize]>,
    mut values: impl FnMut(&str) -> Result<Vec<f32>, E>,
) -> Result<(String, u64), Failed<E>> {
    let mut crc = crc32fast::Hasher::new();
    let mut length = 0;
    for (name, shape) in shapes {
        let values = values(name).map_err(Failed::Values)?;
        if values.len() != shape.iter().product::<usize>() {
            return Err(invalid(format!("{name} has {} numbers, and its shape is {shape:?}", values.len())));
        }
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        crc.update(&bytes);
        out.write_all(&bytes)?;
        length += bytes.len() as u64;
    }
    Ok((checksum(crc), length))
}

fn invalid<E>(told: String) -> Failed<E> {
    Failed::Io(io::Error::new(io::ErrorKind::InvalidInput, told))
}

/// Why nothing is written.
enum Failed<E> {
    Io(io::Error),
    Values(E),
}

impl<E> From<io::Error> for Failed<E> {
    fn from(error: io::Error) -> Self {
        Failed::Io(error)
    }
}

/// The eight bytes of length, and the header. The `safetensors` crate keeps metadata in a hash map, whose
/// order differs from run to run; here everything is sorted.
fn header(
    shapes: &BTreeMap<&str, &[usize]>,
    metadata: &BTreeMap<String, String>,
) -> serde_json::Result<Vec<u8>> {
    let mut bytes = vec![0; 8];
    let mut json = serde_json::Serializer::new(&mut bytes);
    let mut map = json.serialize_map(None)?;
    map.serialize_entry("__metadata__", metadata)?;
    let mut start = 0;
    for (name, shape) in shapes {
        let end = start + 4 * shape.iter().product::<usize>();
        let info = json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, end] });
        map.serialize_entry(name, &info)?;
        start = end;
    }
    map.end()?;
    // Spaces, so that the tensors are aligned in a file that is mapped.
    bytes.resize(bytes.len().next_multiple_of(8), b' ');
    let length = (bytes.len() - 8) as u64;
    bytes[..8].copy_from_slice(&length.to_le_bytes());
    Ok(bytes)
}
