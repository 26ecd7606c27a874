//! `Report`: which tensors of a checkpoint fit a network, and which do not.

use std::fmt;
use std::path::PathBuf;

use super::{Converted, Ignored, LeftOut, Naming, NonFinite, Precision};
use crate::registry::edit_distance;
use resnet_checkpoint::{LISTED, clip, list};

/// What was loaded, and what was not. `Display` is a few lines for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The file.
    pub path: PathBuf,
    /// The network's name.
    pub model: String,
    /// How the file's names were understood.
    pub naming: Naming,
    /// Tensors of the file that fit the network.
    pub matched: usize,
    /// Parameters of the network that the file lacks.
    pub missing: Vec<String>,
    /// Tensors of the file that the network lacks.
    pub unexpected: Vec<Stray>,
    /// Tensors whose shapes differ.
    pub reshaped: Vec<Reshaped>,
    /// Parameters of the head that were left as they were, because the policy says so.
    pub kept_head: Vec<String>,
    /// Tensors of the file that are of a head of another form, and were left out for the same reason.
    pub other_head: Vec<String>,
    /// Tensors of the file that were not f32.
    pub converted: Converted,
    /// Tensors of the file that were passed over: counters of batches, the optimizer's state, other weights.
    pub ignored: Ignored,
    /// Tensors of the file that cannot be weights: their elements are no floating-point numbers.
    pub left_out: Vec<LeftOut>,
    /// Tensors of the file with numbers that are NaN or infinite.
    pub non_finite: Vec<NonFinite>,
}

/// A tensor that the network lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    /// Its name.
    pub name: String,
    /// The most similar name in the network, preferably of a parameter that is missing; looked for beside the
    /// first few strays only, and `None` if nothing is similar.
    pub nearest: Option<String>,
}

/// A tensor whose shape differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reshaped {
    /// Its name.
    pub name: String,
    /// Its shape in the file.
    pub file: Vec<usize>,
    /// Its shape in the network.
    pub model: Vec<usize>,
}

impl Report {
    /// Whether everything matched.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.reshaped.is_empty()
    }
}

/// Strays with the nearest names beside those that will be shown. `known` are the network's names.
pub(super) fn strays<'a>(
    names: Vec<&str>,
    missing: &[String],
    known: impl Iterator<Item = &'a str> + Clone,
) -> Vec<Stray> {
    let beside = |(index, name): (usize, &str)| {
        // Each comparison costs the product of the lengths, and there may be thousands of names: not for
        // those that no message shows, nor for names longer than any of a network.
        let worth = index < LISTED && name.len() <= 160;
        let missing = || nearest(name, missing.iter().map(String::as_str));
        let nearest = worth.then(|| missing().or_else(|| nearest(name, known.clone()))).flatten();
        Stray { name: name.to_owned(), nearest: nearest.map(str::to_owned) }
    };
    names.into_iter().enumerate().map(beside).collect()
}

/// The candidate with the smallest edit distance, if that is at most a quarter of the name.
fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let ranked = candidates.map(|candidate| (edit_distance(name, candidate), candidate)).min();
    ranked.filter(|(distance, _)| *distance * 4 <= name.chars().count()).map(|(_, candidate)| candidate)
}

impl fmt::Display for Stray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&clip(&self.name, 80))?;
        self.nearest.as_ref().map_or(Ok(()), |nearest| write!(f, " (nearest: {nearest})"))
    }
}

impl fmt::Display for Reshaped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = clip(&format!("{:?}", self.file), 60);
        write!(f, "{} ({file}, should be {:?})", self.name, self.model)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { path, model, naming, matched, .. } = self;
        write!(f, "{}: {matched} tensors fit {model} ({naming})", path.display())?;
        let mut line = |what: &str, names: usize, list: String| {
            if names == 0 { Ok(()) } else { write!(f, "\n  {what}: {list}") }
        };
        line("missing, kept as they were", self.missing.len(), list(&self.missing))?;
        line("not in the network", self.unexpected.len(), list(&self.unexpected))?;
        line("other shape, kept as they were", self.reshaped.len(), list(&self.reshaped))?;
        line("new head, kept as it was", self.kept_head.len(), self.kept_head.join(", "))?;
        line("old head, left out", self.other_head.len(), list(&self.other_head))?;
        let converted: Vec<String> =
            self.converted.iter().map(|(from, count)| conversion(*from, *count)).collect();
        line("converted to f32", converted.len(), converted.join(", "))?;
        let Ignored { batch_counters, optimizer, other_weights } = self.ignored;
        line("passed over", batch_counters, format!("{batch_counters} batch counters"))?;
        line("passed over", optimizer, format!("{optimizer} tensors of the optimizer"))?;
        line("passed over", other_weights, format!("{other_weights} tensors of the other weights"))?;
        let strange = &self.left_out;
        line("left out, no floating-point numbers", strange.len(), list(strange))?;
        let bad = &self.non_finite;
        line("warning, NaN or infinite numbers in", bad.len(), list(bad))
    }
}

fn conversion(from: Precision, count: usize) -> String {
    let rounded = match from {
        Precision::F64 => ", rounded",
        Precision::F16 | Precision::Bf16 => "",
    };
    format!("{count} of {from}{rounded}")
}
