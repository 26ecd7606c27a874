//! Files that are numbered, `train-00001-of-00003.parquet` or `train-0001.tar`: the names of some tell which
//! others there should be.

use std::collections::{BTreeMap, BTreeSet};

/// The most files of a series; a name that claims more is not taken for one of a series.
const MAX_FILES: usize = 100_000;
/// The fewest files that make a series of numbers without a count.
const MIN_FILES: usize = 3;

/// The names that the series of `names` should have and that are not among them, in order; for messages.
///
/// A series has a count, `-of-00003`; or it is three names and more that differ in their last number alone.
/// The second kind begins with 0 or 1 and goes as far as its highest number, so that nothing tells when its
/// last files are missing. Numbers most of which are missing are no series but names, as WordNet's ids are.
///
/// A number with a count may be followed by anything, as by the fingerprint that the `datasets` library wrote
/// into names: `train-00001-of-00003-0a1b2c.parquet`. What would follow a missing number is then not known,
/// and `*` stands for it.
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
    let mut without_count: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for name in names {
        if let Some((series, number, end)) = Series::of(name) {
            let found = all.entry(series).or_default();
            found.numbers.insert(number);
            found.ends.insert(end);
        } else if let Some((start, digits, end)) = last_number(name) {
            without_count.entry((start, end)).or_default().insert(digits);
        }
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
    for ((start, end), digits) in &without_count {
        let missing = between(digits).into_iter().flatten();
        gaps.extend(missing.map(|digits| Gap { name: format!("{start}{digits}{end}"), is_whole: true }));
    }
    gaps
}

/// The last number in a name, as digits, with what is before and behind it.
fn last_number(name: &str) -> Option<(&str, &str, &str)> {
    let (before, end) = name.split_at(name.rfind(|c: char| c.is_ascii_digit())? + 1);
    let start = before.trim_end_matches(|c: char| c.is_ascii_digit());
    Some((start, &before[start.len()..], end))
}

/// The numbers that a series of these lacks, in their own form; `None` if they are no series.
fn between(digits: &BTreeSet<&str>) -> Option<Vec<String>> {
    let is_padded = digits.iter().any(|digits| digits.len() > 1 && digits.starts_with('0'));
    let width = if is_padded { digits.iter().map(|digits| digits.len()).min()? } else { 1 };
    let number = |digits: &&str| {
        let number = digits.parse().ok().filter(|&number: &usize| number < MAX_FILES)?;
        (format!("{number:0width$}") == **digits).then_some(number)
    };
    let numbers = digits.iter().map(number).collect::<Option<BTreeSet<usize>>>()?;
    let (first, last) = (usize::from(!numbers.contains(&0)), *numbers.last()?);
    let missing = (first..last).filter(|number| !numbers.contains(number));
    let missing: Vec<String> = missing.map(|number| format!("{number:0width$}")).collect();
    (numbers.len() >= MIN_FILES && missing.len() < numbers.len()).then_some(missing)
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
    fn numbers_without_a_count_promise_those_between_them() {
        let of_numbers = |numbers: &[&str]| {
            let names: Vec<String> = numbers.iter().map(|number| format!("d/x2-{number}.tar")).collect();
            missing(&names).into_iter().collect::<Vec<_>>()
        };
        assert_eq!(of_numbers(&["0000", "0001", "0003"]), ["d/x2-0002.tar"]);
        assert_eq!(of_numbers(&["2", "3", "5", "6"]), ["d/x2-1.tar", "d/x2-4.tar"]);
        assert_eq!(of_numbers(&["08", "09", "01", "02", "03", "04", "05", "07", "100"]), [""; 0], "too few");
        let many: Vec<String> = (0..12).filter(|i| *i != 9).map(|i| i.to_string()).collect();
        assert_eq!(of_numbers(&many.iter().map(|i| &**i).collect::<Vec<_>>()), ["d/x2-9.tar"]);
        for whole in [
            &["0", "1", "2"][..],
            &["1", "2", "3"],
            &["0", "2"],
            &["01440764", "01443537", "01484850"],
            &["1", "02", "4"],
            &["0", "1", "99999999999999999999"],
        ] {
            assert_eq!(of_numbers(whole), [""; 0], "{whole:?}");
        }
        // Each split has its own numbers.
        assert_eq!(of(&["t-0.tar", "v-0.tar", "t-1.tar", "v-3.tar", "t-2.tar"]), [""; 0]);
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
