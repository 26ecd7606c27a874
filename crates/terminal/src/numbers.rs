//! Numbers and paths as people read and copy them.

use std::num::{IntErrorKind, ParseIntError};
use std::path::Path;
use std::str::FromStr;

pub use resnet_words::{count, counted, percent, short, speed};

/// A path as a shell takes it, for commands that are shown to be copied.
pub fn quoted(path: &Path) -> String {
    resnet_words::quoted(&path.display().to_string())
}

/// A whole number above 0 that somebody typed, such as a `NonZeroUsize`.
///
/// # Errors
/// A sentence if it is something else.
pub fn positive<N: FromStr<Err = ParseIntError>>(text: &str) -> Result<N, String> {
    text.parse().map_err(|error: ParseIntError| match error.kind() {
        IntErrorKind::Zero => "it must be 1 or more".to_owned(),
        _ => error.to_string(),
    })
}

/// A percentage that somebody typed, with its sign or without it.
///
/// # Errors
/// A sentence if it is not from 0 to 100.
pub fn percentage(text: &str) -> Result<f64, String> {
    let text = text.trim();
    match text.strip_suffix('%').unwrap_or(text).trim_end().parse() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err("expected a percentage from 0 to 100".to_owned()),
    }
}

/// An accuracy in percent that somebody typed.
///
/// # Errors
/// As [`percentage`], and if it is 1 or less, which is a share and no percentage.
pub fn accuracy(text: &str) -> Result<f64, String> {
    match percentage(text)? {
        share if share > 0.0 && share <= 1.0 => Err(format!(
            "expected a percentage, and this is a share; write {} for it",
            few_digits(100.0 * share)
        )),
        percent => Ok(percent),
    }
}

/// `2 threads`, or `4 processes of 2 threads` where several train together.
pub fn threads(processes: usize, each: usize) -> String {
    let each = counted(each as u64, "thread");
    if processes > 1 { format!("{} processes of {each}", count(processes as u64)) } else { each }
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

/// A long time as people say it: `25 s`, `40 min`, `2.5 h`, `31 h`, `8.5 days`, `28 years`.
pub fn long(seconds: f64) -> String {
    let one_of = |value: f64, unit: &str| match value < 9.95 {
        true => format!("{value:.1} {unit}"),
        false => format!("{} {unit}", count(value.round() as u64)),
    };
    match seconds {
        ..59.5 => format!("{seconds:.0} s"),
        ..3570.0 => format!("{:.0} min", seconds / 60.0),
        ..172_800.0 => one_of(seconds / 3600.0, "h"),
        ..63_072_000.0 => one_of(seconds / 86_400.0, "days"),
        _ => one_of(seconds / 31_557_600.0, "years"),
    }
}

/// A learning rate or the like, in as few digits as it has and three significant ones at most: `0.1`,
/// `0.00172`, `1.98e-7`.
pub fn few_digits(number: f64) -> String {
    let magnitude = number.abs().max(f64::MIN_POSITIVE).log10().floor();
    let text = match magnitude {
        _ if number == 0.0 || !number.is_finite() => return number.to_string(),
        // Rounding can carry: 0.9996 is 1.
        -4.0..=2.0 => format!("{number:.*}", (2.0 - magnitude) as usize),
        _ => {
            let text = format!("{number:.2e}");
            let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
            return format!("{}e{power}", without_zeros(digits));
        }
    };
    without_zeros(&text).to_owned()
}

fn without_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    #[test]
    fn paths_can_be_copied_into_a_shell() {
        let quoted_of = ["runs/a-1", "my runs/it's"].map(|path| quoted(Path::new(path)));
        assert_eq!(quoted_of, ["runs/a-1", r"'my runs/it'\''s'"]);
    }

    #[test]
    fn positive_numbers_begin_with_1() {
        assert_eq!(positive::<NonZeroUsize>("1"), Ok(NonZeroUsize::MIN));
        assert_eq!(positive::<NonZeroUsize>("0"), Err("it must be 1 or more".to_owned()));
        assert!(["-1", "", "many"].into_iter().all(|wrong| positive::<NonZeroUsize>(wrong).is_err()));
    }

    #[test]
    fn percentages_are_from_0_to_100_and_no_shares() {
        assert_eq!(["0", "1%", "1 %", "91.7"].map(percentage), [Ok(0.0), Ok(1.0), Ok(1.0), Ok(91.7)]);
        assert_eq!(["0", "1.5", "91.7%"].map(accuracy), [Ok(0.0), Ok(1.5), Ok(91.7)]);
        for wrong in ["-1", "101", "NaN", "inf", "much", ""] {
            assert!(percentage(wrong).is_err() && accuracy(wrong).is_err(), "{wrong}");
        }
        assert!(accuracy("0.917").is_err_and(|told| told.contains("write 91.7 ")));
        assert!(accuracy("1").is_err_and(|told| told.contains("write 100 ")));
    }

    #[test]
    fn numbers_as_people_read_them() {
        assert_eq!([1, 999_999, 1_000_001, 2_345_000_000].map(bytes), ["1 kB", "1000 kB", "2 MB", "2.3 GB"]);
        assert_eq!([0.4, 67.0, 3_723.6].map(clock), ["0:00", "1:07", "1:02:04"]);
        assert_eq!(clock(f64::NAN), "0:00");
        assert_eq!([threads(1, 2), threads(4, 1)], ["2 threads", "4 processes of 1 thread"]);
        let times = [25.4, 2400.0, 9000.0, 111_600.0, 734_400.0, 62_985_600.0, 63_072_000.0, 883_612_800.0];
        let told = ["25 s", "40 min", "2.5 h", "31 h", "8.5 days", "729 days", "2.0 years", "28 years"];
        assert_eq!(times.map(long), told);
        assert_eq!(
            [0.1, 0.0, 0.001_724_1, 1.984_676_5e-7, 0.999_6, 25.0, 0.025, 4e-5, 1234.0].map(few_digits),
            ["0.1", "0", "0.00172", "1.98e-7", "1", "25", "0.025", "4e-5", "1.23e3"]
        );
    }
}
