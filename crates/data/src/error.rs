//! Everything that can go wrong with data, each as one sentence that names the file, the cause and what to
//! do.

use std::path::{Path, PathBuf};
use std::{fmt, io};

use resnet_formats::names;

/// Why data could not be opened, read, split or loaded.
///
/// `Display` gives the whole story in one sentence, the cause included; there is no `source` to print
/// beside it, so a chain of errors does not say the same thing twice.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read, or is not what it should be.
    #[error(transparent)]
    File(#[from] resnet_formats::Error),

    /// The operating system refused to write a file or to create a folder.
    #[error("cannot {action} {}: {cause}", names::shown(path))]
    Write {
        /// What was tried: "write", "create".
        action: String,
        /// The path it was tried on.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },

    /// A folder that is to be created exists already.
    #[error("{} exists already; choose a folder that does not exist", names::shown(path))]
    Exists {
        /// The folder.
        path: PathBuf,
    },

    /// A folder or archive has some files of a known layout, but not all.
    #[error("{} lacks {missing}, which {layout} needs; {mend}", names::shown(path))]
    MissingFile {
        /// The folder or archive.
        path: PathBuf,
        /// The name of the file that is not there.
        missing: String,
        /// The layout whose other files were found.
        layout: &'static str,
        /// What to do about it.
        mend: String,
    },

    /// Nothing in a folder looks like a data set.
    #[error(
        "{} holds no data set that is known here; looked in it and one level below for {wanted}",
        names::shown(path)
    )]
    Unrecognised {
        /// The path given.
        path: PathBuf,
        /// The file names looked for.
        wanted: String,
    },

    /// Several data sets lie in the folder and nothing says which is meant.
    #[error(
        "{} holds several data sets ({found}); give the folder or file of the one you mean",
        names::shown(path)
    )]
    Ambiguous {
        /// The path given.
        path: PathBuf,
        /// What was found, separated by commas.
        found: String,
    },

    /// An image cannot be decoded, or the settings of its transform cannot be used.
    #[error(transparent)]
    Vision(#[from] resnet_vision::Error),

    /// A file of the hub is not available, or a name or setting of the hub cannot be used.
    #[cfg(feature = "hub")]
    #[error(transparent)]
    Hub(#[from] resnet_hub::Error),

    /// This build leaves out what the request needs.
    #[error("{wanted} needs the feature `{feature}` of resnet-data; build with `--features {feature}`")]
    FeatureOff {
        /// What was asked for.
        wanted: String,
        /// The Cargo feature.
        feature: &'static str,
    },

    /// A sample cannot be used, and may not be left out.
    #[error("{} cannot be used: {cause}; {why}", names::printable(place))]
    Broken {
        /// Where it is: its file, and where in that.
        place: String,
        /// What is wrong with it.
        cause: String,
        /// Why it is not left out.
        why: NotLeftOut,
    },

    /// CIFAR's files are not in the hub's cache and could not be downloaded. The message says which files to
    /// give in a folder instead.
    #[cfg(feature = "hub")]
    #[error(transparent)]
    NotDownloaded(resnet_hub::Error),

    /// A repository of the hub holds several data sets.
    #[error("{repository} cannot be fetched: it holds several data sets, {found}; name one")]
    SeveralConfigs {
        /// The repository.
        repository: String,
        /// The folders of the data sets.
        found: String,
    },

    /// Arrays, settings or names given by the caller do not fit together.
    #[error("{0}")]
    Invalid(String),
}

/// Why a broken sample is not left out. With `Display`, half a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotLeftOut {
    /// No sample may be left out ([`OnBroken::Fail`](crate::OnBroken::Fail)).
    NoneMayBe,
    /// The faults that listing found cost more samples than may be lost.
    Costs {
        /// How many other faults are known.
        others: usize,
        /// How many samples are lost with all of them.
        lost: u64,
        /// How many samples may be lost.
        limit: u64,
    },
    /// The limit of broken samples was reached before it.
    LimitReached {
        /// How many faults came before it, those that listing found included.
        before: usize,
    },
    /// It is the last, and all others are broken too.
    Last,
}

impl fmt::Display for NotLeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            NotLeftOut::NoneMayBe => f.write_str("mend or remove it"),
            NotLeftOut::Costs { others, lost, limit } => {
                match others {
                    0 => {}
                    1 => f.write_str("with one other fault ")?,
                    others => write!(f, "with {others} other faults ")?,
                }
                write!(f, "it costs {lost} of the samples; the limit is {limit}")
            }
            NotLeftOut::LimitReached { before: 1 } => {
                f.write_str("the limit is the one broken sample before it")
            }
            NotLeftOut::LimitReached { before } => {
                write!(f, "the limit is the {before} broken samples before it")
            }
            NotLeftOut::Last => f.write_str("it is the last, and all others are broken too; give other data"),
        }
    }
}

impl Error {
    /// What is wrong, for lists that name the file themselves: without the file and without what to do.
    pub fn cause(&self) -> String {
        match self {
            Error::File(error) => error.cause(),
            Error::Vision(error) => error.cause(),
            other => other.to_string(),
        }
    }

    /// The error for the parquet files in `folder`, in a build that does not read them.
    #[cfg(not(feature = "parquet"))]
    pub(crate) fn without_parquet(folder: &Path) -> Self {
        let wanted = format!("reading the parquet files in {}", folder.display());
        Error::FeatureOff { wanted, feature: "parquet" }
    }

    pub(crate) fn io(action: &'static str, path: &Path, cause: io::Error) -> Self {
        resnet_formats::Error::io(action, path, cause).into()
    }

    pub(crate) fn write(action: &str, path: &Path, cause: io::Error) -> Self {
        Error::Write { action: action.to_owned(), path: path.to_owned(), cause }
    }

    pub(crate) fn bad_file(
        file: impl Into<String>,
        cause: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        resnet_formats::Error::bad_file(file, cause, mend).into()
    }
}
