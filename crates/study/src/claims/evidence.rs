//! What claims are judged by: rows of runs by their names, and losses early and late in a training.

use resnet_record::{Contrast, Metric, Seeds};
use resnet_report::Figure;
use resnet_report::chart::{DotGroup, Dots, dots};

use super::Verdict;
use crate::curves::colour;
use crate::deviations::epoch_of;
use crate::find::FoundRun;
use crate::results::{Results, RowResult};
use crate::words::{counted, signed};

/// The part of a training that counts as its start: the first eighth.
const START: u64 = 8;

/// The rows that claims are judged by.
#[derive(Debug)]
pub(crate) struct Evidence {
    results: Vec<Results>,
}

impl Evidence {
    pub(crate) fn new(results: Vec<Results>) -> Evidence {
        Evidence { results }
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

    /// A sentence that names the rows without runs, if there are any.
    pub(crate) fn missing(&self, names: &[&str]) -> Option<String> {
        let missing: Vec<&str> = names.iter().copied().filter(|name| self.row(name).is_none()).collect();
        (!missing.is_empty()).then(|| format!("Not trained yet: {}.", missing.join(", ")))
    }
}

/// The training losses of the last epoch by which a row is judged.
pub(crate) fn losses(row: &RowResult) -> Seeds {
    row.judged_losses()
}

/// The test errors by which a row is judged.
pub(crate) fn errors(row: &RowResult) -> Seeds {
    row.judged_errors()
}

/// Mean training loss over the first eighth of each run's steps, as far as they are logged.
pub(crate) fn early_losses(row: &RowResult) -> Seeds {
    Seeds::of(row.runs.iter().filter_map(early_loss))
}

fn early_loss(run: &FoundRun) -> Option<f64> {
    let metrics = run.folder.metrics().ok()?;
    let steps = metrics.iter().filter_map(|metric| match metric {
        Metric::Step(step) => Some(step),
        _ => None,
    });
    let start = run.recipe.train.duration.steps(epoch_of(&run.recipe)) / START;
    // A run that ended before has no mean over all of these steps.
    let has_them = steps.clone().next_back()?.step >= start;
    let losses: Vec<f64> = steps.filter(|step| step.step <= start).map(|step| step.loss).collect();
    (has_them && !losses.is_empty()).then(|| losses.iter().sum::<f64>() / losses.len() as f64)
}

/// A difference that a claim predicts.
pub(crate) struct Compared<'a> {
    /// The row whose value should be the larger one.
    pub(crate) row: &'a RowResult,
    pub(crate) contrast: Option<Contrast>,
    /// Whether the row has no value since several of its runs failed, which is worse than any value of the
    /// other row.
    pub(crate) fails: bool,
}

/// Each row's difference from `base` in `quantity`.
pub(crate) fn compared<'a>(
    base: &RowResult,
    rows: &[&'a RowResult],
    quantity: impl Fn(&RowResult) -> Seeds,
) -> Vec<Compared<'a>> {
    let first = quantity(base);
    rows.iter()
        .map(|row| {
            let values = quantity(row);
            let fails = row.fails() && row.failed > 1 && values.count() == 0 && first.count() > 0;
            Compared { row, contrast: Contrast::of(&first, &values), fails }
        })
        .collect()
}

/// The verdict where each of `wanted` differences should be positive: supported if all are, beyond the noise,
/// and none is missing; contradicted if more of the decided differences are negative than positive.
pub(crate) fn verdict(compared: &[Compared<'_>], wanted: usize) -> Verdict {
    let is_decided =
        |one: &&Compared<'_>| one.fails || one.contrast.is_some_and(|contrast| contrast.is_decided());
    let is_right =
        |one: &&Compared<'_>| one.fails || one.contrast.is_some_and(|contrast| contrast.difference > 0.0);
    let decided: Vec<&Compared<'_>> = compared.iter().filter(is_decided).collect();
    let right = decided.iter().filter(|one| is_right(one)).count();
    match () {
        () if compared.is_empty() => Verdict::NotTested,
        () if right == wanted => Verdict::Supported,
        () if decided.len() - right > right => Verdict::Contradicted,
        () => Verdict::Undecided,
    }
}

/// All differences as text, joined by semicolons: `(e) 1x1 convolution shortcut +0.21 nats (± 0.020; chance
/// 0.010)`.
pub(crate) fn told(compared: &[Compared<'_>], unit: &str) -> String {
    let one = |one: &Compared<'_>| {
        let label = &one.row.row.label;
        match (one.fails, one.contrast) {
            (true, _) => format!("{label} fails"),
            (false, Some(contrast)) => {
                format!("{label} {}\u{a0}{unit} ({})", signed(contrast.difference), noise(&contrast))
            }
            (false, None) => format!("{label} has no value"),
        }
    };
    compared.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// How sure a difference is: `± 0.020; chance 0.010`.
pub(crate) fn noise(contrast: &Contrast) -> String {
    match (contrast.chance, contrast.seeds_to_decide) {
        (None, _) => "the noise is not known".to_owned(),
        (Some(chance), _) if contrast.is_decided() => format!("± {:.3}; chance {chance:.3}", contrast.error),
        (Some(_), Some(seeds)) => format!("± {:.3}; {seeds} seeds would decide", contrast.error),
        (Some(_), None) => format!("± {:.3}", contrast.error),
    }
}

/// `6 runs (cifar10-resnet110-v1, cifar10-resnet110-v2)`.
pub(crate) fn rests_on(rows: &[&RowResult]) -> String {
    let names: Vec<&str> = rows.iter().map(|row| row.row.name.as_str()).collect();
    runs_of(rows.iter().map(|row| row.runs.len()).sum(), &names)
}

/// The same of `count` runs of the rows of these names.
pub(crate) fn runs_of(count: usize, names: &[&str]) -> String {
    format!("{} ({})", counted(count, "run"), names.join(", "))
}

/// The quantity of each row as marks on a line.
pub(crate) fn picture(
    title: &str,
    axis: &str,
    rows: &[&RowResult],
    quantity: impl Fn(&RowResult) -> Seeds,
    caption: &str,
) -> Figure {
    let row = |(place, row): (usize, &&RowResult)| {
        let values = quantity(row);
        Dots {
            name: row.row.label.clone(),
            text: values.median().map_or("fails".to_owned(), |median| format!("{median:.3}")),
            colour: colour(row, place),
            published: None,
            median: values.median(),
            values: values.values().to_vec(),
        }
    };
    let group = DotGroup { heading: String::new(), rows: rows.iter().enumerate().map(row).collect() };
    Figure::drawn(dots(title, axis, &[group]), caption.to_owned())
}
