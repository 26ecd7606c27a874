//! What claims are judged by: rows of runs by their names.

use crate::Scale;
use crate::find::FoundRun;
use crate::results::{Results, RowResult};
use crate::study::found;
use crate::words::{counted, distinct, listed};

/// The rows that claims are judged by.
#[derive(Debug)]
pub(crate) struct Evidence {
    results: Vec<Results>,
}

impl Evidence {
    pub(crate) fn new(results: Vec<Results>) -> Evidence {
        Evidence { results }
    }

    /// All runs that were found, those too that no row takes since another one of their seed has weights.
    pub(crate) fn found(&self) -> Vec<FoundRun> {
        self.results.first().map_or_else(Vec::new, |results| found(&results.request))
    }

    /// The row of this name, if it has runs.
    pub(crate) fn row(&self, name: &str) -> Option<&RowResult> {
        let rows = self.results.iter().flat_map(|results| &results.rows);
        rows.into_iter().find(|row| row.row.name == name && !row.runs.is_empty())
    }

    /// The rows of these names that have runs.
    pub(crate) fn rows(&self, names: &[&str]) -> Vec<&RowResult> {
        names.iter().filter_map(|name| self.row(name)).collect()
    }

    /// Whether the trainings are long enough to speak of trained networks.
    pub(crate) fn trained(&self) -> Trained {
        match self.results.iter().any(|results| results.request.scale == Scale::Smoke) {
            true => Trained::Hardly,
            false => Trained::AWhile,
        }
    }

    /// A sentence that names the rows without runs, if there are any.
    pub(crate) fn missing(&self, names: &[&str]) -> Option<String> {
        let missing: Vec<&str> = names.iter().copied().filter(|name| self.row(name).is_none()).collect();
        (!missing.is_empty()).then(|| format!("Not trained yet: {}.", missing.join(", ")))
    }
}

/// How long networks were trained, in the words of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trained {
    /// For minutes, to see that all of it works.
    Hardly,
    AWhile,
}

/// `6 runs of 56 layers (cifar10-resnet110-v1, cifar10-resnet110-v2)`.
pub(crate) fn rests_on(rows: &[&RowResult]) -> String {
    let names: Vec<&str> = rows.iter().map(|row| row.row.name.as_str()).collect();
    let depths = distinct(rows.iter().map(|row| row.layers().to_owned()));
    let runs = counted(rows.iter().map(|row| row.runs.len()).sum(), "run");
    format!("{runs} of {} layers ({})", listed(&depths), names.join(", "))
}

/// `6 runs (cifar10-resnet164-v1)`: `count` runs of the rows of these names.
pub(crate) fn runs_of(count: usize, names: &[&str]) -> String {
    format!("{} ({})", counted(count, "run"), names.join(", "))
}
