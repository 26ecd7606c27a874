//! Everything that can be wrong with a file, each as one sentence that names the file, the cause and what to
//! do.

use std::io;
use std::path::{Path, PathBuf};

use crate::names;

/// Why a file could not be read as what it should be.
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

    /// A file is not what it should be.
    #[error("{} cannot be used: {cause}; {mend}", names::printable(file))]
    BadFile {
        /// The file, with its archive if it is in one.
        file: String,
        /// What is wrong with it, with the row or byte offset where there is one.
        cause: String,
        /// What to do about it.
        mend: String,
    },

    /// Images have no labels, or a list that should have them has none.
    #[error("{} cannot be used: {cause}; {mend}", names::printable(file))]
    Unlabelled {
        /// The folder of the images, or the list.
        file: String,
        /// How that shows.
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
}

impl Error {
    /// What is wrong, for lists that name the file themselves: without the file and without what to do.
    pub fn cause(&self) -> String {
        match self {
            Error::Io { action, cause, .. } => format!("cannot {action} it: {cause}"),
            Error::BadFile { cause, .. } | Error::Unlabelled { cause, .. } => cause.clone(),
            other => other.to_string(),
        }
    }

    /// An [`Io`](Self::Io) error.
    pub fn io(action: &'static str, path: &Path, cause: io::Error) -> Self {
        Error::Io { action, path: path.to_owned(), cause }
    }

    /// A [`BadFile`](Self::BadFile).
    pub fn bad_file(file: impl Into<String>, cause: impl Into<String>, mend: impl Into<String>) -> Self {
        Error::BadFile { file: file.into(), cause: cause.into(), mend: mend.into() }
    }
}
