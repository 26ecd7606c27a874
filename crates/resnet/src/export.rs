//! A network as a safetensors file for others, with all that is needed to use it.

use std::path::{Path, PathBuf};

use resnet_checkpoint::keys;
use resnet_models::checkpoint::{self, Dialect, Metadata, Saved};
use resnet_record::{Results, Selection};
use serde::Serialize;

use crate::location::run_around;
use crate::{Error, Pretrained};

/// Endings by which others would take an export for a file of another format.
const OTHER_ENDS: [&str; 22] = [
    "bin", "ckpt", "gguf", "gz", "h5", "hdf5", "jpeg", "jpg", "json", "npy", "npz", "onnx", "pb", "pickle",
    "pkl", "png", "pt", "pth", "tar", "th", "toml", "zip",
];

/// The metadata's `metrics` of a run's reported weights.
#[derive(Serialize)]
struct Metrics<'a> {
    results: &'a Results,
    selection: Selection,
    test_reads: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    mark: Option<String>,
}

/// What is done with a `config.json` of other content that is there already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OtherConfig {
    Refused,
    Replaced,
}

/// Whether there is something else at `path` than a file of this `text`.
fn is_other(path: &Path, text: &str) -> bool {
    let most = text.len() as u64;
    let is_same =
        || matches!(resnet_files::read_at_most(path, most), Ok(Some(there)) if there == text.as_bytes());
    path.symlink_metadata().is_ok() && !is_same()
}

/// What an export wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct Exported {
    /// The file of the weights.
    pub saved: Saved,
    /// The `config.json` beside it, if there is one: timm's or transformers' description of the network.
    pub config: Option<PathBuf>,
}

impl Pretrained {
    /// Where [`Pretrained::export`] writes a `config.json`; `None` unless `dialect` is timm's or
    /// transformers', and they have the network.
    pub fn config_beside(&self, file: &Path, dialect: Dialect) -> Option<PathBuf> {
        let is_wanted = match dialect {
            Dialect::Timm => checkpoint::is_timm_network(self.spec()),
            Dialect::Transformers => dialect.check_export(self.spec()).is_ok(),
            _ => false,
        };
        is_wanted.then(|| file.with_file_name("config.json"))
    }

    /// Whether an export may be written to `file`, as far as its name and its folder tell.
    ///
    /// # Errors
    /// [`Error::OtherEnding`], or [`Error::AmongCheckpoints`].
    pub fn may_be_exported_to(file: &Path) -> Result<(), Error> {
        let end = file.extension().map(|end| end.to_string_lossy().to_ascii_lowercase());
        if end.is_some_and(|end| OTHER_ENDS.contains(&&*end)) {
            return Err(Error::OtherEnding { file: file.to_owned() });
        }
        // The working directory, or a link, may lead there too.
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let real = folder.canonicalize().map(|folder| folder.join(file.file_name().unwrap_or_default()));
        match real.ok().as_deref().and_then(run_around) {
            Some(run) => Err(Error::AmongCheckpoints { file: file.to_owned(), run: run.dir().to_owned() }),
            None => Ok(()),
        }
    }

    /// Writes the weights with the names of `dialect` to the safetensors `file`, whole or not at all, and a
    /// `config.json` beside it where [`Pretrained::config_beside`] says so. A `file` that is there is
    /// replaced.
    ///
    /// # Errors
    /// If the dialect has no names for the network, `file` is where the `config.json` belongs, or a file
    /// cannot be written; as [`Pretrained::may_be_exported_to`]; [`Error::ReplacesItself`] if `file` is
    /// the file that the weights are from; and [`Error::OtherConfig`] if there is a `config.json` of other
    /// content, be it of another network or of another program. Then nothing is written.
    pub fn export(&self, dialect: Dialect, file: impl AsRef<Path>) -> Result<Exported, Error> {
        self.export_beside(dialect, file.as_ref(), OtherConfig::Refused)
    }

    /// The same, and a `config.json` of other content is replaced as well.
    ///
    /// # Errors
    /// As [`Pretrained::export`], but for [`Error::OtherConfig`].
    pub fn export_with_config(&self, dialect: Dialect, file: impl AsRef<Path>) -> Result<Exported, Error> {
        self.export_beside(dialect, file.as_ref(), OtherConfig::Replaced)
    }

    fn export_beside(&self, dialect: Dialect, file: &Path, other: OtherConfig) -> Result<Exported, Error> {
        let config = self.config_beside(file, dialect);
        if config.as_deref() == Some(file) {
            return Err(Error::PlaceOfConfig { file: file.to_owned() });
        }
        Pretrained::may_be_exported_to(file)?;
        let real = |path: &Path| path.canonicalize().ok();
        if real(file).is_some_and(|there| real(&self.file) == Some(there)) {
            return Err(Error::ReplacesItself { file: file.to_owned() });
        }
        let metadata = self.export_metadata()?;
        let weights = || checkpoint::export(file, self.network.model(), &metadata, dialect);
        let saved = match &config {
            Some(path) => {
                let describe = match dialect {
                    Dialect::Transformers => checkpoint::transformers_config,
                    _ => checkpoint::timm_config,
                };
                let text = describe(self.spec(), &metadata);
                if other == OtherConfig::Refused && is_other(path, &text) {
                    return Err(Error::OtherConfig { config: path.clone() });
                }
                checkpoint::write_config(path, &text, weights)?
            }
            None => weights()?,
        };
        Ok(Exported { saved, config })
    }

    /// The metadata of an exported file: those of the checkpoint, and what its run knows in addition.
    fn export_metadata(&self) -> Result<Metadata, Error> {
        let mut metadata = self.metadata.clone();
        metadata.model = Some(self.spec().name.clone());
        metadata.producer = None;
        // Training state is only good for resuming.
        metadata.other.remove(keys::TRAINING_STATE);
        if metadata.preprocessing.is_some() || self.given.normalisation.is_some() {
            metadata.preprocessing = Some(self.preprocessing()?);
        }
        metadata.classes = self.given.classes.clone().or(metadata.classes);
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
