//! How numbers are written in tables and sentences.

/// An error in percent with the digits that it deserves: two.
pub fn percent(error: f64) -> String {
    format!("{error:.2}")
}

/// A difference with its sign.
pub(crate) fn signed(value: f64) -> String {
    // The minus sign that is as wide as a plus.
    format!("{value:+.2}").replace('-', "\u{2212}")
}

/// `64,000`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let parted = digits.char_indices().map(|(index, digit)| {
        let parts = index > 0 && (digits.len() - index).is_multiple_of(3);
        format!("{}{digit}", if parts { "," } else { "" })
    });
    parted.collect()
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

/// The first letter large.
pub(crate) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_read_them() {
        assert_eq!([count(7), count(1_000), count(8_190_000)], ["7", "1,000", "8,190,000"]);
        assert_eq!([signed(-0.244), signed(1.0)], ["\u{2212}0.24", "+1.00"]);
        assert_eq!([counted(1, "seed"), counted(2, "seed")], ["1 seed", "2 seeds"]);
        let items = ["a", "b", "c"].map(str::to_owned);
        assert_eq!([listed(&items[..1]), listed(&items)], ["a", "a, b and c"]);
    }
}
