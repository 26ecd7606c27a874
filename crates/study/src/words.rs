//! How numbers are written in tables and sentences.

pub(crate) use resnet_report::numbers::{capital, count};

/// An error in percent with the digits that it deserves: two.
pub fn percent(error: f64) -> String {
    format!("{error:.2}")
}

/// A difference with its sign.
pub(crate) fn signed(value: f64) -> String {
    // The minus sign that is as wide as a plus.
    format!("{value:+.2}").replace('-', "\u{2212}")
}

/// `1 seed`, `2 seeds`.
pub(crate) fn counted(number: usize, unit: &str) -> String {
    format!("{} {unit}{}", count(number as u64), if number == 1 { "" } else { "s" })
}

/// `a, b and c`.
pub(crate) fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [others @ .., last] => format!("{} and {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_read_them() {
        assert_eq!([signed(-0.244), signed(1.0)], ["\u{2212}0.24", "+1.00"]);
        assert_eq!([counted(1, "seed"), counted(2, "seed")], ["1 seed", "2 seeds"]);
        let items = ["a", "b", "c"].map(str::to_owned);
        assert_eq!([listed(&items[..1]), listed(&items)], ["a", "a, b and c"]);
    }
}
