//! Writing safetensors: the same weights and metadata give the same bytes, and a file is whole or as it was.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use atomic_write_file::AtomicWriteFile;
use candle_core::{DType, Var};
use serde::ser::{SerializeMap, Serializer};
use serde_json::json;

use super::{Dialect, Error, Metadata, NonFinite};
use crate::model::Model;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Number of tensors.
    pub tensors: usize,
    /// Size of the file.
    pub bytes: u64,
    /// Tensors with numbers that are NaN or infinite; they were written all the same.
    pub non_finite: Vec<NonFinite>,
}

/// Writes a model's weights and running statistics with the names of `dialect`.
///
/// ```
/// use resnet_models::checkpoint::{self, Dialect, Metadata};
/// use resnet_models::{Model, registry};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// let model = Model::init(&registry::find("resnet20-v2", 10)?, 0)?;
/// let metadata = Metadata { model: Some(model.spec().name.clone()), ..Metadata::default() };
/// let file = folder.path().join("net.safetensors");
/// checkpoint::export(&file, &model, &metadata, Dialect::Native)?;
///
/// let checkpoint = checkpoint::read(&file)?;
/// let again = Model::init(&checkpoint.infer_spec()?, 1)?;
/// checkpoint.load_into(&again, checkpoint::Policy::STRICT)?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// If the dialect has no names for the network, or as [`save`].
pub fn export(path: &Path, model: &Model, metadata: &Metadata, dialect: Dialect) -> Result<Saved, Error> {
    dialect.check_export(model.spec())?;
    let renamed = model.variables().iter().map(|(name, variable)| (dialect.foreign(name), variable.clone()));
    save(path, &renamed.collect(), metadata)
}

/// Writes variables under the names they have: temporary file in the same folder, fsync, rename.
///
/// Numbers that are not finite are written, and counted in the report.
///
/// # Errors
/// What the system refuses; what stood at `path` is then as it was.
pub fn save(path: &Path, variables: &BTreeMap<String, Var>, metadata: &Metadata) -> Result<Saved, Error> {
    let failed = |cause: io::Error| Error::Write { path: path.to_owned(), cause };
    let header = header(variables, &metadata.to_map()).map_err(|error| failed(error.into()))?;
    let mut out = BufWriter::new(AtomicWriteFile::open(path).map_err(failed)?);
    let mut saved = Saved { tensors: variables.len(), bytes: header.len() as u64, non_finite: vec![] };
    out.write_all(&header).map_err(failed)?;
    for (name, variable) in variables {
        let values = variable.to_dtype(DType::F32).and_then(|tensor| tensor.flatten_all()?.to_vec1::<f32>());
        let values = values.map_err(|cause| Error::Candle { path: path.to_owned(), cause })?;
        saved.non_finite.extend(NonFinite::of(name, &values));
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        out.write_all(&bytes).map_err(failed)?;
        saved.bytes += bytes.len() as u64;
    }
    let out = out.into_inner().map_err(|error| failed(error.into_error()))?;
    out.commit().map_err(failed)?;
    Ok(saved)
}

/// The length and the header. The `safetensors` crate keeps metadata in a hash map, whose order differs from
/// run to run; here everything is sorted.
fn header(
    variables: &BTreeMap<String, Var>,
    metadata: &BTreeMap<String, String>,
) -> serde_json::Result<Vec<u8>> {
    let mut bytes = vec![0; 8];
    let mut json = serde_json::Serializer::new(&mut bytes);
    let mut map = json.serialize_map(None)?;
    map.serialize_entry("__metadata__", metadata)?;
    let mut start = 0;
    for (name, variable) in variables {
        let end = start + 4 * variable.elem_count();
        let info = json!({ "dtype": "F32", "shape": variable.dims(), "data_offsets": [start, end] });
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
