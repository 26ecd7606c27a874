//! Differences between rows that claims predict, the verdicts that follow from them, and both in words.

use resnet_record::Contrast;

use super::Verdict;
use super::quantity::{Quantity, Unit};
use crate::results::RowResult;
use crate::words::with_minus;

/// A difference that a claim predicts.
pub(crate) struct Compared<'a> {
    /// The row whose value should be the larger one.
    pub(crate) row: &'a RowResult,
    quantity: Quantity,
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
    quantity: Quantity,
) -> Vec<Compared<'a>> {
    let first = quantity.of(base);
    rows.iter()
        .map(|row| {
            let values = quantity.of(row);
            let has_failed = |row: &RowResult| row.fails() && row.failed > 1;
            let fails = match (values.count(), first.count()) {
                (0, 1..) if has_failed(row) => Some(Failing::Row),
                (1.., 0) if has_failed(base) => Some(Failing::Base),
                _ => None,
            };
            Compared { row, quantity, contrast: Contrast::of(&first, &values), fails }
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
        let decided = compared.iter().filter_map(|one| is_as_claimed(one.fails, one.contrast, tests));
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

/// Whether a difference is as claimed, where it is decided; it is one of `tests`.
fn is_as_claimed(fails: Option<Failing>, contrast: Option<Contrast>, tests: usize) -> Option<bool> {
    match (fails, contrast) {
        (Some(failing), _) => Some(failing == Failing::Row),
        (None, Some(contrast)) if contrast.difference > 0.0 => contrast.is_decided().then_some(true),
        (None, Some(contrast)) => contrast.is_decided_among(tests).then_some(false),
        (None, None) => None,
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

/// All differences as text, joined by semicolons: `(e) 1x1 convolution shortcut: +0.210 nats (± 0.020,
/// p = 0.010)`.
pub(crate) fn told(compared: &[Compared<'_>]) -> String {
    let one = |one: &Compared<'_>| {
        let (label, unit) = (&one.row.row.label, one.quantity.unit());
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
/// CIFAR-10 (here 56 layers), (a) original: +0.210 nats (± 0.020; p = 0.010)`.
pub(crate) fn told_by_group(compared: &[Compared<'_>]) -> String {
    let one = |one: &Compared<'_>| {
        let told = told(std::slice::from_ref(one));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counterexample_among_several_must_be_rarer_than_a_single_one() {
        let of = |difference, tests| {
            let chance = Some(0.02);
            let contrast = Contrast { difference, chance, interval: None, seeds_to_decide: None };
            is_as_claimed(None, Some(contrast), tests)
        };
        assert_eq!([of(-1.0, 1), of(-1.0, 8)], [Some(false), None]);
        assert_eq!([of(1.0, 1), of(1.0, 8)], [Some(true), Some(true)]);
        assert_eq!(is_as_claimed(Some(Failing::Base), None, 8), Some(false));
    }

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
