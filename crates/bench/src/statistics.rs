//! Median and range of a few noisy measurements.

use serde::Serialize;

/// Median, lowest and highest of a list of measurements.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The middle one, or the mean of the two in the middle.
    pub median: f64,
    /// The lowest.
    pub lowest: f64,
    /// The highest.
    pub highest: f64,
}

impl Spread {
    /// The spread of `values`; all NaN if there are none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Spread {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (Some(&lowest), Some(&highest)) = (values.first(), values.last()) else {
            return Spread { median: f64::NAN, lowest: f64::NAN, highest: f64::NAN };
        };
        let (below, above) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        Spread { median: 0.5 * (below + above), lowest, highest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_ends() {
        let of = |values: &[f64]| {
            let Spread { median, lowest, highest } = Spread::of(values.iter().copied());
            [median, lowest, highest]
        };
        assert_eq!(of(&[3.0]), [3.0, 3.0, 3.0]);
        assert_eq!(of(&[5.0, 1.0, 2.0]), [2.0, 1.0, 5.0]);
        assert_eq!(of(&[4.0, 1.0, 2.0, 100.0]), [3.0, 1.0, 100.0]);
        assert!(of(&[])[0].is_nan());
    }
}
