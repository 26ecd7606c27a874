//! Writing a model: the same weights and metadata give the same bytes.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Var};

use super::{Dialect, Error, Metadata, NonFinite};
use crate::model::Model;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Number of tensors.
    pub tensors: usize,
    /// Size of the file.
    pub bytes: u64,
    /// Tensors with numbers that are NaN or infinite; they were written nevertheless.
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

/// Writes variables under the names they have, whole or not at all (see [`resnet_checkpoint::write`]).
///
/// Numbers that are not finite are written, and counted in the report.
///
/// # Errors
/// If the file cannot be written; a file that was at `path` before is then unchanged.
pub fn save(path: &Path, variables: &BTreeMap<String, Var>, metadata: &Metadata) -> Result<Saved, Error> {
    let mut strings = metadata.to_map();
    if metadata.producer.is_none() {
        let own = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));
        strings.insert("producer".to_owned(), own.to_owned());
    }
    let shapes = variables.iter().map(|(name, variable)| (name.as_str(), variable.dims())).collect();
    // By name, since each variable is asked for twice.
    let mut non_finite = BTreeMap::new();
    let bytes = resnet_checkpoint::write(path, &shapes, &strings, |name| {
        let flat = |variable: &Var| variable.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>();
        let values = flat(&variables[name]);
        let values = values.map_err(|cause| Error::Candle { path: path.to_owned(), cause })?;
        non_finite.extend(NonFinite::of(name, &values).map(|found| (name.to_owned(), found)));
        Ok::<_, Error>(values)
    })?;
    Ok(Saved { tensors: variables.len(), bytes, non_finite: non_finite.into_values().collect() })
}
