//! Files that are numbered, `train-00001-of-00003.parquet`: the names of some tell which others there should
//! be.

use std::collections::{BTreeMap, BTreeSet};

/// The most files of a series; a name that claims more is not taken for one of a series.
const MAX_FILES: usize = 100_000;

/// The names that the series of `names` should have and that are not among them, in order; for messages.
///
/// A number may be followed by anything, as by the fingerprint that the `datasets` library wrote into names:
/// `train-00001-of-00003-0a1b2c.parquet`. What would follow a missing number is then not known, and `*`
/// stands for it.
pub fn missing<'a>(names: impl IntoIterator<Item = &'a String>) -> BTreeSet<String> {
    gaps(names).into_iter().map(|gap| gap.name).collect()
}

/// Those of the [`missing`] names that are known in full.
pub fn missing_files<'a>(names: impl IntoIterator<Item = &'a String>) -> BTreeSet<String> {
    gaps(names).into_iter().filter(|gap| gap.is_whole).map(|gap| gap.name).collect()
}

/// A file that a series lacks.
struct Gap {
    name: String,
    /// Whether that is its whole name.
    is_whole: bool,
}

fn gaps<'a>(names: impl IntoIterator<Item = &'a String>) -> Vec<Gap> {
    let mut all: BTreeMap<Series<'_>, Found<'_>> = BTreeMap::new();
    for (series, number, end) in names.into_iter().filter_map(|name| Series::of(name)) {
        let found = all.entry(series).or_default();
        found.numbers.insert(number);
        found.ends.insert(end);
    }
    let mut gaps = Vec::new();
    for (series, Found { numbers, ends }) in &all {
        // A series has a file of each number for each ending, unless the names go on before it.
        let is_whole = ends.iter().all(|end| end.is_empty() || end.starts_with('.'));
        for number in (0..series.count).filter(|number| !numbers.contains(number)) {
            let names = ends.iter().filter(|_| is_whole).map(|end| series.name(number, end));
            let pattern = (!is_whole).then(|| series.name(number, "*"));
            gaps.extend(names.chain(pattern).map(|name| Gap { name, is_whole }));
            if gaps.len() >= MAX_FILES {
                return gaps;
            }
        }
    }
    gaps
}

/// What there is of a series.
#[derive(Default)]
struct Found<'a> {
    numbers: BTreeSet<usize>,
    /// What follows the count in the files' names.
    ends: BTreeSet<&'a str>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Series<'a> {
    stem: &'a str,
    digits: usize,
    count: usize,
}

impl<'a> Series<'a> {
    /// The series that a file of this name is one of, its number there, and what follows in the name.
    fn of(name: &'a str) -> Option<(Self, usize, &'a str)> {
        let (start, rest) = name.rsplit_once("-of-")?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (count, end) = rest.split_at(digits);
        let (stem, number) = start.split_at_checked(start.len().checked_sub(digits)?)?;
        let number: usize =
            number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse().ok())??;
        let count = count.parse().ok().filter(|&count| number < count && count <= MAX_FILES)?;
        Some((Series { stem, digits, count }, number, end))
    }

    fn name(&self, number: usize, end: &str) -> String {
        let &Series { stem, digits, count } = self;
        format!("{stem}{number:0digits$}-of-{count:0digits$}{end}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str]) -> Vec<String> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        missing(&names).into_iter().collect()
    }

    #[test]
    fn numbers_promise_their_brothers() {
        let names =
            ["a/train-00000-of-00003.parquet", "a/train-00002-of-00003.parquet", "val-0-of-1.tar", "x.tar"];
        assert_eq!(of(&names), ["a/train-00001-of-00003.parquet"]);
        assert_eq!(of(&["t-1-of-2", "t-0-of-2"]), [""; 0]);
    }

    #[test]
    fn a_number_is_there_whatever_follows_it() {
        let whole = ["train-00000-of-00002-0a1b.parquet", "train-00001-of-00002-9f8e.parquet"];
        assert_eq!(of(&whole), [""; 0]);
        assert_eq!(of(&whole[1..]), ["train-00000-of-00002*"]);
        assert!(missing_files(&[whole[1].to_owned()]).is_empty());
        assert_eq!(of(&["t-0-of-2.json", "t-0-of-2.tar"]), ["t-1-of-2.json", "t-1-of-2.tar"]);
    }

    #[test]
    fn what_only_looks_like_a_series_promises_nothing() {
        for odd in [
            "-of-",
            "a-of-3",
            "3-of-3",
            "x-of-00003",
            "é-of-1",
            "00001-of-99999999999999999999",
            "000001-of-999999",
            "+1-of-12",
        ] {
            assert_eq!(of(&[odd]), [""; 0], "{odd}");
        }
    }
}
