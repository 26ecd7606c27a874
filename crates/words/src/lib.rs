//! Numbers and lists as people read them, words as a shell takes them: the same in a terminal, on a page and
//! in a picture.

/// `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 epoch`, `1,200 epochs`: a number with its unit, which is given in the singular.
pub fn counted(number: u64, unit: &str) -> String {
    format!("{} {unit}{}", count(number), if number == 1 { "" } else { "s" })
}

/// `9,408`, `75.3 k`, `0.27 M`, `1.2 G`: three significant digits. Parameters are told in millions from a
/// hundred thousand on, as the papers do.
pub fn short(number: u64) -> String {
    let (value, unit) = match number {
        0..10_000 => return count(number),
        10_000..100_000 => (number as f64 / 1e3, "k"),
        100_000..1_000_000_000 => (number as f64 / 1e6, "M"),
        _ => (number as f64 / 1e9, "G"),
    };
    let decimals = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.decimals$} {unit}")
}

/// Three significant digits, without an exponent between a thousandth and ten million: `0.0123`, `64,000`.
pub fn significant(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return number.abs().to_string();
    }
    let magnitude = number.abs().log10().floor() as i32;
    match magnitude {
        -3..=1 => format!("{number:.*}", (2 - magnitude) as usize),
        2..=6 => format!("{}{}", if number < 0.0 { "-" } else { "" }, count(number.abs().round() as u64)),
        _ => format!("{number:.2e}"),
    }
}

/// `a, b and c`.
pub fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [others @ .., last] => format!("{} and {last}", others.join(", ")),
    }
}

/// A word with its first letter as a sentence has it.
pub fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A word as a shell takes it, for commands that are shown to be copied.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:=@%".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_as_many_digits_as_they_deserve() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([counted(1, "step"), counted(2_000, "step")], ["1 step", "2,000 steps"]);
        assert_eq!(
            [7, 9_408, 75_290, 272_474, 1_730_522, 40_813_056, 5_900_000_000].map(short),
            ["7", "9,408", "75.3 k", "0.27 M", "1.73 M", "40.8 M", "5.90 G"]
        );
        assert_eq!(
            [0.0, -0.0, 0.0123, 1.8217, 32.0, -677.7, 64_000.0, 1e-9, f64::INFINITY].map(significant),
            ["0", "0", "0.0123", "1.82", "32.0", "-678", "64,000", "1.00e-9", "inf"]
        );
        assert_eq!(significant(f64::NAN), "NaN");
    }

    #[test]
    fn words_are_listed_begun_and_quoted() {
        let items = ["a", "b", "c"].map(str::to_owned);
        assert_eq!([listed(&items[..0]), listed(&items[..1]), listed(&items)], ["", "a", "a, b and c"]);
        assert_eq!([capital("test"), capital("")], ["Test", ""]);
        assert_eq!(["a/b.c", "it's", "", r"a\b"].map(quoted), ["a/b.c", r"'it'\''s'", "''", r"'a\b'"]);
    }
}
