//! Files of a repository: from the cache or, failing that, from the hub.

use std::cell::OnceCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use hf_hub::api::sync::{Api, ApiBuilder, ApiError};
use hf_hub::{Cache, Repo};

use super::settings::{Network, Settings};
use crate::Progress;

/// A repository at one revision.
#[derive(Debug)]
pub(super) struct Repository {
    pub(super) settings: Settings,
    repo: Repo,
    api: OnceCell<Api>,
}

/// Why there is no file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// It is not in the cache, and nothing else may be asked.
    Offline,
    /// The hub says that there is none.
    Absent(String),
    /// The hub cannot be reached, or refuses.
    Failed(String),
}

impl Repository {
    pub(super) fn new(settings: Settings, repo: Repo) -> Self {
        Repository { settings, repo, api: OnceCell::new() }
    }

    /// The cache's folder of this repository.
    pub(super) fn folder(&self) -> PathBuf {
        self.settings.cache.join(self.repo.folder_name())
    }

    /// The cache's folder of this revision, if it has one: of a branch or tag by the commit that `refs` has for it, or of
    /// a commit.
    pub(super) fn snapshot(&self) -> Option<PathBuf> {
        let revision = self.repo.revision();
        let commit = std::fs::read_to_string(self.folder().join("refs").join(revision));
        let commit = commit.map_or(revision.to_owned(), |commit| commit.trim().to_owned());
        let is_name = !commit.is_empty() && !commit.contains(['/', '\\']) && !commit.starts_with('.');
        Some(self.folder().join("snapshots").join(commit)).filter(|folder| is_name && folder.is_dir())
    }

    /// A file in the cache.
    pub(super) fn cached(&self, file: &str) -> Option<PathBuf> {
        self.snapshot().map(|folder| folder.join(file)).filter(|path| path.exists())
    }

    /// A file from the cache, with which no request is made at all, or from the hub.
    pub(super) fn get(&self, file: &str, progress: &dyn Progress) -> Result<PathBuf, Missing> {
        match self.cached(file) {
            Some(path) => Ok(path),
            None if self.settings.network == Network::Forbidden => Err(Missing::Offline),
            None => self.fetch(file, progress),
        }
    }

    fn fetch(&self, file: &str, progress: &dyn Progress) -> Result<PathBuf, Missing> {
        let api = match self.api.get() {
            Some(api) => api,
            None => {
                let api = connect(&self.settings).map_err(Missing::Failed)?;
                self.api.get_or_init(|| api)
            }
        };
        tracing::info!("downloading {file} of {} from {}", self.repo.url(), self.settings.endpoint);
        let bar = Bar { progress, state: State::New };
        let get = || api.repo(self.repo.clone()).download_with_progress(file, bar);
        // hf-hub asserts on some answers of a server; that is a failed download, not the end of the program.
        match catch_unwind(AssertUnwindSafe(get)) {
            Ok(Ok(path)) => Ok(path),
            Ok(Err(error)) => {
                let cause = format!("{file}: {error}");
                Err(if is_absent(&error) { Missing::Absent(cause) } else { Missing::Failed(cause) })
            }
            Err(_) => Err(Missing::Failed(format!("the server's answer for {file} makes no sense"))),
        }
    }
}

/// Whether the hub has answered that there is no such file. The client underneath is not ours to name, so its error is
/// known by what it says.
fn is_absent(error: &ApiError) -> bool {
    matches!(error, ApiError::RequestError(cause) if cause.to_string().ends_with("404"))
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

/// Our `Progress` as hf-hub wants it.
///
/// hf-hub announces a file twice, and again after a lost connection, each time followed by how many bytes of it
/// there are already; only what is new is passed on.
pub(super) struct Bar<'a> {
    pub(super) progress: &'a dyn Progress,
    pub(super) state: State,
}

pub(super) enum State {
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
