//! Why a page cannot be made.

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
    /// The recipe cannot be written as TOML.
    #[error("the recipe cannot be shown: {0}")]
    Recipe(String),
    /// A template of this crate is at fault.
    #[error("the page cannot be made: {0}")]
    Template(#[from] minijinja::Error),
}
