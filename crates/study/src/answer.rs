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
    /// Seeds of the row.
    seeds: usize,
    /// The baseline's label, where most of the noise is the baseline's.
    noisy_baseline: Option<String>,
    /// The paper's error of this row less that of its baseline, in points; infinite where one of the two
    /// fails.
    published: Option<f64>,
}

impl Compared {
    fn of(results: &Results, row: &RowResult) -> Option<Compared> {
        let (contrast, baseline) = (row.contrast?, &results.rows[row.row.against?]);
        let [own, base] = [row, baseline].map(|row| {
            let errors = row.judged_errors();
            errors.deviation().map_or(0.0, |deviation| deviation.powi(2) / errors.count() as f64)
        });
        Some(Compared {
            label: results.label_of(row),
            contrast,
            seeds: row.judged_errors().count(),
            noisy_baseline: (base > 3.0 * own).then(|| results.label_of(baseline)),
            published: published(results, row),
        })
    }

    /// How a decided difference stands beside the paper's.
    fn against_the_paper(&self) -> Agreement {
        let published = self.published.unwrap_or(0.0);
        match published * self.contrast.difference > 0.0 {
            true if published.is_finite() => Agreement::AsPublished,
            true => Agreement::OfAFailure,
            false => Agreement::OtherWay,
        }
    }
}

/// A decided difference beside the paper's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Agreement {
    /// It has the paper's direction.
    AsPublished,
    /// It has too, but the worse of the two rows fails in the paper, and trains here.
    OfAFailure,
    /// It has the other direction, or the paper has none.
    OtherWay,
}

/// The first sentences of a page: how many differences are decided, which are not as in the paper, and what
/// would decide the others.
pub fn answer(results: &Results) -> String {
    let compared: Vec<Compared> = results.rows.iter().filter_map(|row| Compared::of(results, row)).collect();
    let failed = failures(results);
    match results.has_any() {
        true if compared.is_empty() => {
            format!("Nothing to compare yet: no row has an error beside one of its baseline.{failed}")
        }
        true => format!("{}{failed}{}", order(&compared), what_would_decide(&compared)),
        false => "Nothing has been trained yet.".to_owned(),
    }
}

/// Which rows fail, and which of them do not in the paper; empty if none fails.
fn failures(results: &Results) -> String {
    let failing: Vec<&RowResult> = results.rows.iter().filter(|row| row.fails()).collect();
    let labels =
        |rows: &[&RowResult]| listed(&rows.iter().map(|row| results.label_of(row)).collect::<Vec<_>>());
    let unlike: Vec<&RowResult> =
        failing.iter().copied().filter(|row| row.row.published.error().is_some()).collect();
    match (failing.len(), unlike.len()) {
        (0, _) => String::new(),
        (_, 0) => format!(" {} failed.", capital(&labels(&failing))),
        (all, some) if all == some => {
            format!(" {} failed, unlike in the paper.", capital(&labels(&failing)))
        }
        _ => format!(" {} failed; in the paper {} did not.", capital(&labels(&failing)), labels(&unlike)),
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
            "{} The noise of {} more is not known: that takes two seeds of each row.",
            order_of(&known),
            if others == 1 { "one".to_owned() } else { others.to_string() }
        ),
    }
}

/// The same of differences whose noise is known.
fn order_of(known: &[&Compared]) -> String {
    let decided = |agreement: Agreement| -> Vec<&Compared> {
        let decided = known.iter().copied().filter(|row| row.contrast.is_decided());
        decided.filter(|row| row.against_the_paper() == agreement).collect()
    };
    let [as_published, of_failures, other_way] =
        [Agreement::AsPublished, Agreement::OfAFailure, Agreement::OtherWay].map(decided);
    let labels = |rows: &[&Compared]| listed(&rows.iter().map(|row| row.label.clone()).collect::<Vec<_>>());
    let mut ways = vec![];
    if !as_published.is_empty() {
        ways.push((as_published.len(), "as in the paper".to_owned()));
    }
    if !of_failures.is_empty() {
        ways.push((
            of_failures.len(),
            format!("where the paper has a failure and both train here, namely {}", labels(&of_failures)),
        ));
    }
    if !other_way.is_empty() {
        let each: Vec<String> = other_way.iter().map(|row| told(row)).collect();
        ways.push((other_way.len(), format!("the other way than in the paper: {}", listed(&each))));
    }
    let decided: usize = ways.iter().map(|(count, _)| count).sum();
    let told = match &ways[..] {
        [] => String::new(),
        [(1, way)] => format!(", {way}"),
        [(_, way)] => format!(", all {way}"),
        several => {
            let told: Vec<String> = several.iter().map(|(count, way)| format!("{count} {way}")).collect();
            format!(": {}", told.join("; "))
        }
    };
    match (known.len(), decided) {
        (1, 0) => "The one difference from a baseline is not larger than the noise of the seeds.".to_owned(),
        (1, _) => format!("The one difference from a baseline is larger than the noise{told}."),
        (all, 0) => {
            format!("None of {all} differences from a baseline is larger than the noise of the seeds.")
        }
        (all, 1) => format!("One of {all} differences from a baseline is larger than the noise{told}."),
        (all, some) => {
            format!("{some} of {all} differences from a baseline are larger than the noise{told}.")
        }
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
/// the row that is nearest to it: the one with the least p-value.
fn what_would_decide(compared: &[Compared]) -> String {
    let open = compared.iter().filter_map(|row| {
        let chance = row.contrast.chance.filter(|_| !row.contrast.is_decided())?;
        Some((chance, row))
    });
    let open: Vec<(f64, &Compared)> = open.collect();
    let Some((_, row)) = open.iter().min_by(|one, other| one.0.total_cmp(&other.0)) else {
        return String::new();
    };
    let Some(seeds) = row.contrast.seeds_to_decide else {
        return match open.len() {
            1 => " That would take more than a thousand seeds of each row.".to_owned(),
            _ => " A thousand seeds of each row would decide none of those that are open.".to_owned(),
        };
    };
    let more = match seeds.saturating_sub(row.seeds) {
        0 => String::new(),
        more => format!(", {more} more than it has"),
    };
    let noise = match &row.noisy_baseline {
        Some(baseline) => format!("; most of the noise is that of {baseline}, so train its seeds first"),
        None => String::new(),
    };
    format!(" Nearest to being decided is {}: about {seeds} seeds each would decide{more}{noise}.", row.label)
}
