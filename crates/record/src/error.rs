//! What can go wrong with a recipe or a run's folder, in sentences for the person who has to mend it.

use std::path::PathBuf;

use crate::Difference;

/// A recipe or a run's folder that cannot be used as it stands.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The recipe's text is not a recipe: bad TOML, an unknown key, a value of the wrong kind.
    #[error("{place}: {cause}; mend the recipe there")]
    Recipe {
        /// The file, with the line where that is known.
        place: String,
        /// What was found and what was expected.
        cause: String,
    },
    /// Keys that are each well formed but do not go together.
    #[error("{place}: {cause}")]
    Inconsistent {
        /// The recipe's file, or else `recipe 'NAME'`.
        place: String,
        /// Which key, and what it should be.
        cause: String,
    },
    /// A `key=value` that cannot be applied to the recipe.
    #[error("cannot set '{assignment}': {cause}")]
    Set {
        /// The assignment as given.
        assignment: String,
        /// Why not, and what would do.
        cause: String,
    },
    /// Keys that cannot change when a run is resumed.
    #[error(
        "{}; a run cannot change that when it is resumed: the steps it has done were made with it",
        values(fixed)
    )]
    Fixed {
        /// The keys with their values in the run.
        fixed: Vec<Difference>,
    },
    /// A duration that is not a number and a unit.
    #[error(
        "'{text}' is not a duration: {cause}; write for example \"3 epochs\", \"64000 steps\" or \"150k images\""
    )]
    Duration {
        /// What was written.
        text: String,
        /// What is wrong with it.
        cause: &'static str,
    },
    /// A new run was asked for in a folder that holds something already.
    #[error("{} is not empty, and a run overwrites nothing", folder.display())]
    NotEmpty {
        /// The folder.
        folder: PathBuf,
    },
    /// A folder that is not a run's.
    #[error("{} is not a run's folder: {missing} is not in it; name the folder that `train` wrote", folder.display())]
    NotARun {
        /// The folder.
        folder: PathBuf,
        /// The file that a run always has.
        missing: &'static str,
    },
    /// Another process writes to this run.
    #[error("{} is being written by another process; wait until it ends, or stop it", folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// Two runs that cannot be compared step by step.
    #[error(
        "{} and {} have no certified step in common; they certify the steps they log, so give both the same \
         train.log_every_steps", a.display(), b.display()
    )]
    NothingInCommon {
        /// One run's folder.
        a: PathBuf,
        /// The other's.
        b: PathBuf,
    },
    /// A run that has nothing to compare.
    #[error(
        "{} has no certified step: it ends before its first logged step, or is older than certificates; train it with a \
         smaller train.log_every_steps", run.display()
    )]
    NothingCertified {
        /// The run's folder.
        run: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {action} {}: {cause}; see that {}", path.display(), needed(action))]
    Io {
        /// What was tried: "create", "read", "write", "remove".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's own words.
        cause: std::io::Error,
    },
    /// A file of the run that does not hold what it should.
    #[error("{}: {cause}; the file was damaged or written by another version", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the line where that is known.
        cause: String,
    },
}

/// What makes `action` possible.
fn needed(action: &str) -> &'static str {
    match action {
        "read" => "it exists and that you may read it",
        _ => "the folder exists and that you may write to it",
    }
}

/// `train.seed is 0 and optimizer.momentum is 0.9`.
fn values(fixed: &[Difference]) -> String {
    let value = |one: &Difference| format!("{} is {}", one.key, one.values()[0]);
    fixed.iter().map(value).collect::<Vec<_>>().join(" and ")
}

impl Error {
    /// A closure for `map_err` that says what was tried on which path.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.into();
        move |cause| Error::Io { action, path, cause }
    }
}
