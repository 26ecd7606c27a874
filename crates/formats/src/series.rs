//! Files that are numbered, `train-00001-of-00003.parquet`: the names of some tell which others there should
//! be.

use std::collections::BTreeSet;

/// The most files of a series; a name that claims more is not taken for one of a series.
const MAX_FILES: usize = 100_000;

/// The names that the series of `names` should have and that are not among them, in order.
pub fn missing<'a>(names: impl IntoIterator<Item = &'a String>) -> BTreeSet<String> {
    let names: BTreeSet<&str> = names.into_iter().map(String::as_str).collect();
    // Each series once, however many of its files are there.
    let series: BTreeSet<Series<'_>> = names.iter().filter_map(|name| Series::of(name)).collect();
    let all = series.iter().flat_map(Series::names);
    all.filter(|name| !names.contains(name.as_str())).take(MAX_FILES).collect()
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Series<'a> {
    stem: &'a str,
    digits: usize,
    count: usize,
    end: &'a str,
}

impl<'a> Series<'a> {
    /// The series that a file of this name is one of.
    fn of(name: &'a str) -> Option<Self> {
        let (start, rest) = name.rsplit_once("-of-")?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (count, end) = rest.split_at(digits);
        let (stem, number) = start.split_at_checked(start.len().checked_sub(digits)?)?;
        let number: usize =
            number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse().ok())??;
        let count = count.parse().ok().filter(|&count| number < count && count <= MAX_FILES)?;
        Some(Series { stem, digits, count, end })
    }

    fn names(&self) -> impl Iterator<Item = String> + use<'_, 'a> {
        let &Series { stem, digits, count, end } = self;
        (0..count).map(move |number| format!("{stem}{number:0digits$}-of-{count:0digits$}{end}"))
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
