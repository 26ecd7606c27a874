//! A network as a safetensors file for others, with all that is needed to use it.

use std::path::{Path, PathBuf};

use resnet_checkpoint::keys;
use resnet_models::checkpoint::{self, Dialect, Metadata, Saved};
use resnet_record::{Results, Selection};
use serde::Serialize;

use crate::{Error, Pretrained};

/// The metadata's `metrics` of a run's reported weights.
#[derive(Serialize)]
struct Metrics<'a> {
    results: &'a Results,
    selection: Selection,
    test_reads: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    mark: Option<String>,
}

/// What an export wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct Exported {
    /// The file of the weights.
    pub saved: Saved,
    /// timm's `config.json` beside it, if there is one.
    pub config: Option<PathBuf>,
    /// What the program that the names are of has to be told, because names do not say it; a sentence's part.
    pub needs: Option<&'static str>,
}

impl Pretrained {
    /// Where [`Pretrained::export`] writes timm's `config.json`; `None` unless timm has the network and
    /// `dialect` is timm's.
    pub fn config_beside(&self, file: &Path, dialect: Dialect) -> Option<PathBuf> {
        let wanted = dialect == Dialect::Timm && checkpoint::is_timm_network(self.spec());
        wanted.then(|| file.with_file_name("config.json"))
    }

    /// Writes the weights with the names of `dialect` to the safetensors `file`, whole or not at all, and
    /// timm's `config.json` beside it where [`Pretrained::config_beside`] says so. Files that are there are
    /// replaced.
    ///
    /// # Errors
    /// If the dialect has no names for the network, `file` is where the `config.json` belongs, or a file
    /// cannot be written.
    pub fn export(&self, dialect: Dialect, file: &Path) -> Result<Exported, Error> {
        let config = self.config_beside(file, dialect);
        if config.as_deref() == Some(file) {
            return Err(Error::PlaceOfConfig { file: file.to_owned() });
        }
        let metadata = self.export_metadata()?;
        let saved = checkpoint::export(file, self.network.model(), &metadata, dialect)?;
        if let Some(path) = &config {
            checkpoint::write_timm_config(path, self.spec(), &metadata)?;
        }
        Ok(Exported { saved, config, needs: dialect.needs(self.spec()) })
    }

    /// The metadata of an exported file: those of the checkpoint, and what its run knows in addition.
    fn export_metadata(&self) -> Result<Metadata, Error> {
        let mut metadata = self.metadata.clone();
        metadata.model = Some(self.spec().name.clone());
        metadata.producer = None;
        // Training state is only good for resuming.
        metadata.other.remove(keys::TRAINING_STATE);
        if metadata.preprocessing.is_some() || self.normalisation.is_some() {
            metadata.preprocessing = Some(self.preprocessing()?);
        }
        metadata.metrics = self.measured().or(metadata.metrics);
        Ok(metadata)
    }

    /// What the run measured of the weights in this file, as JSON; `None` if it reports other weights.
    fn measured(&self) -> Option<String> {
        let (folder, record) = self.run.as_ref()?;
        let results = record.results.as_ref()?;
        let reported = folder.checkpoint(results.checkpoint);
        let (selection, test_reads, mark) = (record.selection, record.test_reads, record.mark());
        let metrics = Metrics { results, selection, test_reads, mark };
        // Plain numbers and texts: they can be written.
        (reported == self.file).then(|| serde_json::to_string(&metrics).ok()).flatten()
    }
}
