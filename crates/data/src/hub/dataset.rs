//! Data sets of images on the hub.

use std::fs;
use std::path::{Path, PathBuf};

use resnet_hub::names::{MAIN, is_commit, is_id};
use resnet_hub::{
    Error as HubError, Listing, Missing, NetworkAccess, Progress, Repository, RepositoryKind, Settings,
};

use super::choice::{Choice, NotChosen, Wanted, choose};
use crate::Error;
use crate::sources::Split;
use resnet_formats::series;

/// A data set's repository on the Hugging Face hub, such as `timm/mini-imagenet`, at one revision.
///
/// The cache and the environment variables are those of [`download`](crate::download). Unlike for a model,
/// the list of a branch's files is requested each time, because files may have been added. A file that is in
/// the cache is not fetched again, whatever revision brought it.
///
/// ```no_run
/// use resnet_data::sources::{OpenFiles, open_files};
/// use resnet_data::{HubDataset, Wanted};
/// use resnet_hub::NoProgress;
///
/// let repository = HubDataset::new("timm/mini-imagenet", None)?;
/// let files = repository.files(&Wanted::default())?;
/// let data = open_files(&repository.fetch(&files, &NoProgress)?, &OpenFiles::default())?;
/// # Ok::<(), resnet_data::Error>(())
/// ```
#[derive(Debug)]
pub struct HubDataset {
    id: String,
    revision: String,
    repository: Repository,
}

/// The files of a data set that are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubFiles {
    /// The commit that they are of.
    pub commit: String,
    /// In order of name; class maps at the end.
    pub files: Vec<HubFile>,
    folder: String,
}

/// A file of a data set on the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubFile {
    /// Its path from the root of the repository, with `/`. It is checked: it does not lead out of the
    /// repository.
    pub name: String,
    /// Its size in bytes, if the hub tells it.
    pub bytes: Option<u64>,
    /// The split it belongs to; `None` for a class map.
    pub split: Option<Split>,
    /// Where it lies, if it is in the cache.
    pub cached: Option<PathBuf>,
}

impl HubFiles {
    /// The path of a file relative to the folder that holds the data.
    pub fn inner_name<'a>(&self, file: &'a HubFile) -> &'a str {
        file.name.strip_prefix(&self.folder).unwrap_or(&file.name)
    }
}

impl HubDataset {
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
        let repository = Repository::new(settings, RepositoryKind::DataSet, id, revision)?;
        Ok(HubDataset { id: id.to_owned(), revision: revision.to_owned(), repository })
    }

    /// Whether `text` has the form of an id, `OWNER/NAME`.
    pub fn is_id(text: &str) -> bool {
        is_id(text)
    }

    /// `timm/mini-imagenet`, with the revision if it is not `main`.
    pub fn name(&self) -> String {
        match self.revision.as_str() {
            MAIN => self.id.clone(),
            revision => format!("{}@{revision}", self.id),
        }
    }

    /// The files that are wanted, and which of them are in the cache. Asks the hub, unless `HF_HUB_OFFLINE`
    /// is set or the revision is a commit of which the list of files is in the cache.
    ///
    /// # Errors
    /// If the hub does not answer or refuses, if it has no such images, if the names of files lead out of
    /// their folder, or [`Error::SeveralConfigs`] if it is not clear which data set is meant.
    pub fn files(&self, wanted: &Wanted) -> Result<HubFiles, Error> {
        let listing = self.listing()?;
        let Choice { folder, files } = choose(&listing, wanted).map_err(|cause| match cause {
            NotChosen::Several(found) => Error::SeveralConfigs { repository: self.name(), found },
            NotChosen::None(cause) => Error::Invalid(format!("{} cannot be fetched: {cause}", self.name())),
        })?;
        let snapshot = self.snapshot(&listing.commit);
        let files = files.into_iter().map(|(name, bytes, split)| {
            let cached = Some(snapshot.join(&name)).filter(|path| path.exists());
            HubFile { name, bytes, split, cached }
        });
        Ok(HubFiles { files: files.collect(), commit: listing.commit, folder })
    }

    /// Downloads those of `files` that are not in the cache, and returns the folder to give to
    /// [`open_files`](crate::sources::open_files). A download that an earlier call has begun goes on where it
    /// stopped.
    ///
    /// # Errors
    /// If one of them cannot be downloaded; those before it stay in the cache.
    pub fn fetch(&self, files: &HubFiles, progress: &dyn Progress) -> Result<PathBuf, Error> {
        let missing: Vec<&HubFile> = files.files.iter().filter(|file| file.cached.is_none()).collect();
        let network = self.repository.settings().network;
        if let (NetworkAccess::Forbidden, Some(first)) = (network, missing.first()) {
            let others = match missing.len() - 1 {
                0 => String::new(),
                others => format!(" and {others} more of its {} files", files.files.len()),
            };
            return Err(self.unavailable(format!("{}{others}", first.name), &Missing::Offline));
        }
        // All of one commit, even if the branch moves on meanwhile.
        let settings = self.repository.settings().clone();
        let repository = Repository::new(settings, RepositoryKind::DataSet, &self.id, &files.commit)?;
        let snapshot = self.snapshot(&files.commit);
        for file in missing {
            let unavailable = |missing| self.unavailable(file.name.clone(), &missing);
            let path = repository.get_sized(&file.name, file.bytes, progress).map_err(unavailable)?;
            if path != snapshot.join(&file.name) {
                let cause = format!("{}: the server gives that of another commit", file.name);
                return Err(unavailable(Missing::Failed(cause)));
            }
        }
        // By its parts, so that there is no `/` at the end.
        Ok(snapshot.join(&files.folder).components().collect())
    }

    fn snapshot(&self, commit: &str) -> PathBuf {
        self.repository.folder().join("snapshots").join(commit)
    }

    /// The files of the revision, from the hub or, without a network, from the cache.
    fn listing(&self) -> Result<Listing, Error> {
        let folder = self.repository.folder();
        if is_commit(&self.revision)
            && let Some(kept) = Listing::kept(&folder, &self.revision)
        {
            return Ok(kept);
        }
        if self.repository.settings().network == NetworkAccess::Forbidden {
            let snapshot = self.repository.snapshot().ok_or_else(|| {
                self.unavailable(format!("the list of files of {}", self.revision), &Missing::Offline)
            })?;
            let commit = snapshot.file_name().unwrap_or_default().to_string_lossy();
            return Ok(Listing::kept(&folder, &commit).unwrap_or_else(|| of_snapshot(&snapshot)));
        }
        let listing = self
            .repository
            .listing()
            .map_err(|missing| self.unavailable("its list of files".to_owned(), &missing))?;
        let unwritten = |path: &Path, cause| HubError::io("write", path, cause);
        // The snapshot's folder too: without a network it is looked for.
        let snapshot = self.snapshot(&listing.commit);
        fs::create_dir_all(&snapshot).map_err(|cause| unwritten(&snapshot, cause))?;
        listing.keep(&folder).map_err(|cause| unwritten(&folder, cause))?;
        self.repository.keep_ref(&listing.commit).map_err(|cause| unwritten(&folder, cause))?;
        Ok(listing)
    }

    fn unavailable(&self, what: String, missing: &Missing) -> Error {
        let Settings { endpoint, token, .. } = self.repository.settings();
        let page = format!("{endpoint}/datasets/{}", self.id);
        let token = if token.is_some() { "HF_TOKEN (it is set now)" } else { "HF_TOKEN" };
        let (cause, mend) = match missing {
            Missing::Offline => (
                "HF_HUB_OFFLINE is set".to_owned(),
                "unset it, or bring the cache along from a machine with a network and set HF_HOME".to_owned(),
            ),
            Missing::Absent(cause) => (
                cause.clone(),
                format!("check the name and the revision on {page}, and {token} if it is private"),
            ),
            Missing::Refused(cause) => (
                cause.clone(),
                format!(
                    "check the name; if it is a gated or private data set, accept its terms on {page} and set {token} to \
                     a token of that account"
                ),
            ),
            _ => (
                match missing {
                    Missing::Failed(cause) => cause.clone(),
                    other => other.to_string(),
                },
                "start again to resume, or set HF_HUB_OFFLINE=1 to use what is in the cache".to_owned(),
            ),
        };
        let unavailable = HubError::Unavailable {
            wanted: format!("{what} of {}", self.name()),
            cache: self.repository.folder(),
            cause,
            mend,
        };
        unavailable.into()
    }
}

/// The files of a snapshot, and the files that are missing beside them by their [numbers](series). Missing
/// files have no size.
fn of_snapshot(snapshot: &Path) -> Listing {
    let mut listing = Listing::of_snapshot(snapshot);
    for name in series::missing_files(listing.files.keys()) {
        listing.files.insert(name, None);
    }
    listing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_tells_what_it_lacks_by_its_numbers() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("data")).unwrap();
        fs::write(folder.path().join("data/train-00001-of-00003.parquet"), "abc").unwrap();
        for name in ["README.md", "train-0.tar", "train-1.tar", "train-3.tar"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let listing = of_snapshot(folder.path());
        let files: Vec<_> = listing.files.iter().map(|(name, size)| (name.as_str(), *size)).collect();
        let wanted = [
            ("README.md", Some(0)),
            ("data/train-00000-of-00003.parquet", None),
            ("data/train-00001-of-00003.parquet", Some(3)),
            ("data/train-00002-of-00003.parquet", None),
            ("train-0.tar", Some(0)),
            ("train-1.tar", Some(0)),
            ("train-2.tar", None),
            ("train-3.tar", Some(0)),
        ];
        assert_eq!(files, wanted);
    }
}
