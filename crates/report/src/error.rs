//! Why a page cannot be made.

use std::path::PathBuf;

/// What went wrong, in one sentence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A run's folder cannot be read.
    #[error(transparent)]
    Record(#[from] resnet_record::Error),
    /// A run that has not logged anything yet.
    #[error("the run {0} has no metrics yet; nothing can be drawn before its first logged step")]
    NoMetrics(String),
    /// A template of this crate is at fault.
    #[error("the page cannot be made: {0}")]
    Template(#[from] minijinja::Error),
    /// A file of somebody else's stands where the page would.
    #[error("{} exists already and is no page of ours; choose another file", .0.display())]
    NotOurs(PathBuf),
    /// The system refuses.
    #[error("cannot write {}: {source}", file.display())]
    Io {
        /// Which file.
        file: PathBuf,
        /// The system's own words.
        source: std::io::Error,
    },
}
