//! Writing safetensors: the same arrays and metadata give the same bytes, and a file is whole or as it was.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::ser::{SerializeMap, Serializer};
use serde_json::json;

use crate::error::Error;
use crate::safetensors::LONGEST_HEADER;

/// Writes arrays of f32 and strings to a safetensors file: temporary file in the same folder, fsync, rename.
///
/// `shapes` has the shape of each array by its name; `values` gives the numbers of the one that it is asked
/// for, in row-major order, so that only one array has to be in memory twice. Returns the length of the file
/// in bytes.
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
/// Those of `values`; [`Error::Write`] for what the system refuses, and if an array has more or fewer numbers
/// than its shape; [`Error::LongHeader`] if [`read`](crate::read()) would refuse the file. What stood at
/// `path` is then as it was.
pub fn write<E: From<Error>>(
    path: &Path,
    shapes: &BTreeMap<&str, &[usize]>,
    metadata: &BTreeMap<String, String>,
    mut values: impl FnMut(&str) -> Result<Vec<f32>, E>,
) -> Result<u64, E> {
    let refused = |cause| Error::Write { path: path.to_owned(), cause };
    let header = header(shapes, metadata).map_err(|error| refused(error.into()))?;
    let bytes = header.len() as u64 - 8;
    if bytes > LONGEST_HEADER {
        return Err(Error::LongHeader { path: path.to_owned(), bytes, most: LONGEST_HEADER }.into());
    }
    let written: Result<u64, Failed<E>> = resnet_files::write_whole(path, |out| {
        out.write_all(&header)?;
        let mut length = header.len() as u64;
        for (name, shape) in shapes {
            let values = values(name).map_err(Failed::Values)?;
            if values.len() != shape.iter().product::<usize>() {
                let told = format!("{name} has {} numbers, and its shape is {shape:?}", values.len());
                return Err(io::Error::new(io::ErrorKind::InvalidInput, told).into());
            }
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            out.write_all(&bytes)?;
            length += bytes.len() as u64;
        }
        Ok(length)
    });
    written.map_err(|failed| match failed {
        Failed::Io(cause) => refused(cause).into(),
        Failed::Values(error) => error,
    })
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
