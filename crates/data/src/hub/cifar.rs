//! CIFAR from the hub's cache or, failing that, from the hub.

use std::path::{Path, PathBuf};

use resnet_hub::{Error as HubError, Missing, Progress, Repository, RepositoryKind, Settings, names};

use crate::{DataKind, Dataset, Error};

/// Where on the hub a data set is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    kind: DataKind,
    repository: &'static str,
    train: &'static str,
    test: &'static str,
    /// The authors' own archive.
    archive: &'static str,
}

impl Source {
    /// `None` for what is not on the hub.
    pub(super) fn of(kind: DataKind) -> Option<Self> {
        match kind {
            DataKind::Cifar10 => Some(Self {
                kind,
                repository: "uoft-cs/cifar10",
                train: "plain_text/train-00000-of-00001.parquet",
                test: "plain_text/test-00000-of-00001.parquet",
                archive: "cifar-10-binary.tar.gz",
            }),
            DataKind::Cifar100 => Some(Self {
                kind,
                repository: "uoft-cs/cifar100",
                train: "cifar100/train-00000-of-00001.parquet",
                test: "cifar100/test-00000-of-00001.parquet",
                archive: "cifar-100-binary.tar.gz",
            }),
            DataKind::Generated => None,
        }
    }

    fn at(&self, settings: &Settings) -> Result<Repository, Error> {
        Ok(Repository::new(settings.clone(), RepositoryKind::DataSet, self.repository, names::MAIN)?)
    }

    /// The error for files that are not cached and could not be downloaded.
    fn unavailable(&self, settings: &Settings, cause: String) -> Error {
        let Source { repository, train, test, archive, .. } = self;
        let unavailable = HubError::Unavailable {
            wanted: repository.to_string(),
            cache: settings.cache.clone(),
            cause,
            mend: format!(
                "give a folder that has {archive} (from \
                 https://www.cs.toronto.edu/~kriz/cifar.html) or the files {train} and {test} of {}/datasets/{repository}, \
                 or bring the cache along from a machine with a network and set HF_HOME",
                settings.endpoint
            ),
        };
        Error::NotDownloaded(unavailable)
    }
}

/// Gets the files of `source` and reads them.
pub(super) fn download(
    settings: &Settings,
    source: &Source,
    progress: &dyn Progress,
) -> Result<Dataset, Error> {
    let repository = source.at(settings)?;
    let get = |file: &str| -> Result<PathBuf, Error> {
        let found = repository.get(file, progress);
        let cause = match found {
            Ok(path) => return Ok(path),
            Err(Missing::Offline) => "HF_HUB_OFFLINE is set".to_owned(),
            Err(Missing::Absent(cause) | Missing::Refused(cause) | Missing::Failed(cause)) => cause,
            Err(other) => other.to_string(),
        };
        Err(source.unavailable(settings, cause))
    };
    let (train, test) = (get(source.train)?, get(source.test)?);
    let origin = match revision(&train) {
        Some(revision) => format!("{}@{revision}", source.repository),
        None => source.repository.to_owned(),
    };
    crate::cifar::parquet::read_files(&[train], &[test], source.kind, origin)
}

/// The commit in `.../snapshots/COMMIT/...`.
fn revision(path: &Path) -> Option<String> {
    let mut parts = path.components().map(|part| part.as_os_str().to_string_lossy());
    parts.by_ref().find(|part| part == "snapshots")?;
    parts.next().map(|commit| commit.into_owned())
}
