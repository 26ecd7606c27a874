//! What claims are judged by: rows of runs by their names, and losses early and late in a training.

use resnet_record::{Contrast, Metric, Seeds};
use resnet_report::Figure;
use resnet_report::chart::{DotGroup, Dots, dots};

use super::Verdict;
use crate::Scale;
use crate::curves::colour;
use crate::deviations::epoch_of;
use crate::find::FoundRun;
use crate::results::{Results, RowResult};
use crate::words::{counted, listed, with_minus};

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

/// Mean training loss over the first eighth of each run's steps: over the epochs that end in it, whose means
/// take every step into account, or where none does over the steps that are logged.
pub(crate) fn early_losses(row: &RowResult) -> Seeds {
    Seeds::of(row.runs.iter().filter_map(early_loss))
}

fn early_loss(run: &FoundRun) -> Option<f64> {
    let metrics = run.folder.metrics().ok()?;
    let steps = metrics.iter().filter_map(Metric::step);
    let start = run.recipe.train.duration.steps(epoch_of(&run.recipe)) / START;
    // A run that ended before has no mean over all of these steps.
    let has_them = steps.clone().next_back()?.step >= start;
    let epochs = metrics.iter().filter_map(|metric| match metric {
        Metric::Epoch(epoch) if epoch.step <= start => Some(epoch.train_loss),
        _ => None,
    });
    let of_epochs: Vec<f64> = epochs.collect();
    let losses = match of_epochs.is_empty() {
        true => steps.filter(|step| step.step <= start).map(|step| step.loss).collect(),
        false => of_epochs,
    };
    (has_them && !losses.is_empty()).then(|| losses.iter().sum::<f64>() / losses.len() as f64)
}

/// A difference that a claim predicts.
pub(crate) struct Compared<'a> {
    /// The row whose value should be the larger one.
    pub(crate) row: &'a RowResult,
    pub(crate) contrast: Option<Contrast>,
    /// Which of the two has no value since several of its runs failed, which is worse than any value of the
    /// other.
    pub(crate) fails: Option<Failing>,
}

/// The side of a comparison that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failing {
    Row,
    Base,
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
            let has_failed = |row: &RowResult| row.fails() && row.failed > 1;
            let fails = match (values.count(), first.count()) {
                (0, 1..) if has_failed(row) => Some(Failing::Row),
                (1.., 0) if has_failed(base) => Some(Failing::Base),
                _ => None,
            };
            Compared { row, contrast: Contrast::of(&first, &values), fails }
        })
        .collect()
}

/// How many differences are decided, by their direction.
struct Decided {
    right: usize,
    wrong: usize,
}

impl Decided {
    fn of(compared: &[Compared<'_>]) -> Decided {
        // A claim is supported by all of its differences, but one can contradict it: of several true ones
        // chance must not find one more often than of a single one.
        let tests = compared.len();
        let decided = compared.iter().filter_map(|one| match (one.fails, one.contrast) {
            (Some(failing), _) => Some(failing == Failing::Row),
            (None, Some(contrast)) if contrast.difference > 0.0 => contrast.is_decided().then_some(true),
            (None, Some(contrast)) => contrast.is_decided_among(tests).then_some(false),
            (None, None) => None,
        });
        let (right, wrong): (Vec<bool>, Vec<bool>) = decided.partition(|is_right| *is_right);
        Decided { right: right.len(), wrong: wrong.len() }
    }

    fn verdict(&self, wanted: usize, by: ContradictedBy) -> Verdict {
        let is_contradicted = match by {
            ContradictedBy::One => self.wrong > 0,
            ContradictedBy::Most => self.wrong > self.right,
        };
        match () {
            () if is_contradicted => Verdict::Contradicted,
            () if self.right == wanted => Verdict::Supported,
            () => Verdict::Undecided,
        }
    }
}

/// How many decided differences against a claim contradict it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContradictedBy {
    /// A single one: the claim says several things at once.
    One,
    /// More than there are with it: the claim is on variants of one thing.
    Most,
}

/// The verdict where each of `wanted` differences should be positive: supported if all are, beyond the noise,
/// and none is missing; contradicted as `by` says.
pub(crate) fn verdict(compared: &[Compared<'_>], wanted: usize, by: ContradictedBy) -> Verdict {
    if compared.is_empty() { Verdict::NotTested } else { Decided::of(compared).verdict(wanted, by) }
}

/// What [`verdict`] counts by [`ContradictedBy::Most`], in a sentence: `Of 8 differences 3 are beyond chance:
/// 2 as claimed, 1 the other way.`
pub(crate) fn decided(compared: &[Compared<'_>], wanted: usize) -> String {
    let Decided { right, wrong } = Decided::of(compared);
    let are = if right + wrong == 1 { "is" } else { "are" };
    let ways = match (right, wrong) {
        (0, 0) => String::new(),
        (_, 0) => ", as claimed".to_owned(),
        (0, _) => ", the other way than claimed, which contradicts it".to_owned(),
        (right, wrong) if wrong > right => {
            format!(": {right} as claimed, {wrong} the other way, which contradicts the claim")
        }
        (right, wrong) => format!(": {right} as claimed, {wrong} the other way"),
    };
    format!("Of {wanted} differences {} {are} beyond chance{ways}.", right + wrong)
}

/// What a quantity is measured in; it decides how many decimals are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Errors are in percent, and so differ by points.
    Points,
    /// Losses.
    Nats,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Unit::Points => "points",
            Unit::Nats => "nats",
        }
    }

    fn decimals(self) -> usize {
        match self {
            Unit::Points => 2,
            Unit::Nats => 3,
        }
    }
}

/// All differences as text, joined by semicolons: `(e) 1x1 convolution shortcut: +0.210 nats (± 0.020,
/// p = 0.010)`.
pub(crate) fn told(compared: &[Compared<'_>], unit: Unit) -> String {
    let one = |one: &Compared<'_>| {
        let label = &one.row.row.label;
        match (one.fails, one.contrast) {
            (Some(Failing::Row), _) => format!("{label}: fails"),
            (Some(Failing::Base), _) => {
                format!("{label}: trains, where the row that it is compared with fails")
            }
            (None, Some(contrast)) => {
                let (difference, decimals) = (contrast.difference, unit.decimals());
                let difference = with_minus(&format!("{difference:+.decimals$}"));
                format!("{label}: {difference}\u{a0}{} ({})", unit.name(), noise(&contrast, unit))
            }
            (None, None) => format!("{label}: no value"),
        }
    };
    compared.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// The same, each after its group and the layers that it has here, since groups share labels: `ResNet-110 on
/// CIFAR-10 (here 56 layers), (a) original: +0.210 nats (± 0.020; chance 0.010)`.
pub(crate) fn told_by_group(compared: &[Compared<'_>], unit: Unit) -> String {
    let one = |one: &Compared<'_>| {
        let told = told(std::slice::from_ref(one), unit);
        format!("{} (here {} layers), {told}", one.row.row.group, one.row.layers())
    };
    compared.iter().map(one).collect::<Vec<_>>().join(". ")
}

/// How sure a difference is, with its 95 % interval: `± 0.020, p = 0.010`.
pub(crate) fn noise(contrast: &Contrast, unit: Unit) -> String {
    let (Some(half), Some(chance)) = (contrast.interval, contrast.chance) else {
        return "the noise is not known".to_owned();
    };
    let decimals = unit.decimals();
    // Nowhere does a line end within a number's sign.
    let told = format!("±\u{a0}{half:.decimals$}, p\u{a0}=\u{a0}{chance:.3}");
    match contrast.seeds_to_decide {
        Some(seeds) => format!("{told}; about {seeds} seeds each would decide"),
        None => told,
    }
}

/// `6 runs of 56 layers (cifar10-resnet110-v1, cifar10-resnet110-v2)`.
pub(crate) fn rests_on(rows: &[&RowResult]) -> String {
    let names: Vec<&str> = rows.iter().map(|row| row.row.name.as_str()).collect();
    let mut depths: Vec<String> = vec![];
    for depth in rows.iter().map(|row| row.layers()) {
        if !depths.iter().any(|known| known == depth) {
            depths.push(depth.to_owned());
        }
    }
    let runs = counted(rows.iter().map(|row| row.runs.len()).sum(), "run");
    format!("{runs} of {} layers ({})", listed(&depths), names.join(", "))
}

/// `6 runs (cifar10-resnet164-v1)`: `count` runs of the rows of these names.
pub(crate) fn runs_of(count: usize, names: &[&str]) -> String {
    format!("{} ({})", counted(count, "run"), names.join(", "))
}

/// The quantity of each row as marks on a line.
pub(crate) fn picture(
    title: &str,
    (axis, unit): (&str, Unit),
    rows: &[&RowResult],
    quantity: impl Fn(&RowResult) -> Seeds,
    caption: &str,
) -> Figure {
    let row = |(place, row): (usize, &&RowResult)| {
        let (values, decimals) = (quantity(row), unit.decimals());
        Dots {
            name: row.row.label.clone(),
            text: values.median().map_or("fails".to_owned(), |median| format!("{median:.decimals$}")),
            colour: colour(row, place),
            published: None,
            median: values.median(),
            values: values.values().to_vec(),
        }
    };
    let group = DotGroup { heading: String::new(), rows: rows.iter().enumerate().map(row).collect() };
    Figure::drawn(dots(title, axis, &[group]), caption.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_counterexample_contradicts_a_claim_on_several_things_at_once() {
        let of = |right, wrong, by| Decided { right, wrong }.verdict(4, by);
        assert_eq!(of(3, 1, ContradictedBy::One), Verdict::Contradicted);
        assert_eq!(of(3, 1, ContradictedBy::Most), Verdict::Undecided);
        assert_eq!(of(1, 2, ContradictedBy::Most), Verdict::Contradicted);
        for by in [ContradictedBy::One, ContradictedBy::Most] {
            assert_eq!([of(4, 0, by), of(3, 0, by)], [Verdict::Supported, Verdict::Undecided]);
        }
    }
}
