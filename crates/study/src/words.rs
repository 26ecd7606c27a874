//! How numbers are written in tables and sentences.

pub(crate) use resnet_words::{capital, count, listed};

/// An error in percent, with two digits after the point.
pub(crate) fn percent(error: f64) -> String {
    format!("{error:.2}")
}

/// A difference with its sign, in as many digits as errors in percent have.
pub(crate) fn signed(value: f64) -> String {
    with_minus(&format!("{value:+.2}"))
}

/// A number with the minus sign that is as wide as a plus.
pub(crate) fn with_minus(number: &str) -> String {
    number.replace('-', "\u{2212}")
}

/// `1 seed`, `2 seeds`.
pub(crate) fn counted(number: usize, unit: &str) -> String {
    resnet_words::counted(number as u64, unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_read_them() {
        assert_eq!([signed(-0.244), signed(1.0)], ["\u{2212}0.24", "+1.00"]);
    }
}
