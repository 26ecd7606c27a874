//! How numbers are written on pages, besides what `resnet-words` has for terminals as well.

pub(crate) use resnet_words::{capital, count, counted, quoted, short, significant, speed};

/// `a cat`, `an owl`, `an h`: a name after its article, by how it begins.
pub(crate) fn with_article(name: &str) -> String {
    let mut letters = name.chars().map(|letter| letter.to_ascii_lowercase());
    let is_an = match (letters.next(), letters.next()) {
        // A letter alone is spelt, as in "an h".
        (Some(letter), None) => "aefhilmnorsx8".contains(letter),
        (Some(first), _) => "aeio8".contains(first),
        (None, _) => false,
    };
    format!("{} {name}", if is_an { "an" } else { "a" })
}

/// A probability or a share as `97.3 %`, with no-break spaces.
pub(crate) fn percent(share: f64) -> String {
    resnet_words::percent(share, 1).replace(' ', "\u{a0}")
}

/// The text of an axis's tick, with as many decimals as `step` needs.
pub(crate) fn tick(value: f64, step: f64) -> String {
    // A step of 0.025 has three.
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
        assert_eq!([tick(0.25, 0.05), tick(20_000.0, 5000.0), tick(0.05, 0.025)], ["0.25", "20k", "0.050"]);
        assert_eq!(
            [1.0, 0.99999, 0.973, 0.0004, 0.0].map(percent),
            ["100 %", "> 99.9 %", "97.3 %", "< 0.1 %", "0.0 %"].map(|text| text.replace(' ', "\u{a0}"))
        );
        let names = ["cat", "owl", "h", "b", "8", "9", "unicorn", "Easter egg"].map(with_article);
        let said = ["a cat", "an owl", "an h", "a b", "an 8", "a 9", "a unicorn", "an Easter egg"];
        assert_eq!(names, said);
        assert_eq!([25.4, 100.0, 7500.0].map(duration), ["25 s", "1 min 40 s", "2 h 05 min"]);
    }
}
