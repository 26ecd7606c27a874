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
    /// Several networks, each with a prefix of its own.
    #[error("{} holds several networks, behind {}; say which one", path.display(), list(prefixes))]
    SeveralPrefixes {
        /// The file.
        path: PathBuf,
        /// The prefixes of their names.
        prefixes: Vec<String>,
    },
    /// No tensor has the prefix that the caller gave.
    #[error("no tensor in {} has a name that begins with {prefix:?}; they are called {}", path.display(), list(names))]
    PrefixNotThere {
        /// The file.
        path: PathBuf,
        /// The prefix.
        prefix: String,
        /// Some names in the file.
        names: Vec<String>,
    },
    /// Two tensors that have the same native name.
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
    /// The metadata is impossible.
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
        /// Why not.
        cause: String,
    },
    /// The network cannot be recognised.
    #[error("cannot tell which network {} belongs to: {cause}", path.display())]
    Unrecognised {
        /// The file.
        path: PathBuf,
        /// What is unknown.
        what: Unknown,
        /// Why not.
        cause: String,
    },
    /// Names or shapes differ between file and network; nothing was loaded.
    #[error("{}", mismatch(.report, .looks_like))]
    Mismatch {
        /// What fits and what doesn't.
        report: Box<Report>,
        /// The network that the names and shapes in the file belong to, if it is another one.
        looks_like: Option<String>,
    },
    /// A tensor operation failed.
    #[error("{}: {cause}", path.display())]
    Candle {
        /// The file.
        path: PathBuf,
        /// What candle says.
        cause: candle_core::Error,
    },
}

/// What is unknown about the network of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// Its family: the names belong to no network here.
    Names,
    /// The number of classes: it has no last layer, or one that no network here has.
    Head,
    /// Its name: no network of the registry has this structure, or it is not the one that was named.
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

/// The names, followed by "is" or "are".
fn be(names: &[impl std::fmt::Display]) -> String {
    format!("{} {}", list(names), if names.len() == 1 { "is" } else { "are" })
}
