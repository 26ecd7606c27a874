//! Why a checkpoint cannot be read, understood, loaded or written.
//!
//! Text from a file is shown escaped and cut: it may be long, or hold what a terminal would obey.

use std::io;
use std::path::PathBuf;

use crate::checkpoint::metadata::Fault;
use crate::checkpoint::{Dialect, Report, Weights};

/// Names that a message lists before "and N more".
pub(super) const LISTED: usize = 10;

/// What went wrong with a checkpoint. Each message is a sentence with the file, the cause and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system does not give the file.
    #[error("cannot read the checkpoint {}: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// A folder or a device.
    #[error("{} is not a file; name the .safetensors or .pth file itself", path.display())]
    NotAFile {
        /// What was named.
        path: PathBuf,
    },
    /// Nothing in it.
    #[error("{} is empty; copy or download it again", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A file of another kind, known by its first bytes.
    #[error("{} is {kind}, not safetensors or a file of torch.save; {mend}", path.display())]
    OtherFormat {
        /// The file.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
        /// What to do.
        mend: &'static str,
    },
    /// The header describes more than there is.
    #[error("{} is cut short: its header describes {described} bytes and it has {found}; copy or download it again", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes that the file should have.
        described: u64,
        /// Bytes that it has.
        found: u64,
    },
    /// Not a header of safetensors, or one that contradicts itself.
    #[error("{} is damaged or not safetensors: {cause}; copy or download it again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        cause: String,
    },
    /// A file of PyTorch that contradicts itself, or is cut short.
    #[error("{} is damaged or not of torch.save: {cause}; copy or download it again", path.display())]
    DamagedPytorch {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        cause: String,
    },
    /// A file of PyTorch that holds no weights, or in a form that is not read.
    #[error("{} has no weights that can be read: {cause}; in PyTorch, save them alone: `torch.save(model.state_dict(), FILE)`", path.display())]
    RefusedPytorch {
        /// The file.
        path: PathBuf,
        /// What it holds.
        cause: String,
    },
    /// Several sets of weights, none of them the usual one.
    #[error("{} holds several dictionaries of tensors: {}; say which one", path.display(), list(keys.len(), keys))]
    SeveralWeights {
        /// The file.
        path: PathBuf,
        /// Their keys.
        keys: Vec<String>,
    },
    /// Weights that the caller asks for and the file has not.
    #[error("{} holds no {asked}; {}", path.display(), there(keys))]
    WeightsNotThere {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        asked: Weights,
        /// The keys of what there is.
        keys: Vec<String>,
    },
    /// Several networks, each behind a prefix of its own.
    #[error("{} holds several networks, behind {}; say which one", path.display(), list(prefixes.len(), prefixes))]
    SeveralPrefixes {
        /// The file.
        path: PathBuf,
        /// What stands before their names.
        prefixes: Vec<String>,
    },
    /// A prefix that the caller names and no tensor has.
    #[error("no tensor in {} has a name that begins with {prefix:?}; they are called {}", path.display(), list(names.len(), names))]
    PrefixNotThere {
        /// The file.
        path: PathBuf,
        /// The prefix.
        prefix: String,
        /// Names that are there.
        names: Vec<String>,
    },
    /// No weights that are floating-point numbers.
    #[error("{}: tensor {name} is {dtype}, like all others in it, and weights must be F32, F16, BF16 or F64; convert it where it was made, in PyTorch with `.float()`", path.display())]
    Dtype {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its type.
        dtype: String,
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
    /// The system does not take the file; what stood there still does.
    #[error("cannot write the checkpoint {}: {cause}; choose a folder that exists and can be written to", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
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
        faults.push(format!("it lacks {}", list(report.missing.len(), &report.missing)));
    }
    if !report.unexpected.is_empty() {
        faults.push(format!("{} not in the network", be(report.unexpected.len(), &report.unexpected)));
    }
    if !report.reshaped.is_empty() {
        faults.push(format!("{} of another shape", be(report.reshaped.len(), &report.reshaped)));
    }
    if !report.left_out.is_empty() && !report.missing.is_empty() {
        let left = list(report.left_out.len(), &report.left_out);
        faults.push(format!("left out, because they are no floating-point numbers: {left}"));
    }
    faults.extend(looks_like.as_ref().map(|other| format!("it looks like {other}")));
    format!("{} does not fit {}: {}", report.path.display(), report.model, faults.join("; "))
}

/// What there is to choose from.
fn there(keys: &[String]) -> String {
    match keys {
        [] => "it has one set of weights".to_owned(),
        keys => format!("it has {}", list(keys.len(), keys)),
    }
}

/// The names, and that they are there.
fn be(count: usize, names: &[impl std::fmt::Display]) -> String {
    format!("{} {}", list(count, names), if count == 1 { "is" } else { "are" })
}

/// `a, b, c and 5 more`, of `count` in all.
pub(super) fn list(count: usize, names: &[impl std::fmt::Display]) -> String {
    let shown: Vec<String> = names.iter().take(LISTED).map(|name| clip(&name.to_string(), 160)).collect();
    let more = count.saturating_sub(shown.len());
    let shown = shown.join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

/// The text's first `longest` characters, escaped.
pub(super) fn clip(text: &str, longest: usize) -> String {
    let mut clipped: String = text.chars().take(longest).flat_map(visible).collect();
    if text.chars().nth(longest).is_some() {
        clipped.push_str("...");
    }
    clipped
}

/// A control character's escape; anything else as it is.
fn visible(c: char) -> impl Iterator<Item = char> {
    let escape = c.is_control().then(|| c.escape_debug());
    let plain = escape.is_none().then_some(c);
    escape.into_iter().flatten().chain(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_texts_are_cut_and_harmless() {
        let names: Vec<usize> = (0..12).collect();
        assert_eq!(list(12, &names), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more");
        assert_eq!(list(2, &names[..2]), "0, 1");
        assert_eq!(clip("a\u{1b}[31m\nb", 80), "a\\u{1b}[31m\\nb");
        assert_eq!(clip("äöü", 2), "äö...");
    }
}
