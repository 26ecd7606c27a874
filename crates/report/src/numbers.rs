//! How numbers are written on pages: thousands parted, as many digits as they deserve.

/// `64,000`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Three significant digits, without an exponent between a thousandth and ten million.
pub(crate) fn significant(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    if !number.is_finite() {
        return number.to_string();
    }
    let magnitude = number.abs().log10().floor() as i32;
    match magnitude {
        -3..=1 => format!("{number:.*}", (2 - magnitude) as usize),
        2..=6 => count(number.round().abs() as u64),
        _ => format!("{number:.2e}"),
    }
}

/// `97.3 %` of a probability, without a break within; what is not certain is never 100 %.
pub(crate) fn percent(probability: f64) -> String {
    let tenths = (1000.0 * probability).round();
    match probability {
        certain if certain >= 1.0 => "100\u{a0}%".to_owned(),
        _ if tenths >= 1000.0 => ">\u{a0}99.9\u{a0}%".to_owned(),
        tiny if tenths <= 0.0 && tiny > 0.0 => "<\u{a0}0.1\u{a0}%".to_owned(),
        _ => format!("{:.1}\u{a0}%", tenths / 10.0),
    }
}

/// `12.2 M`: three significant digits.
pub(crate) fn short(number: u64) -> String {
    let (value, unit) = match number {
        0..10_000 => return count(number),
        10_000..1_000_000 => (number as f64 / 1e3, "k"),
        1_000_000..1_000_000_000 => (number as f64 / 1e6, "M"),
        _ => (number as f64 / 1e9, "G"),
    };
    let decimals = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.decimals$} {unit}")
}

/// With its first letter as a sentence has it.
pub fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A word as a shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:=@%".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// A tick of an axis: without digits that every tick lacks.
pub(crate) fn tick(value: f64, step: f64) -> String {
    // As many as the step itself has: 0.025 has three.
    let is_whole = |decimals: &usize| {
        let scaled = step * 10f64.powi(*decimals as i32);
        (scaled - scaled.round()).abs() < 1e-6 * scaled
    };
    let decimals = (0..9).find(is_whole).unwrap_or(9);
    match value.abs() {
        large if large >= 10_000.0 && large % 1000.0 == 0.0 => format!("{}k", value / 1000.0),
        _ => format!("{value:.decimals$}"),
    }
}

/// `2 h 05 min`, `1 min 40 s`, `25 s`.
pub(crate) fn duration(seconds: f64) -> String {
    let whole = seconds.round().max(0.0) as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, min, s) => format!("{min} min {s:02} s"),
        (h, min, _) => format!("{h} h {min:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_as_many_digits_as_they_deserve() {
        assert_eq!([count(7), count(1000), count(8_190_000)], ["7", "1,000", "8,190,000"]);
        assert_eq!(
            [0.0, 0.0123, 1.8217, 32.0, 677.7, 64_000.0, 1e-9].map(significant),
            ["0", "0.0123", "1.82", "32.0", "678", "64,000", "1.00e-9"]
        );
        assert_eq!([tick(0.25, 0.05), tick(20_000.0, 5000.0), tick(0.05, 0.025)], ["0.25", "20k", "0.050"]);
        assert_eq!(
            [1.0, 0.99999, 0.973, 0.0004, 0.0].map(percent),
            ["100 %", "> 99.9 %", "97.3 %", "< 0.1 %", "0.0 %"].map(|text| text.replace(' ', "\u{a0}"))
        );
        assert_eq!(
            [9_408, 75_290, 12_200_000, 4_100_000_000].map(short),
            ["9,408", "75.3 k", "12.2 M", "4.10 G"]
        );
        assert_eq!(["a/b.c", "it's", ""].map(quoted), ["a/b.c", "'it'\\''s'", "''"]);
        assert_eq!([25.4, 100.0, 7500.0].map(duration), ["25 s", "1 min 40 s", "2 h 05 min"]);
    }
}
