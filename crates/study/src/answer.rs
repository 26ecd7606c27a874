//! Sentences on whether a table's measured differences agree with the paper's; within the noise no order is
//! claimed.

use resnet_record::Contrast;

use crate::results::{Results, RowResult};
use crate::words::{listed, signed};

/// A row beside its baseline.
struct Compared<'a> {
    row: &'a RowResult,
    contrast: Contrast,
    /// The paper's error of this row less that of its baseline, in points; infinite where one of the two
    /// fails.
    published: Option<f64>,
}

impl Compared<'_> {
    fn is_as_published(&self) -> bool {
        self.published.is_some_and(|published| published * self.contrast.difference > 0.0)
    }
}

/// The first sentences of a page.
pub(crate) fn answer(results: &Results) -> String {
    let compared: Vec<Compared<'_>> = results
        .rows
        .iter()
        .filter_map(|row| Some(Compared { row, contrast: row.contrast?, published: published(results, row) }))
        .collect();
    let failing: Vec<String> =
        results.rows.iter().filter(|row| row.fails()).map(|row| row.row.label.clone()).collect();
    let failed = if failing.is_empty() { String::new() } else { format!(" {} failed.", listed(&failing)) };
    match results.has_any() {
        true if compared.is_empty() => {
            format!("Nothing to compare yet: no row has an error beside one of its baseline.{failed}")
        }
        true => format!("{}{failed}{}", order(&compared), what_would_decide(results, &compared)),
        false => "Nothing has been trained yet.".to_owned(),
    }
}

fn published(results: &Results, row: &RowResult) -> Option<f64> {
    let baseline = &results.rows[row.row.against?].row;
    Some(match (row.row.published.error(), baseline.published.error()) {
        (Some(error), Some(base)) => error - base,
        (None, Some(_)) => f64::INFINITY,
        (Some(_), None) => f64::NEG_INFINITY,
        (None, None) => 0.0,
    })
}

/// How many differences are larger than the noise, and which of them are not as in the paper.
fn order(compared: &[Compared<'_>]) -> String {
    let (with, others): (Vec<&Compared<'_>>, Vec<&Compared<'_>>) =
        compared.iter().filter(|row| row.contrast.is_decided()).partition(|row| row.is_as_published());
    match (compared.len(), with.len(), others.len()) {
        (1, 0, 0) => {
            "The one difference from a baseline is not larger than the noise of the seeds.".to_owned()
        }
        (1, 1, 0) => {
            "The one difference from a baseline is larger than the noise, as in the paper.".to_owned()
        }
        (all, 0, 0) => {
            format!("None of {all} differences from a baseline is larger than the noise of the seeds.")
        }
        (all, with, 0) => format!(
            "{with} of {all} differences from a baseline are larger than the noise, all as in the paper."
        ),
        (all, with, against) => format!(
            "{} of {all} differences from a baseline are larger than the noise: {with} as in the paper, {against} the \
             other way, {}.",
            with + against,
            listed(&others.iter().map(|row| told(row)).collect::<Vec<_>>())
        ),
    }
}

/// `(b) ... (+0.31 points where the paper has -0.20)`.
fn told(compared: &Compared<'_>) -> String {
    let published = match compared.published {
        Some(difference) if difference.is_finite() => signed(difference),
        _ => "a failure".to_owned(),
    };
    let measured = signed(compared.contrast.difference);
    format!("{} ({measured} points where the paper has {published})", compared.row.row.label)
}

/// A sentence on what would decide the undecided rows; empty if there are none. It names the row that takes
/// the fewest seeds.
fn what_would_decide(results: &Results, compared: &[Compared<'_>]) -> String {
    if compared.iter().all(|row| row.contrast.is_decided()) {
        return String::new();
    }
    let closest =
        compared.iter().filter_map(|compared| Some((compared.contrast.seeds_to_decide?, compared.row)));
    let baseline = |row: &RowResult| row.row.against.map(|against| results.rows[against].errors.count());
    let has = |row: &RowResult| row.errors.count().min(baseline(row).unwrap_or(usize::MAX));
    let next = closest.filter(|(seeds, row)| *seeds > has(row)).min_by_key(|(seeds, _)| *seeds);
    match next {
        Some((seeds, row)) => {
            format!(" Nearest to being decided is {}: {seeds} seeds each would do.", row.row.label)
        }
        None if results.rows.iter().any(|row| row.errors.count() == 1) => {
            " Of a row with one seed the noise is not known; two more seeds would begin to tell.".to_owned()
        }
        None => " The others would take more than a thousand seeds each.".to_owned(),
    }
}
