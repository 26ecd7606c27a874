//! Why a checkpoint cannot be understood, loaded or exported.

use std::path::PathBuf;

use resnet_checkpoint::{Fault, list};

use crate::checkpoint::{Dialect, Report};

/// What went wrong with a checkpoint. Each message is a sentence with the file, the cause and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file itself cannot be read or written.
    #[error(transparent)]
    File(#[from] resnet_checkpoint::Error),
    /// Several networks, each behind a prefix of its own.
    #[error("{} holds several networks, behind {}; say which one", path.display(), list(prefixes))]
    SeveralPrefixes {
        /// The file.
        path: PathBuf,
        /// What stands before their names.
        prefixes: Vec<String>,
    },
    /// A prefix that the caller names and no tensor has.
    #[error("no tensor in {} has a name that begins with {prefix:?}; they are called {}", path.display(), list(names))]
    PrefixNotThere {
        /// The file.
        path: PathBuf,
        /// The prefix.
        prefix: String,
        /// Names that are there.
        names: Vec<String>,
    },
    /// Two tensors that a dialect calls by one name.
    #[error("{}: {first} and {second} are one and the same parameter under {dialect} names; choose another dialect", path.display())]
    Clash {
        /// The file.
        path: PathBuf,
        /// The name that came first.
        first: String,
        /// The other one.
        second: String,
        /// The dialect.
        dialect: Dialect,
    },
    /// A dialect that can't be written.
    #[error("cannot export {model} with {dialect} names: {cause}")]
    UnwrittenDialect {
        /// The network.
        model: String,
        /// The dialect.
        dialect: Dialect,
        /// Why not.
        cause: &'static str,
    },
    /// A word that is no dialect.
    #[error("there is no dialect {0:?}; choose native, torchvision, timm, akamaster or transformers")]
    UnknownDialect(String),
    /// Metadata that says something impossible.
    #[error("{}: {fault}", path.display())]
    Metadata {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: Fault,
    },
    /// A repository's config that is not understood.
    #[error("{}: {cause}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is in the way.
        cause: String,
    },
    /// No network can be made out.
    #[error("cannot tell which network {} belongs to: {cause}", path.display())]
    Unrecognised {
        /// The file.
        path: PathBuf,
        /// What can't be told.
        what: Unknown,
        /// What is in the way.
        cause: String,
    },
    /// Tensors that the network lacks, or the file, or that have other shapes; nothing was loaded.
    #[error("{}", mismatch(.report, .looks_like))]
    Mismatch {
        /// What fits and what doesn't.
        report: Box<Report>,
        /// The network that the file's names and shapes belong to, if it is another one.
        looks_like: Option<String>,
    },
    /// candle refuses.
    #[error("{}: {cause}", path.display())]
    Candle {
        /// The file.
        path: PathBuf,
        /// What candle says.
        cause: candle_core::Error,
    },
}

/// What of a file's network can't be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// Its names are those of no network here.
    Names,
    /// It has no last layer, or one that no network here has.
    Head,
    /// It is a network, but none that has a name here, or not the one that it is said to be.
    Network,
}

fn mismatch(report: &Report, looks_like: &Option<String>) -> String {
    let mut faults = vec![];
    if !report.missing.is_empty() {
        faults.push(format!("it lacks {}", list(&report.missing)));
    }
    if !report.unexpected.is_empty() {
        faults.push(format!("{} not in the network", be(&report.unexpected)));
    }
    if !report.reshaped.is_empty() {
        faults.push(format!("{} of another shape", be(&report.reshaped)));
    }
    if !report.left_out.is_empty() && !report.missing.is_empty() {
        let left = list(&report.left_out);
        faults.push(format!("left out, because they are no floating-point numbers: {left}"));
    }
    faults.extend(looks_like.as_ref().map(|other| format!("it looks like {other}")));
    format!("{} does not fit {}: {}", report.path.display(), report.model, faults.join("; "))
}

/// The names, and that they are there.
fn be(names: &[impl std::fmt::Display]) -> String {
    format!("{} {}", list(names), if names.len() == 1 { "is" } else { "are" })
}
