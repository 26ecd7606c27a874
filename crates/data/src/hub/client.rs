//! Files of a data set from the hub's cache or, failing that, from the hub.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use hf_hub::api::sync::{Api, ApiBuilder};
use hf_hub::{Cache, Repo, RepoType};

use super::settings::{Network, Settings};
use crate::{DataKind, Dataset, Error, Progress, parquet_files};

/// Where on the hub a data set is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    kind: DataKind,
    repository: &'static str,
    train: &'static str,
    test: &'static str,
    /// The authors' own archive, which `--data` takes.
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

    fn repo(&self) -> Repo {
        Repo::new(self.repository.to_owned(), RepoType::Dataset)
    }

    /// The error for files that are not to be had.
    fn unavailable(&self, settings: &Settings, cause: String) -> Error {
        let Source { repository, train, test, archive, .. } = self;
        Error::Unavailable {
            dataset: repository.to_string(),
            cache: settings.cache.clone(),
            cause,
            mend: format!(
                "give --data DIR with a folder that has {archive} (from \
                 https://www.cs.toronto.edu/~kriz/cifar.html) or the files {train} and {test} of {}/datasets/{repository}, \
                 or bring the cache along from a machine with a network and set HF_HOME",
                settings.endpoint
            ),
        }
    }
}

/// Gets the files of `source` and reads them.
pub(super) fn download(
    settings: &Settings,
    source: &Source,
    progress: &dyn Progress,
) -> Result<Dataset, Error> {
    let cache = Cache::new(settings.cache.clone());
    let mut api = None;
    let mut get = |file: &str| -> Result<PathBuf, Error> {
        // The cache first: with it, no request is made at all.
        if let Some(path) = cache.repo(source.repo()).get(file) {
            return Ok(path);
        }
        if settings.network == Network::Forbidden {
            return Err(source.unavailable(settings, "HF_HUB_OFFLINE is set".to_owned()));
        }
        let api = match &mut api {
            Some(api) => api,
            none => none.insert(connect(settings).map_err(|cause| source.unavailable(settings, cause))?),
        };
        tracing::info!("downloading {file} of {} from {}", source.repository, settings.endpoint);
        fetch(api, source, file, progress).map_err(|cause| source.unavailable(settings, cause))
    };
    let (train, test) = (get(source.train)?, get(source.test)?);
    let origin = match revision(&train) {
        Some(revision) => format!("{}@{revision}", source.repository),
        None => source.repository.to_owned(),
    };
    parquet_files::read_files(&[train], &[test], source.kind, origin)
}

fn connect(settings: &Settings) -> Result<Api, String> {
    ApiBuilder::from_cache(Cache::new(settings.cache.clone()))
        .with_endpoint(settings.endpoint.clone())
        .with_token(settings.token.clone())
        .with_progress(false)
        .with_retries(3)
        .build()
        .map_err(|cause| cause.to_string())
}

fn fetch(api: &Api, source: &Source, file: &str, progress: &dyn Progress) -> Result<PathBuf, String> {
    let bar = Bar { progress, state: State::New };
    // hf-hub asserts on some answers of a server; that is a failed download, not the end of the program.
    catch_unwind(AssertUnwindSafe(|| api.repo(source.repo()).download_with_progress(file, bar)))
        .map_err(|_| format!("the server's answer for {file} makes no sense"))?
        .map_err(|cause| format!("{file}: {cause}"))
}

/// The commit in `.../snapshots/COMMIT/...`.
fn revision(path: &Path) -> Option<String> {
    let mut parts = path.components().map(|part| part.as_os_str().to_string_lossy());
    parts.by_ref().find(|part| part == "snapshots")?;
    parts.next().map(|commit| commit.into_owned())
}

/// Our `Progress` as hf-hub wants it.
///
/// hf-hub announces a file twice, and again after a lost connection, each time followed by how many bytes of it
/// there are already; only what is new is passed on.
struct Bar<'a> {
    progress: &'a dyn Progress,
    state: State,
}

enum State {
    New,
    /// The next update is a position; `u64` bytes were passed on so far.
    Announced(u64),
    /// Updates are bytes on top of this position.
    Running(u64),
}

impl hf_hub::api::Progress for Bar<'_> {
    fn init(&mut self, size: usize, filename: &str) {
        self.state = match self.state {
            State::New => {
                self.progress.start(filename, size as u64);
                State::Announced(0)
            }
            State::Announced(passed) | State::Running(passed) => State::Announced(passed),
        };
    }

    fn update(&mut self, size: usize) {
        let (passed, position) = match self.state {
            State::New => (0, size as u64),
            State::Announced(passed) => (passed, passed.max(size as u64)),
            State::Running(passed) => (passed, passed + size as u64),
        };
        self.state = State::Running(position);
        if position > passed {
            self.progress.advance(position - passed);
        }
    }

    fn finish(&mut self) {
        self.progress.finish();
    }
}

#[cfg(test)]
mod tests;
