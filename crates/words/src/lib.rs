//! Numbers and lists as people read them, words as a shell takes them, text as markup takes it, characters
//! that no message may show: the same in a terminal, on a page and in a picture.

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

/// `1 epoch`, `1,200 epochs`, `2 classes`: a number with its unit. `unit` is given in the singular, and gets
/// an `s`, or `es` after another one, unless the number is 1.
pub fn counted(number: u64, unit: &str) -> String {
    let plural = match number {
        1 => "",
        _ if unit.ends_with('s') => "es",
        _ => "s",
    };
    format!("{} {unit}{plural}", count(number))
}

/// A number in short: all digits below 10,000, then about three significant ones, as in `9,408`, `75.3 k`,
/// `0.27 M`, `1.73 M`, `5.90 G`. Millions begin at 100,000, because the papers give parameters in millions.
pub fn short(number: u64) -> String {
    // Each step begins where the one before it would round up to it.
    let (value, unit) = match number {
        0..10_000 => return count(number),
        10_000..99_950 => (number as f64 / 1e3, "k"),
        99_950..999_500_000 => (number as f64 / 1e6, "M"),
        _ => (number as f64 / 1e9, "G"),
    };
    let decimals = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.decimals$} {unit}")
}

/// Three significant digits, without an exponent between a thousandth and ten million: `0.0123`, `64,000`.
pub fn significant(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        // Without the sign of -0.
        return (number + 0.0).to_string();
    }
    let written = format!("{number:.2e}");
    // The exponent of the rounded number: 9.999 is written as 10.0.
    let magnitude = written.rsplit_once('e').and_then(|(_, exponent)| exponent.parse().ok());
    match magnitude {
        Some(magnitude @ -3..=1) => format!("{number:.*}", (2 - magnitude) as usize),
        Some(2..=6) => {
            format!("{}{}", if number < 0.0 { "-" } else { "" }, count(number.abs().round() as u64))
        }
        _ => written,
    }
}

/// Images per second: `1,234`, `8.3`.
pub fn speed(images_per_second: f64) -> String {
    if images_per_second < 20.0 {
        format!("{images_per_second:.1}")
    } else {
        count(images_per_second.round() as u64)
    }
}

/// A share from 0 to 1 with so many decimals: `97.3 %`. What is less than 1 is never shown as 100 %, and what
/// is more than 0 never as 0 %: `> 99.9 %`, `< 0.1 %`.
pub fn percent(share: f64, decimals: usize) -> String {
    let units = 10f64.powi(decimals as i32);
    let rounded = (100.0 * share * units).round();
    match share {
        certain if certain >= 1.0 => "100 %".to_owned(),
        _ if rounded >= 100.0 * units => format!("> {:.decimals$} %", 100.0 - units.recip()),
        tiny if rounded <= 0.0 && tiny > 0.0 => format!("< {:.decimals$} %", units.recip()),
        _ => format!("{:.decimals$} %", rounded / units),
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

/// A word with its first letter in upper case.
pub fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A word in quotes if a POSIX shell needs them, for commands that are shown to be copied.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:=@%".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// `text` with the characters escaped that HTML and SVG would read as markup.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Whether a character breaks a line, steers a terminal or turns the direction of writing. Names and texts
/// from files and servers may hold any; a message shows an escape in its place.
pub fn is_unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_as_many_digits_as_they_deserve() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([counted(1, "step"), counted(2_000, "step")], ["1 step", "2,000 steps"]);
        assert_eq!([counted(1, "class"), counted(10, "class")], ["1 class", "10 classes"]);
        assert_eq!(
            [7, 9_408, 75_290, 272_474, 1_730_522, 40_813_056, 5_900_000_000].map(short),
            ["7", "9,408", "75.3 k", "0.27 M", "1.73 M", "40.8 M", "5.90 G"]
        );
        assert_eq!(
            [99_949, 99_990, 9_996_000, 99_960_000, 999_600_000].map(short),
            ["99.9 k", "0.10 M", "10.0 M", "100 M", "1.00 G"]
        );
        assert_eq!(
            [0.0, -0.0, 0.0123, 1.8217, 32.0, -677.7, 64_000.0, 1e-9, f64::INFINITY].map(significant),
            ["0", "0", "0.0123", "1.82", "32.0", "-678", "64,000", "1.00e-9", "inf"]
        );
        assert_eq!(
            [9.999, -0.99999, 999.7, 9_999_999.9, f64::NEG_INFINITY, f64::NAN].map(significant),
            ["10.0", "-1.00", "1,000", "1.00e7", "-inf", "NaN"]
        );
    }

    #[test]
    fn no_share_is_shown_as_all_or_nothing_that_is_not() {
        assert_eq!([8.34, 0.8, 19.96, 1_234.4].map(speed), ["8.3", "0.8", "20.0", "1,234"]);
        let shares = [1.0, 0.99997, 0.973, 0.5, 0.00003, 0.0];
        assert_eq!(
            shares.map(|share| percent(share, 2)),
            ["100 %", "> 99.99 %", "97.30 %", "50.00 %", "< 0.01 %", "0.00 %"]
        );
        assert_eq!(
            shares.map(|share| percent(share, 1)),
            ["100 %", "> 99.9 %", "97.3 %", "50.0 %", "< 0.1 %", "0.0 %"]
        );
        assert_eq!([percent(0.996, 0), percent(f64::NAN, 1)], ["> 99 %", "NaN %"]);
    }

    #[test]
    fn words_are_listed_begun_and_quoted() {
        let items = ["a", "b", "c"].map(str::to_owned);
        assert_eq!([listed(&items[..0]), listed(&items[..1]), listed(&items)], ["", "a", "a, b and c"]);
        assert_eq!([capital("test"), capital("")], ["Test", ""]);
        assert_eq!(["a/b.c", "it's", "", r"a\b"].map(quoted), ["a/b.c", r"'it'\''s'", "''", r"'a\b'"]);
    }

    #[test]
    fn markup_stays_text() {
        assert_eq!(escaped(r#"<a b="c">&"#), "&lt;a b=&quot;c&quot;&gt;&amp;");
    }

    #[test]
    fn characters_that_a_message_cannot_show() {
        assert!(!"dög 1.jpg\u{200d}\u{2065}".contains(is_unprintable));
        for c in "\n\u{1b}\u{9b}\u{2028}\u{2029}\u{202a}\u{202e}\u{2066}\u{2069}".chars() {
            assert!(is_unprintable(c), "{c:?}");
        }
    }
}
