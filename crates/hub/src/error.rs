//! Why a file of the hub cannot be had: one sentence each, with the cause and what to do.

use std::io;
use std::path::{Path, PathBuf};

use crate::text::printable;

/// Why a file of the hub cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused to find, read or write a path of the cache.
    #[error("cannot {action} {}: {cause}; check that it exists and that you may read it", shown(path))]
    Io {
        /// What was tried: "find", "write".
        action: &'static str,
        /// The path it was tried on.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },

    /// A file is not in the cache, and the hub does not give it.
    #[error(
        "{} is not in the cache {} and could not be downloaded: {}; {mend}",
        printable(wanted),
        shown(cache),
        printable(cause)
    )]
    Unavailable {
        /// What was asked for, with its name on the hub.
        wanted: String,
        /// The cache folder looked in.
        cache: PathBuf,
        /// Why there was no download.
        cause: String,
        /// The ways to get it.
        mend: String,
    },

    /// A name or a setting cannot be used.
    #[error("{0}")]
    Invalid(String),
}

/// A path as messages show it.
fn shown(path: &Path) -> String {
    printable(&path.display().to_string()).into_owned()
}

impl Error {
    /// The operating system refused to `action` `path`.
    pub fn io(action: &'static str, path: &Path, cause: io::Error) -> Self {
        Error::Io { action, path: path.to_owned(), cause }
    }
}
