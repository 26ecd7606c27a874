//! Files of a repository: from the cache or, failing that, from the hub.

use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::{fmt, fs};

use hf_hub::api::sync::{Api, ApiBuilder};
use hf_hub::{Cache, Repo, RepoType};
use resnet_files::write_cached;

use super::download::Download;
use super::listing::{Listing, MAX_LISTING_BYTES};
use super::missing::Missing;
use super::names::{self, check_file};
use super::request::{FOLLOWED, Patience, Trouble, ask, with_retries};
use super::settings::{NetworkAccess, Settings};
use crate::{Error, Progress};

/// A repository at one revision.
pub struct Repository {
    pub(crate) settings: Settings,
    repo: Repo,
    api: OnceLock<Api>,
    /// How long the server is waited for.
    pub(crate) patience: Patience,
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not hf-hub's client: its headers hold the token.
        f.debug_struct("Repository")
            .field("settings", &self.settings)
            .field("repo", &self.repo)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

/// What a repository holds, which decides its address and its folder in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepositoryKind {
    /// `huggingface.co/OWNER/NAME`.
    Model,
    /// `huggingface.co/datasets/OWNER/NAME`.
    DataSet,
}

impl Repository {
    /// The repository called `id`, `OWNER/NAME`, at `revision`: a branch, a tag or a commit.
    ///
    /// # Errors
    /// If `id` or `revision` has another form.
    pub fn new(settings: Settings, kind: RepositoryKind, id: &str, revision: &str) -> Result<Self, Error> {
        let (kind, what, example) = match kind {
            RepositoryKind::Model => (RepoType::Model, "model", "timm/resnet50.a1_in1k"),
            RepositoryKind::DataSet => (RepoType::Dataset, "data set", "timm/mini-imagenet"),
        };
        names::check(id, revision, what, example)?;
        let repo = Repo::with_revision(id.to_owned(), kind, revision.to_owned());
        Ok(Repository { settings, repo, api: OnceLock::new(), patience: Patience::default() })
    }

    /// The same with the connection of `other`, if that has asked the hub already.
    pub(crate) fn sharing(mut self, other: &Repository) -> Self {
        (self.api, self.patience) = (other.api.clone(), other.patience.clone());
        self
    }

    /// Where the cache is and how the hub is reached.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The cache's folder of this repository.
    pub fn folder(&self) -> PathBuf {
        self.settings.cache.join(self.repo.folder_name())
    }

    /// The cache's folder of this revision, if it has one. For a branch or a tag, `refs` names the commit.
    pub fn snapshot(&self) -> Option<PathBuf> {
        let revision = self.repo.revision();
        let commit = fs::read_to_string(self.folder().join("refs").join(revision));
        let commit = commit.map_or(revision.to_owned(), |commit| commit.trim().to_owned());
        let is_name = !commit.is_empty() && !commit.contains(['/', '\\']) && !commit.starts_with('.');
        Some(self.folder().join("snapshots").join(commit)).filter(|folder| is_name && folder.is_dir())
    }

    /// The path of a file in the cache; `None` if it is not there, or if its name
    /// [leads elsewhere](check_file).
    pub fn cached(&self, file: &str) -> Option<PathBuf> {
        check_file(file).ok()?;
        self.snapshot().map(|folder| folder.join(file)).filter(|path| path.exists())
    }

    /// The path of a file: from the cache without any request, or else downloaded from the hub.
    ///
    /// # Errors
    /// If it is in neither, or cannot be downloaded; [`Missing::Refused`] if its name
    /// [leads elsewhere](check_file).
    pub fn get(&self, file: &str, progress: &dyn Progress) -> Result<PathBuf, Missing> {
        self.get_sized(file, None, progress)
    }

    /// [`get`](Self::get) for a file whose size in `bytes` may be known. The size on the hub must then match;
    /// a file in the cache is not measured.
    ///
    /// # Errors
    /// As [`get`](Self::get), or if the hub has another size for it.
    pub fn get_sized(
        &self,
        file: &str,
        bytes: Option<u64>,
        progress: &dyn Progress,
    ) -> Result<PathBuf, Missing> {
        check_file(file).map_err(Missing::Refused)?;
        match self.cached(file) {
            Some(path) => Ok(path),
            None if self.settings.network == NetworkAccess::Forbidden => Err(Missing::Offline),
            None => self.fetch(file, bytes, progress),
        }
    }

    fn fetch(&self, file: &str, expected: Option<u64>, progress: &dyn Progress) -> Result<PathBuf, Missing> {
        let api = self.api()?;
        tracing::debug!("downloading {file} of {} from {}", self.repo.url(), self.settings.endpoint);
        let folder = self.folder();
        let patience = &self.patience;
        let download = Download { api, repo: &self.repo, folder: &folder, progress, patience };
        let commit = download.fetch(file, expected)?;
        self.keep_ref(&commit).map_err(|cause| {
            Missing::Failed(format!("{file}: cannot write below {}: {cause}", folder.display()))
        })?;
        Ok(folder.join("snapshots").join(commit).join(file))
    }

    /// The files of the repository, from the hub's API.
    ///
    /// # Errors
    /// If the hub may not be asked, refuses or does not answer.
    pub fn listing(&self) -> Result<Listing, Missing> {
        if self.settings.network == NetworkAccess::Forbidden {
            return Err(Missing::Offline);
        }
        let api = self.api()?;
        with_retries(&self.patience, "the list of files", || {
            let request = api.repo(self.repo.clone()).info_request().query("blobs", "true");
            let mut answer = ask!(request, FOLLOWED, &self.patience)?;
            let mut text = Vec::new();
            let read = answer.body_mut().as_reader().take(MAX_LISTING_BYTES + 1).read_to_end(&mut text);
            read.map_err(|error| self.patience.unanswered(&error))?;
            let failed = |cause| Trouble::Final(Missing::Failed(cause));
            if text.len() as u64 > MAX_LISTING_BYTES {
                return Err(failed(format!("it has more than {} MiB", MAX_LISTING_BYTES >> 20)));
            }
            let value = serde_json::from_slice(&text).map_err(|error| match error.is_eof() {
                true => Trouble::Passing("the server's answer is cut off".to_owned(), None),
                false => failed(format!("the server's answer is no JSON ({error})")),
            })?;
            Listing::parse(&value).map_err(failed)
        })
    }

    /// Writes into the cache's `refs` that the revision is this commit, as the Python library does.
    ///
    /// # Errors
    /// If the cache cannot be written.
    pub fn keep_ref(&self, commit: &str) -> io::Result<()> {
        if self.repo.revision() == commit {
            return Ok(());
        }
        write_cached(&self.folder().join("refs").join(self.repo.revision()), commit.as_bytes())
    }

    fn api(&self) -> Result<&Api, Missing> {
        if let Some(api) = self.api.get() {
            return Ok(api);
        }
        // Logged once, before the first request, and not for each file.
        tracing::info!("asking {} for {}", self.settings.endpoint, self.repo.url());
        let api = connect(&self.settings).map_err(Missing::Failed)?;
        Ok(self.api.get_or_init(|| api))
    }
}

fn connect(settings: &Settings) -> Result<Api, String> {
    ApiBuilder::from_cache(Cache::new(settings.cache.clone()))
        .with_endpoint(settings.endpoint.clone())
        .with_token(settings.token.clone())
        .with_progress(false)
        .build()
        .map_err(|cause| cause.to_string())
}
