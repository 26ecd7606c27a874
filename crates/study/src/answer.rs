//! Sentences on whether a table's measured differences agree with the paper's; within the noise no order is
//! claimed.

use resnet_record::Contrast;

use crate::results::{Results, RowResult};
use crate::words::{capital, listed, signed};

/// A row beside its baseline.
struct Compared {
    /// The row's label, and its group where another group has the label too.
    label: String,
    contrast: Contrast,
    /// Seeds of the row that did not fail.
    seeds: usize,
    /// The paper's error of this row less that of its baseline, in points; infinite where one of the two
    /// fails.
    published: Option<f64>,
}

impl Compared {
    fn is_as_published(&self) -> bool {
        self.published.is_some_and(|published| published * self.contrast.difference > 0.0)
    }
}

/// The first sentences of a page: how many differences are decided, which are not as in the paper, and what
/// would decide the others.
pub fn answer(results: &Results) -> String {
    let compared: Vec<Compared> = results
        .rows
        .iter()
        .filter_map(|row| {
            let label = results.label_of(row);
            let (contrast, seeds) = (row.contrast?, row.judged_errors().count());
            Some(Compared { label, contrast, seeds, published: published(results, row) })
        })
        .collect();
    let failing: Vec<String> =
        results.rows.iter().filter(|row| row.fails()).map(|row| results.label_of(row)).collect();
    let failed =
        if failing.is_empty() { String::new() } else { format!(" {} failed.", capital(&listed(&failing))) };
    match results.has_any() {
        true if compared.is_empty() => {
            format!("Nothing to compare yet: no row has an error beside one of its baseline.{failed}")
        }
        true => format!("{}{failed}{}", order(&compared), what_would_decide(&compared)),
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

/// How many differences are larger than the noise, as far as that is known, and which of them are not as in
/// the paper.
fn order(compared: &[Compared]) -> String {
    let (known, unknown): (Vec<&Compared>, Vec<&Compared>) =
        compared.iter().partition(|row| row.contrast.chance.is_some());
    match (known.len(), unknown.len()) {
        (_, 0) => order_of(&known),
        (0, 1) => {
            "The noise of the one difference from a baseline is not known: that takes two seeds of each row."
                .to_owned()
        }
        (0, all) => {
            format!(
                "The noise of {all} differences from a baseline is not known: that takes two seeds of each row."
            )
        }
        (_, others) => format!(
            "{} The noise of {others} more is not known: that takes two seeds of each row.",
            order_of(&known)
        ),
    }
}

/// The same of differences whose noise is known.
fn order_of(known: &[&Compared]) -> String {
    let (with, others): (Vec<&Compared>, Vec<&Compared>) =
        known.iter().filter(|row| row.contrast.is_decided()).partition(|row| row.is_as_published());
    match (known.len(), with.len(), others.len()) {
        (1, 0, 0) => {
            "The one difference from a baseline is not larger than the noise of the seeds.".to_owned()
        }
        (1, 1, 0) => {
            "The one difference from a baseline is larger than the noise, as in the paper.".to_owned()
        }
        (all, 0, 0) => {
            format!("None of {all} differences from a baseline is larger than the noise of the seeds.")
        }
        (1, 0, 1) => format!(
            "The one difference from a baseline is larger than the noise, the other way than in the paper: {}.",
            listed(&others.iter().map(|row| told(row)).collect::<Vec<_>>())
        ),
        (all, 1, 0) => {
            format!("One of {all} differences from a baseline is larger than the noise, as in the paper.")
        }
        (all, with, 0) => format!(
            "{with} of {all} differences from a baseline are larger than the noise, all as in the paper."
        ),
        (all, 0, 1) => format!(
            "One of {all} differences from a baseline is larger than the noise, the other way than in the paper: {}.",
            listed(&others.iter().map(|row| told(row)).collect::<Vec<_>>())
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
fn told(compared: &Compared) -> String {
    let published = match compared.published {
        Some(difference) if difference.is_finite() => signed(difference),
        _ => "a failure".to_owned(),
    };
    let measured = signed(compared.contrast.difference);
    format!("{} ({measured} points where the paper has {published})", compared.label)
}

/// A sentence on what would decide the undecided rows whose noise is known; empty if there are none. It names
/// the row that takes the fewest seeds.
fn what_would_decide(compared: &[Compared]) -> String {
    let is_open = |contrast: &Contrast| contrast.chance.is_some() && !contrast.is_decided();
    let open = || compared.iter().filter(|row| is_open(&row.contrast));
    let next = open().filter_map(|row| Some((row.contrast.seeds_to_decide?, row))).min_by_key(|next| next.0);
    match next {
        Some((seeds, row)) => {
            let more = match seeds.saturating_sub(row.seeds) {
                0 => String::new(),
                more => format!(", {more} more than it has"),
            };
            format!(
                " Nearest to being decided is {}: about {seeds} seeds each would decide{more}.",
                row.label
            )
        }
        None if open().next().is_some() => {
            " The others would take more than a thousand seeds each.".to_owned()
        }
        None => String::new(),
    }
}
