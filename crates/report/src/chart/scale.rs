//! Axes: from values to places, and where ticks stand.

use crate::numbers;

/// How values become places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Equal differences are equally far apart.
    Linear,
    /// Equal ratios are; only positive values have a place.
    Log,
}

/// An axis: what it measures, and from where to where.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// The quantity with its unit, such as "loss, nats".
    pub label: String,
    /// How values become places.
    pub scale: Scale,
    /// The values at its ends; `None` takes those of the points.
    pub range: Option<[f64; 2]>,
}

impl Axis {
    /// A linear axis that begins at zero.
    pub fn from_zero(label: &str, end: f64) -> Self {
        Axis { label: label.to_owned(), scale: Scale::Linear, range: Some([0.0, end]) }
    }

    /// A linear axis from zero to `most` percent, rounded up to a multiple of 10.
    pub fn percent(label: &str, most: f64) -> Self {
        Axis::from_zero(label, (most / 10.0).ceil() * 10.0)
    }

    /// A logarithmic axis as long as its points need.
    pub fn log(label: &str) -> Self {
        Axis { label: label.to_owned(), scale: Scale::Log, range: None }
    }
}

/// An axis whose ends are known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    scale: Scale,
    low: f64,
    high: f64,
}

impl Placed {
    /// `axis` for these values; its ends are round numbers where they are taken from values.
    pub(super) fn of(axis: &Axis, values: impl Iterator<Item = f64>) -> Self {
        let usable =
            values.filter(|value| value.is_finite() && (axis.scale == Scale::Linear || *value > 0.0));
        let (low, high) = usable
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let [low, high] = match (axis.range, axis.scale) {
            (Some(range), _) => range,
            _ if low > high => [1.0, 10.0],
            (None, Scale::Log) => [0.9 * low, 1.1 * high],
            (None, Scale::Linear) => {
                let step = step(low, high);
                [(low / step).floor() * step, (high / step).ceil() * step]
            }
        };
        // A line of equal values has room around it.
        match low < high {
            true => Placed { scale: axis.scale, low, high },
            false => Placed {
                scale: axis.scale,
                low: low - low.abs() / 2.0 - 1e-12,
                high: high + high.abs() / 2.0 + 1e-12,
            },
        }
    }

    /// Where `value` lies: 0 at the low end, 1 at the high one; `None` where it has no place.
    pub(super) fn place(self, value: f64) -> Option<f64> {
        let share = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log if value > 0.0 => (value / self.low).ln() / (self.high / self.low).ln(),
            Scale::Log => return None,
        };
        share.is_finite().then(|| share.clamp(0.0, 1.0))
    }

    /// Round values within, four to six as a rule, with their texts.
    pub(super) fn ticks(self) -> Vec<(f64, String)> {
        match self.scale {
            Scale::Linear => self.even(),
            Scale::Log => {
                let decades = (self.high / self.low).log10();
                // The digits that have a tick: the more decades, the fewer.
                let digits: [&[f64]; 3] = [&[1.0], &[1.0, 2.0, 5.0], &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0]];
                let fewest = if decades < 1.2 { 2 } else { usize::from(decades < 2.5) };
                let mut ticks = digits[fewest..].iter().map(|digits| self.powers(decades, digits));
                ticks.find(|ticks| ticks.len() >= FEWEST).unwrap_or_else(|| self.even())
            }
        }
    }

    /// Ticks in equal steps.
    fn even(self) -> Vec<(f64, String)> {
        let step = step(self.low, self.high);
        let first = (self.low / step - 1e-9).ceil();
        (0..20)
            .map(|index| (first + f64::from(index)) * step)
            .take_while(|value| *value <= self.high + 1e-9 * step)
            .map(|value| (value, stepped(value, step)))
            .collect()
    }

    /// Ticks at these digits times powers of ten.
    fn powers(self, decades: f64, digits: &[f64]) -> Vec<(f64, String)> {
        let (first, last) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
        // Over many decades only every second power has a tick, or every third.
        let apart = (decades / 7.0).ceil().max(1.0) as i32;
        let all = (first..=last)
            .filter(|power| power.rem_euclid(apart) == 0)
            .flat_map(|power| digits.iter().map(move |digit| digit * 10f64.powi(power)));
        all.filter(|value| (self.low..=self.high).contains(value))
            .map(|value| (value, plain(value)))
            .collect()
    }
}

/// An axis has at least so many ticks.
const FEWEST: usize = 3;

/// 1, 2, 2.5 or 5 times a power of ten, so that four to six steps go from `low` to `high`.
fn step(low: f64, high: f64) -> f64 {
    let rough = ((high - low) / 4.5).max(f64::MIN_POSITIVE);
    let power = 10f64.powf(rough.log10().floor());
    let digit = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().min_by(|a, b| {
        let distance = |digit: f64| (digit * power / rough).ln().abs();
        distance(*a).total_cmp(&distance(*b))
    });
    digit.unwrap_or(1.0) * power
}

/// A tick of a logarithmic axis, which has two digits at most, without trailing zeros.
fn plain(value: f64) -> String {
    match value {
        // Just below, since a power of ten may be rounded down.
        0.999e-3..0.999e5 => format!("{}", (value * 1e6).round() / 1e6),
        _ => exponent(value, 1),
    }
}

/// A tick of an axis with ticks `step` apart; one that would take many digits has an exponent.
fn stepped(value: f64, step: f64) -> String {
    match value.abs() {
        0.0..1e7 if step >= 1e-4 || value == 0.0 => numbers::tick(value, step),
        // As many digits as the step has, such as 2.5.
        size => exponent(value, (size / step).log10().max(0.0).ceil() as usize + 1),
    }
}

/// `1.5e-5`: so many decimals at most.
fn exponent(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$e}");
    match text.split_once('e') {
        Some((digits, power)) if digits.contains('.') => {
            format!("{}e{power}", digits.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &Axis, values: &[f64]) -> Vec<String> {
        Placed::of(axis, values.iter().copied()).ticks().into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn ticks_are_few_and_round() {
        assert_eq!(texts(&Axis::from_zero("x", 252.0), &[]), ["0", "50", "100", "150", "200", "250"]);
        assert_eq!(texts(&Axis::from_zero("x", 64_000.0), &[]), ["0", "20k", "40k", "60k"]);
        assert_eq!(texts(&Axis::log("loss"), &[0.05, 2.3]), ["0.05", "0.1", "0.2", "0.5", "1", "2"]);
        assert_eq!(texts(&Axis::log("loss"), &[1e-5, 3.0]).len(), 6);
        assert_eq!(
            texts(&Axis::log("product"), &[3e-17, 1.0]),
            ["1e-15", "1e-12", "1e-9", "1e-6", "0.001", "1"]
        );
        let axis = Axis { label: String::new(), scale: Scale::Linear, range: None };
        assert_eq!(texts(&axis, &[91.0, 99.5]), ["90", "92", "94", "96", "98", "100"]);
    }

    #[test]
    fn short_and_long_logarithmic_axes_have_ticks_too() {
        assert_eq!(texts(&Axis::log("loss"), &[2.28, 2.32]), ["2.1", "2.2", "2.3", "2.4", "2.5"]);
        assert_eq!(texts(&Axis::log("product"), &[1e3, 1e12]), ["10000", "1e6", "1e8", "1e10", "1e12"]);
        assert_eq!(
            texts(&Axis::log("product"), &[2.2e-7, 2.3e-7]),
            ["2e-7", "2.1e-7", "2.2e-7", "2.3e-7", "2.4e-7", "2.5e-7"]
        );
        assert_eq!(texts(&Axis::log("loss"), &[1.2e-5, 9e-5]), ["1.5e-5", "2e-5", "3e-5", "5e-5", "7e-5"]);
        for (low, high) in [(1.0, 1.01), (0.02, 7.0), (3.0, 900.0), (2e-30, 1e30), (1e12, 1.1e12)] {
            let found = texts(&Axis::log("y"), &[low, high]);
            assert!(found.len() >= FEWEST && found.iter().all(|text| text.len() <= 8), "{found:?}");
        }
    }

    #[test]
    fn what_has_no_place_is_left_out() {
        let log = Placed::of(&Axis::log("loss"), [0.1, 10.0].into_iter());
        assert_eq!([log.place(0.0), log.place(-1.0), log.place(f64::NAN)], [None; 3]);
        assert!(log.place(1.0).is_some_and(|share| (0.4..0.6).contains(&share)));
        // No values, one value, infinite values: an axis all the same.
        for values in [&[][..], &[3.0], &[f64::INFINITY, f64::NAN], &[0.0, 0.0]] {
            for scale in [Scale::Linear, Scale::Log] {
                let axis = Axis { label: String::new(), scale, range: None };
                assert!(Placed::of(&axis, values.iter().copied()).ticks().len() < 20);
            }
        }
    }
}
