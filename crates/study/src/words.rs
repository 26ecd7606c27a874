//! How numbers are written in tables and sentences.

pub(crate) use resnet_words::{capital, count, listed};

/// What halves are lifted by, so that the mean of two errors with two digits is rounded up, as on paper.
const HALF: f64 = 1e-9;

/// An error in percent, with two digits after the point.
pub(crate) fn percent(error: f64) -> String {
    format!("{:.2}", error + HALF)
}

/// A difference with its sign, in as many digits as errors in percent have.
pub(crate) fn signed(value: f64) -> String {
    with_minus(&format!("{:+.2}", value + HALF.copysign(value)))
}

/// A number with the minus sign that is as wide as a plus.
pub(crate) fn with_minus(number: &str) -> String {
    number.replace('-', "\u{2212}")
}

/// `1 seed`, `2 seeds`.
pub(crate) fn counted(number: usize, unit: &str) -> String {
    resnet_words::counted(number as u64, unit)
}

/// Each of `all` once, in the order in which they first come.
pub(crate) fn distinct<T: PartialEq>(all: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut seen = vec![];
    for one in all {
        if !seen.contains(&one) {
            seen.push(one);
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_read_them() {
        assert_eq!([signed(-0.244), signed(1.0)], ["\u{2212}0.24", "+1.00"]);
        // The doubles nearest to 39.305 and 34.325 lie on either side of them.
        assert_eq!([percent(39.305), percent(34.325)], ["39.31", "34.33"]);
        assert_eq!(signed(-12.115), "\u{2212}12.12");
        assert_eq!(distinct(["a", "b", "a"].map(str::to_owned)), ["a", "b"]);
    }
}
