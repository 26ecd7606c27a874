//! `RandAugment`: timm's policy as a recipe writes it, such as `rand-m7-mstd0.5-inc1`.

use std::fmt;
use std::str::FromStr;

/// timm's RandAugment: `rand`, then in any order and with a dash before each `m` and the magnitude, `n` and
/// the number of operations, `p` and their probability, `mstd` and the magnitude's standard deviation, and
/// `inc1`.
///
/// ```
/// use resnet_record::RandAugment;
///
/// let policy: RandAugment = "rand-m7-mstd0.5-inc1".parse()?;
/// assert_eq!((policy.magnitude, policy.magnitude_std), (7.0, 0.5));
/// assert_eq!((policy.operations, policy.probability), (2, 0.5));
/// assert_eq!(policy.to_string(), "rand-m7-mstd0.5-inc1");
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RandAugment {
    /// The mean magnitude of an operation, from 0, nothing, to 10, a lot.
    pub magnitude: f64,
    /// Standard deviation of the magnitude.
    pub magnitude_std: f64,
    /// How many operations follow each other.
    pub operations: usize,
    /// How often each of them is carried out.
    pub probability: f64,
}

/// What timm takes for what is left out.
const DEFAULT: RandAugment =
    RandAugment { magnitude: 10.0, magnitude_std: 0.0, operations: 2, probability: 0.5 };

impl FromStr for RandAugment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |cause: String| format!("{text:?} is no RandAugment of timm's: {cause}");
        let (mut policy, mut increasing) = (DEFAULT, false);
        let mut parts = text.split('-');
        if parts.next() != Some("rand") {
            return Err(wrong("it must begin with rand, as in rand-m9-mstd0.5-inc1".to_owned()));
        }
        for part in parts {
            let digits = part.find(|c: char| c.is_ascii_digit()).unwrap_or(part.len());
            let (name, value) = part.split_at(digits);
            let number = |range: std::ops::RangeInclusive<f64>| {
                let fits = |number: &f64| range.contains(number);
                value.parse().ok().filter(fits).ok_or_else(|| {
                    wrong(format!("{name} must be a number from {} to {}", range.start(), range.end()))
                })
            };
            match name {
                "m" => policy.magnitude = number(0.0..=10.0)?,
                "mstd" => policy.magnitude_std = number(0.0..=10.0)?,
                "n" if value.contains('.') => return Err(wrong("n must be a whole number".to_owned())),
                "n" => policy.operations = number(1.0..=15.0)? as usize,
                "p" => policy.probability = number(0.0..=1.0)?,
                "inc" => increasing = number(0.0..=1.0)? == 1.0,
                _ => {
                    return Err(wrong(format!(
                        "{part:?} is none of m, n, p, mstd and inc1 with their numbers"
                    )));
                }
            }
        }
        match increasing {
            true => Ok(policy),
            false => Err(wrong(
                "only operations that grow with the magnitude are built here; add -inc1".to_owned(),
            )),
        }
    }
}

impl fmt::Display for RandAugment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { magnitude, magnitude_std, operations, probability } = self;
        write!(f, "rand-m{magnitude}")?;
        if *operations != DEFAULT.operations {
            write!(f, "-n{operations}")?;
        }
        if *probability != DEFAULT.probability {
            write!(f, "-p{probability}")?;
        }
        if *magnitude_std != DEFAULT.magnitude_std {
            write!(f, "-mstd{magnitude_std}")?;
        }
        f.write_str("-inc1")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for text in
            ["rand-m7-mstd0.5-inc1", "rand-m9-n3-p0.25-inc1", "rand-m0-p1-inc1", "rand-m9.5-n1-mstd1-inc1"]
        {
            assert_eq!(text.parse::<RandAugment>().unwrap().to_string(), text);
        }
        let left_out: RandAugment = "rand-inc1".parse().unwrap();
        assert_eq!(left_out, DEFAULT);
        assert_eq!("rand-inc1-n2-mstd0-m10".parse(), Ok(DEFAULT));
    }

    #[test]
    fn what_is_not_built_is_refused_with_the_cause() {
        for (text, cause) in [
            ("augmix-m3", "begin with rand"),
            ("rand-m7", "add -inc1"),
            ("rand-m7-inc0", "add -inc1"),
            ("rand-m11-inc1", "m must be a number from 0 to 10"),
            ("rand-m-inc1", "m must be"),
            ("rand-mstd101-inc1", "mstd must be"),
            ("rand-n0-inc1", "n must be a number from 1 to 15"),
            ("rand-n2.5-inc1", "n must be a whole number"),
            ("rand-p1.5-inc1", "p must be"),
            ("rand-m7-mmax9-inc1", "\"mmax9\" is none of"),
            ("rand-m7--inc1", "\"\" is none of"),
            ("rand-tweights-inc1", "\"tweights\" is none of"),
        ] {
            let error = text.parse::<RandAugment>().unwrap_err();
            assert!(error.contains(cause) && error.contains(text), "{error}");
        }
    }
}
