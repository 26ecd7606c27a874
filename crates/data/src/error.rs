//! Everything that can go wrong with data, each as one sentence that names the file, the cause and the mend.

use std::io;
use std::path::{Path, PathBuf};

use crate::names;

/// Why data could not be opened, read, split or loaded.
///
/// `Display` gives the whole story in one sentence, the cause included; there is no `source` to print
/// beside it, so a chain of errors does not say the same thing twice.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused to open, list or read a path.
    #[error("cannot {action} {}: {cause}; check that it exists and that you may read it", names::shown(path))]
    Io {
        /// What was tried: "open", "read", "list".
        action: &'static str,
        /// The path it was tried on.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },

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

    /// A file of fixed-size records ends inside one, or holds none.
    #[error(
        "{file} is cut short: after {records} whole records of {record_bytes} bytes, only {rest} bytes are left \
         at byte offset {offset}; fetch the file again"
    )]
    Truncated {
        /// The file, with its archive if it is in one.
        file: String,
        /// How many whole records come before the end.
        records: u64,
        /// The size of one record.
        record_bytes: u64,
        /// Where the incomplete record starts.
        offset: u64,
        /// How many bytes of it there are.
        rest: u64,
    },

    /// A label names a class that does not exist.
    #[error(
        "{file}: record {record} has label {label} at byte offset {offset}, but {classes} classes have the labels \
         0 to {}; the file is corrupt or of another data set, fetch it again", classes.saturating_sub(1)
    )]
    LabelOutOfRange {
        /// The file, with its archive if it is in one.
        file: String,
        /// Which record, counted from 0.
        record: u64,
        /// Where the label is.
        offset: u64,
        /// The label found.
        label: u64,
        /// How many classes there are.
        classes: usize,
    },

    /// A file is not what its place says that it is.
    #[error("{} cannot be used: {cause}; {mend}", names::printable(file))]
    BadFile {
        /// The file, with its archive if it is in one.
        file: String,
        /// What is wrong with it, with the row or byte offset where there is one.
        cause: String,
        /// What to do about it.
        mend: String,
    },

    /// A sound parquet file has other columns than those that are looked for.
    #[error(
        "{file} has no column of {what} called {wanted}; it has {columns}: name the one that holds {what}"
    )]
    NoColumn {
        /// The file.
        file: String,
        /// What the column should hold: "images", "labels".
        what: &'static str,
        /// The names looked for.
        wanted: String,
        /// The columns that there are, with what they hold.
        columns: String,
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

    /// An image cannot be decoded, or what is to be done to it makes no sense.
    #[error(transparent)]
    Vision(#[from] resnet_vision::Error),

    /// Something of the hub is not to be had.
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

    /// Arrays, settings or names given by the caller do not fit together.
    #[error("{0}")]
    Invalid(String),
}

impl Error {
    /// What is wrong, for lists that name the file themselves: neither the file nor what to do.
    pub fn cause(&self) -> String {
        match self {
            Error::Io { action, cause, .. } => format!("cannot {action} it: {cause}"),
            Error::BadFile { cause, .. } => cause.clone(),
            Error::Vision(error) => error.cause(),
            other => other.to_string(),
        }
    }

    pub(crate) fn io(action: &'static str, path: &Path, cause: io::Error) -> Self {
        Error::Io { action, path: path.to_owned(), cause }
    }

    pub(crate) fn write(action: &str, path: &Path, cause: io::Error) -> Self {
        Error::Write { action: action.to_owned(), path: path.to_owned(), cause }
    }

    pub(crate) fn bad_file(
        file: impl Into<String>,
        cause: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Error::BadFile { file: file.into(), cause: cause.into(), mend: mend.into() }
    }
}
