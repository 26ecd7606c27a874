//! Files of a model on the hub.

use std::path::PathBuf;

use super::missing::Missing;
use super::names::{MAIN, is_commit};
use super::repository::{Repository, RepositoryKind};
use super::settings::{NetworkAccess, Settings};
use crate::{Error, Progress};

/// A model's repository on the Hugging Face hub, such as `timm/resnet50.a1_in1k`, at one revision.
///
/// [`HubModel::new`] takes cache and hub from the environment variables of [`Settings::from_env`]. What is in
/// the cache is used without a request.
///
/// ```no_run
/// use resnet_hub::{HubModel, NoProgress};
///
/// let model = HubModel::new("timm/resnet50.a1_in1k", None)?;
/// let weights = model.first_of(&["model.safetensors", "pytorch_model.bin"], &NoProgress)?;
/// # Ok::<(), resnet_hub::Error>(())
/// ```
#[derive(Debug)]
pub struct HubModel {
    id: String,
    revision: String,
    /// The commit at which its files are fetched; `None` for whatever the revision is at each request.
    commit: Option<String>,
    repository: Repository,
}

impl HubModel {
    /// The repository called `id`, `OWNER/NAME`; `revision` is a branch, a tag or a commit, `None` for
    /// `main`.
    ///
    /// # Errors
    /// If `id` or `revision` has another form, or there is no home folder to hold downloads.
    pub fn new(id: &str, revision: Option<&str>) -> Result<Self, Error> {
        Self::with_settings(Settings::from_env()?, id, revision)
    }

    /// The same with the cache and the hub of `settings` instead of those of the environment.
    ///
    /// # Errors
    /// If `id` or `revision` has another form.
    pub fn with_settings(settings: Settings, id: &str, revision: Option<&str>) -> Result<Self, Error> {
        let revision = revision.unwrap_or(MAIN);
        let repository = Repository::new(settings, RepositoryKind::Model, id, revision)?;
        Ok(HubModel { id: id.to_owned(), revision: revision.to_owned(), commit: None, repository })
    }

    /// The same model at one commit: files that are fetched one after another then belong together, even if
    /// the repository changes meanwhile, or has changed since some of them were cached. It is the commit in
    /// the cache if any of `files`, such as the weights, is cached, and else the one that the hub has now.
    /// `None` if there is nothing to choose: neither is known, or the revision is a commit itself. Call
    /// [`HubModel::keep`] when all files are there.
    pub fn at_one_commit(&self, files: &[&str]) -> Option<HubModel> {
        if is_commit(&self.revision) {
            return None;
        }
        let commit = match self.cached(files).and(self.repository.snapshot()) {
            // A cache that was made by hand may have another name there.
            Some(snapshot) => snapshot.file_name()?.to_str().filter(|name| is_commit(name))?.to_owned(),
            None => self.repository.listing().ok()?.commit,
        };
        let settings = self.repository.settings().clone();
        let repository = Repository::new(settings, RepositoryKind::Model, &self.id, &commit).ok()?;
        let repository = repository.sharing(&self.repository);
        let (id, revision) = (self.id.clone(), self.revision.clone());
        Some(HubModel { id, revision, commit: Some(commit), repository })
    }

    /// Notes in the cache that the revision is the commit of `fetched`, which is
    /// [this model at one commit](HubModel::at_one_commit), now that the files that are wanted are there.
    ///
    /// # Errors
    /// If the cache cannot be written.
    pub fn keep(&self, fetched: &HubModel) -> Result<(), Error> {
        let Some(commit) = &fetched.commit else { return Ok(()) };
        if self.repository.snapshot().is_some_and(|known| known.ends_with(commit)) {
            return Ok(());
        }
        let failed = |cause| Error::io("write", &self.repository.folder(), cause);
        self.repository.keep_ref(commit).map_err(failed)
    }

    /// `timm/resnet50.a1_in1k`, with the revision if it is not `main`.
    pub fn name(&self) -> String {
        match self.revision.as_str() {
            MAIN => self.id.clone(),
            revision => format!("{}@{revision}", self.id),
        }
    }

    /// The path of the first of `files` that is in the cache.
    pub fn cached(&self, files: &[&str]) -> Option<PathBuf> {
        files.iter().find_map(|file| self.repository.cached(file))
    }

    /// The path of the first of `files` that is in the cache or, if none is, of the first that the repository
    /// has.
    ///
    /// # Errors
    /// If it has none of them, or they are neither in the cache nor downloaded; the message says which folder
    /// was searched.
    pub fn first_of(&self, files: &[&str], progress: &dyn Progress) -> Result<PathBuf, Error> {
        if let Some(path) = self.cached(files) {
            return Ok(path);
        }
        let mut causes = vec![];
        for file in files {
            match self.repository.get(file, progress) {
                Ok(path) => return Ok(path),
                Err(Missing::Absent(cause)) => causes.push(cause),
                Err(Missing::Refused(cause) | Missing::Failed(cause)) => {
                    return Err(self.unavailable(files, cause));
                }
                Err(Missing::Offline) => {}
            }
        }
        Err(self.unavailable(files, causes.join("; ")))
    }

    /// The path of a file that the repository may lack: `None` if it does, or if the file is not cached and
    /// `HF_HUB_OFFLINE` is set.
    ///
    /// # Errors
    /// If the hub cannot be reached, or refuses.
    pub fn optional(&self, file: &str, progress: &dyn Progress) -> Result<Option<PathBuf>, Error> {
        match self.repository.get(file, progress) {
            Ok(path) => Ok(Some(path)),
            Err(Missing::Offline | Missing::Absent(_)) => Ok(None),
            Err(Missing::Refused(cause) | Missing::Failed(cause)) => Err(self.unavailable(&[file], cause)),
        }
    }

    fn unavailable(&self, files: &[&str], cause: String) -> Error {
        let (files, id, folder) = (files.join(" or "), &self.id, self.repository.folder());
        let snapshot = self.repository.snapshot();
        let mut causes = vec![];
        if snapshot.is_none() {
            causes.push(match (folder.is_dir(), &self.commit) {
                (true, Some(commit)) => format!("it has no snapshot of {commit}"),
                (true, None) => format!(
                    "it has no snapshot of {}, which refs/{} would name",
                    self.revision, self.revision
                ),
                (false, _) => "that folder does not exist".to_owned(),
            });
        }
        if self.repository.settings.network == NetworkAccess::Forbidden {
            causes.push("HF_HUB_OFFLINE is set".to_owned());
        }
        causes.extend(Some(cause).filter(|cause| !cause.is_empty()));
        Error::Unavailable {
            wanted: format!("{files} of {}", self.name()),
            cache: snapshot.unwrap_or(folder),
            cause: causes.join("; "),
            mend: format!(
                "check the name on {}/{id} (and HF_TOKEN, if it is private), or bring the cache along from a \
                 machine with a network and set HF_HOME",
                self.repository.settings.endpoint
            ),
        }
    }
}

#[cfg(test)]
mod tests;
