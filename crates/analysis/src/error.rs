//! What can go wrong.

use std::path::PathBuf;

/// Why there is no analysis.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Weights, a data set or a run cannot be read.
    #[error(transparent)]
    Resnet(Box<resnet::Error>),
    /// A picture or a page that cannot be written.
    #[error(transparent)]
    Report(#[from] resnet_report::Error),
    /// A tensor operation failed.
    #[error("measuring {what} failed: {source}")]
    Compute {
        /// The network.
        what: String,
        /// candle's own words.
        source: candle_core::Error,
    },
    /// A network that takes other images than there are.
    #[error("{model} takes images of {wanted} x {wanted}, and those of {data} have {found} x {found}")]
    OtherSize {
        /// The network.
        model: String,
        /// Height and width that it takes, in pixels.
        wanted: usize,
        /// The data set.
        data: String,
        /// Height and width of its images, in pixels.
        found: usize,
    },
    /// A network for another number of classes than the data have.
    #[error("{model} tells {wanted} classes apart, and {data} has {found}")]
    OtherClasses {
        /// The network, or its file.
        model: String,
        /// Its classes.
        wanted: usize,
        /// The data set.
        data: String,
        /// Its classes.
        found: usize,
    },
    /// Fewer images than were asked for.
    #[error("{data} has {found} images, fewer than the {wanted} that were asked for")]
    FewImages {
        /// The data set.
        data: String,
        /// Its images.
        found: usize,
        /// How many were asked for.
        wanted: usize,
    },
    /// A run whose data are elsewhere now.
    #[error("the run {} was trained on {origin}, which is not there; name the folder of its data", run.display())]
    DataGone {
        /// The run's folder.
        run: PathBuf,
        /// Where its data were.
        origin: String,
    },
    /// A run of another network than the one that was named with it.
    #[error("the run {} trains {own}, not {named}; leave the network's name out", run.display())]
    OtherNetwork {
        /// The run's folder.
        run: PathBuf,
        /// Its network.
        own: String,
        /// The network that was named.
        named: String,
    },
    /// A run without a checkpoint.
    #[error("the run {} has no checkpoint yet; train it for an epoch first", .0.display())]
    NoCheckpoint(PathBuf),
}

impl Error {
    /// A closure for `map_err` that says what was measured.
    pub(crate) fn compute(what: impl Into<String>) -> impl FnOnce(candle_core::Error) -> Error {
        let what = what.into();
        move |source| Error::Compute { what, source }
    }
}

impl From<resnet::Error> for Error {
    fn from(error: resnet::Error) -> Self {
        Error::Resnet(Box::new(error))
    }
}

impl From<resnet_data::Error> for Error {
    fn from(error: resnet_data::Error) -> Self {
        Error::Resnet(Box::new(error.into()))
    }
}

impl From<resnet_record::Error> for Error {
    fn from(error: resnet_record::Error) -> Self {
        Error::Resnet(Box::new(error.into()))
    }
}
