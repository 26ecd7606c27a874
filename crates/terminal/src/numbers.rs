//! Numbers and paths as people read and copy them.

use std::path::Path;

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

/// A path as a shell takes it, for commands that are shown to be copied.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:=@%\\".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

/// `1 epoch`, `1,200 epochs`.
pub fn counted(number: u64, unit: &str) -> String {
    format!("{} {unit}{}", count(number), if number == 1 { "" } else { "s" })
}

/// `0.27 M`, `40.8 M`, `1.2 G`: three significant digits.
pub fn short(number: u64) -> String {
    let (value, unit) = match number {
        0..1_000 => return number.to_string(),
        1_000..100_000 => (number as f64 / 1e3, "k"),
        100_000..1_000_000_000 => (number as f64 / 1e6, "M"),
        _ => (number as f64 / 1e9, "G"),
    };
    let decimals = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.decimals$} {unit}")
}

/// `412 MB`, `1.7 GB`.
pub fn bytes(number: u64) -> String {
    match number {
        0..1_000_000 => format!("{} kB", number.div_ceil(1_000)),
        1_000_000..1_000_000_000 => format!("{} MB", number.div_ceil(1_000_000)),
        _ => format!("{:.1} GB", number as f64 / 1e9),
    }
}

/// `0:07`, `12:34`, `3:02:01`.
pub fn clock(seconds: f64) -> String {
    // `as` saturates, and turns NaN into 0.
    let all = seconds.round() as u64;
    let (hours, minutes, seconds) = (all / 3600, all / 60 % 60, all % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// Images per second: `1,234`, `8.3`.
pub fn speed(images_per_second: f64) -> String {
    if images_per_second < 20.0 {
        format!("{images_per_second:.1}")
    } else {
        count(images_per_second.round() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_can_be_copied_into_a_shell() {
        let quoted_of = ["runs/a-1", "my runs/it's"].map(|path| quoted(Path::new(path)));
        assert_eq!(quoted_of, ["runs/a-1", r"'my runs/it'\''s'"]);
    }

    #[test]
    fn numbers_as_people_read_them() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        let short_of = [7, 76_330, 272_474, 1_730_522, 40_813_056, 5_900_000_000].map(short);
        assert_eq!(short_of, ["7", "76.3 k", "0.27 M", "1.73 M", "40.8 M", "5.90 G"]);
        assert_eq!([1, 999_999, 1_000_001, 2_345_000_000].map(bytes), ["1 kB", "1000 kB", "2 MB", "2.3 GB"]);
        assert_eq!([0.4, 67.0, 3_723.6].map(clock), ["0:00", "1:07", "1:02:04"]);
        assert_eq!(clock(f64::NAN), "0:00");
        assert_eq!([counted(1, "step"), counted(2_000, "step")], ["1 step", "2,000 steps"]);
        assert_eq!([8.34, 1_234.4].map(speed), ["8.3", "1,234"]);
    }
}
