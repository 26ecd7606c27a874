//! Why a table cannot be planned, trained or drawn.

use std::path::{Path, PathBuf};

/// What went wrong, in one sentence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No row of that name.
    #[error("no row of {of} is called {name:?}; its rows are {}", rows.join(", "))]
    NoRow {
        /// What was asked for.
        name: String,
        /// The tables and figures that were looked at.
        of: String,
        /// The names that there are.
        rows: Vec<String>,
    },
    /// A folder of runs that were made elsewhere, without any.
    #[error(
        "there is no run that can be read in {} or below it; name a folder of runs, or one that their records were \
         kept in", .0.display()
    )]
    NoRuns(PathBuf),
    /// CIFAR where a row is about ImageNet.
    #[error(
        "{row} is about ImageNet, and {origin} holds CIFAR; give the folder of ImageNet, or choose rows by name"
    )]
    NotImageNet {
        /// The row.
        row: String,
        /// Where the images lie.
        origin: String,
    },
    /// The images of no training that is left can be opened; a line for each data set.
    #[error("{0}")]
    NoImages(String),
    /// A run's folder cannot be read or written.
    #[error(transparent)]
    Record(#[from] resnet_record::Error),
    /// A network or a data set cannot be made or read.
    #[error(transparent)]
    Network(Box<resnet::Error>),
    /// A page cannot be written.
    #[error(transparent)]
    Page(#[from] resnet_report::Error),
    /// A training that ended for another reason than divergence.
    #[error("{row}, seed {seed}: {source}")]
    Training {
        /// The row.
        row: String,
        /// The seed.
        seed: u64,
        /// Why.
        source: Box<resnet::Error>,
    },
    /// The system refuses to read, write or create a file.
    #[error("cannot {action} {}: {source}", file.display())]
    Io {
        /// `read`, `write` or `create`.
        action: &'static str,
        /// Which file or folder.
        file: PathBuf,
        /// The system's own words.
        source: std::io::Error,
    },
    /// Something cannot be counted, timed or measured.
    #[error("{0}")]
    Other(String),
}

impl Error {
    /// What `action` on `file` met.
    pub(crate) fn io(action: &'static str, file: &Path) -> impl FnOnce(std::io::Error) -> Error {
        let file = file.to_owned();
        move |source| Error::Io { action, file, source }
    }
}

impl From<resnet::Error> for Error {
    fn from(error: resnet::Error) -> Error {
        Error::Network(Box::new(error))
    }
}
