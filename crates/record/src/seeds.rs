//! One quantity over several seeds: its median, its spread, and whether two trainings differ by more than
//! that spread explains.

use serde::{Deserialize, Serialize};

/// A difference whose p-value is below this counts as decided.
const CHANCE: f64 = 0.05;
/// The share of experiments that [`Contrast::seeds_to_decide`] wants decided.
const POWER: f64 = 0.8;
/// The largest number of seeds that it tells.
const MOST: usize = 1000;

/// The values of one quantity, one for each seed.
///
/// ```
/// use resnet_record::Seeds;
/// let errors = Seeds::of([6.41, 6.37, 6.49]);
/// assert_eq!((errors.median(), errors.range()), (Some(6.41), Some([6.37, 6.49])));
/// assert!(errors.deviation().is_some_and(|deviation| (deviation - 0.0611).abs() < 1e-4));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Seeds(Vec<f64>);

impl Seeds {
    /// The finite ones among `values`; the others are left out.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Seeds {
        let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        Seeds(values)
    }

    /// All of them, ascending.
    pub fn values(&self) -> &[f64] {
        &self.0
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The middle one, or the mean of the two in the middle; `None` if there are none.
    pub fn median(&self) -> Option<f64> {
        let last = self.count().checked_sub(1)?;
        Some(0.5 * (self.0[last / 2] + self.0[last.div_ceil(2)]))
    }

    /// The mean; `None` if there are none.
    pub fn mean(&self) -> Option<f64> {
        (self.count() > 0).then(|| self.0.iter().sum::<f64>() / self.count() as f64)
    }

    /// The sample standard deviation, divided by n - 1; `None` for fewer than two.
    pub fn deviation(&self) -> Option<f64> {
        let (mean, others) = (self.mean()?, self.count().checked_sub(1).filter(|others| *others > 0)?);
        Some((self.0.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / others as f64).sqrt())
    }

    /// The least and the greatest.
    pub fn range(&self) -> Option<[f64; 2]> {
        Some([*self.0.first()?, *self.0.last()?])
    }
}

/// How the means of two trainings differ, by Welch's test: neither their spreads nor their numbers of seeds
/// need be the same.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Contrast {
    /// The second mean less the first.
    pub difference: f64,
    /// Half the width of the difference's 95 % confidence interval, which leaves out zero exactly where the
    /// difference is decided. `None` where nothing is known of the spread: one seed of either, or all alike.
    pub interval: Option<f64>,
    /// How often chance alone makes a difference as large: the two-sided p-value. `None` where nothing is
    /// known of the spread.
    pub chance: Option<f64>,
    /// With how many seeds of each four of five such experiments would be decided, if the true difference and
    /// spread are those measured. `None` where it is decided, where nothing is known of the spread, or where
    /// it would take more than a thousand.
    pub seeds_to_decide: Option<usize>,
}

impl Contrast {
    /// The contrast of two trainings; `None` if one of them has no seed.
    ///
    /// ```
    /// use resnet_record::{Contrast, Seeds};
    /// let [original, proposed] = [[6.7, 6.5, 6.6], [6.3, 6.4, 6.2]].map(Seeds::of);
    /// let contrast = Contrast::of(&original, &proposed).unwrap();
    /// assert!(contrast.is_decided() && (contrast.difference + 0.3).abs() < 1e-9);
    /// ```
    pub fn of(first: &Seeds, second: &Seeds) -> Option<Contrast> {
        Contrast::weighted(&[(-1.0, first), (1.0, second)])
    }

    /// The contrast of several trainings, in which `difference` is the sum of their means, each times its
    /// weight; `None` if one of them has no seed.
    pub fn weighted(parts: &[(f64, &Seeds)]) -> Option<Contrast> {
        let mut difference = 0.0;
        for (weight, seeds) in parts {
            difference += weight * seeds.mean()?;
        }
        let open = Contrast { difference, interval: None, chance: None, seeds_to_decide: None };
        let variances: Option<Vec<f64>> =
            parts.iter().map(|(weight, seeds)| Some((weight * seeds.deviation()?).powi(2))).collect();
        let Some(variances) = variances.filter(|variances| variances.iter().any(|variance| *variance > 0.0))
        else {
            return Some(open);
        };
        let counts: Vec<usize> = parts.iter().map(|(_, seeds)| seeds.count()).collect();
        let noise = Noise::of(&variances, &counts);
        let chance = two_sided(difference / noise.error, noise.freedom);
        let most = counts.iter().copied().max().unwrap_or(0);
        let seeds_to_decide = if chance < CHANCE { None } else { enough(difference, &variances, most + 1) };
        let interval = Some(noise.error * students_t(CHANCE, noise.freedom));
        Some(Contrast { interval, chance: Some(chance), seeds_to_decide, ..open })
    }

    /// Whether chance makes a difference as large less than once in twenty times.
    pub fn is_decided(&self) -> bool {
        self.is_decided_among(1)
    }

    /// Whether chance makes one of `tests` differences as large less than once in twenty times, by
    /// Bonferroni's bound.
    pub fn is_decided_among(&self, tests: usize) -> bool {
        self.chance.is_some_and(|chance| chance * (tests as f64) < CHANCE)
    }
}

/// The standard error of a sum of means, and Welch's degrees of freedom.
struct Noise {
    error: f64,
    freedom: f64,
}

impl Noise {
    fn of(variances: &[f64], counts: &[usize]) -> Noise {
        let shares = || variances.iter().zip(counts).map(|(variance, count)| variance / *count as f64);
        let sum: f64 = shares().sum();
        let least: f64 = shares().zip(counts).map(|(share, count)| share * share / (count - 1) as f64).sum();
        Noise { error: sum.sqrt(), freedom: sum * sum / least }
    }
}

/// The least number of seeds of each, from `least` on, with which a test finds this difference in a share of
/// [`POWER`]; `None` above [`MOST`].
fn enough(difference: f64, variances: &[f64], least: usize) -> Option<usize> {
    let decides = |count: usize| {
        let Noise { error, freedom } = Noise::of(variances, &vec![count; variances.len()]);
        difference.abs() / error >= students_t(CHANCE, freedom) + students_t(2.0 * (1.0 - POWER), freedom)
    };
    let (mut below, mut from) = (least - 1, MOST);
    if !decides(from) {
        return None;
    }
    while from - below > 1 {
        let middle = (below + from) / 2;
        if decides(middle) { from = middle } else { below = middle }
    }
    Some(from)
}

/// How often Student's distribution is as far from zero as `t`.
fn two_sided(t: f64, freedom: f64) -> f64 {
    incomplete_beta(freedom / (freedom + t * t), 0.5 * freedom, 0.5)
}

/// The `t` that Student's distribution passes on both sides together with this probability, by bisection.
fn students_t(chance: f64, freedom: f64) -> f64 {
    let mut above = 1.0;
    while two_sided(above, freedom) > chance {
        above *= 2.0;
    }
    let mut below = 0.0;
    for _ in 0..60 {
        let middle = 0.5 * (below + above);
        if two_sided(middle, freedom) > chance { below = middle } else { above = middle }
    }
    0.5 * (below + above)
}

/// The regularised incomplete beta function `I_x(a, b)`, by its continued fraction.
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    // The fraction converges quickly below the mean of the distribution; above it the symmetry helps.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(1.0 - x, b, a);
    }
    let front = (log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp() / a;
    let tiny = |value: f64| if value.abs() < 1e-300 { 1e-300 } else { value };
    let (mut c, mut d) = (1.0, 1.0 / tiny(1.0 - (a + b) * x / (a + 1.0)));
    let mut fraction = d;
    for m in 1..300 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut factor = 1.0;
        for term in [even, odd] {
            d = 1.0 / tiny(1.0 + term * d);
            c = tiny(1.0 + term / c);
            factor = c * d;
            fraction *= factor;
        }
        if (factor - 1.0).abs() < 1e-14 {
            break;
        }
    }
    front * fraction
}

/// The logarithm of the gamma function of a positive number, by Lanczos's series of nine terms.
fn log_gamma(x: f64) -> f64 {
    const TERMS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if x < 0.5 {
        // The reflection formula.
        let sine = (std::f64::consts::PI * x).sin();
        return (std::f64::consts::PI / sine).ln() - log_gamma(1.0 - x);
    }
    let x = x - 1.0;
    let sum =
        TERMS.iter().zip(1..).fold(0.999_999_999_999_809_9, |sum, (term, i)| sum + term / (x + f64::from(i)));
    let t = x + 7.5;
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(value: f64, expected: f64, tolerance: f64) -> bool {
        (value - expected).abs() <= tolerance
    }

    #[test]
    fn medians_means_and_spreads() {
        let seeds = Seeds::of([4.0, f64::NAN, 1.0, 2.0, 100.0]);
        assert_eq!((seeds.count(), seeds.median(), seeds.mean()), (4, Some(3.0), Some(26.75)));
        assert_eq!(Seeds::of([1.0, 3.0]).deviation(), Some(2f64.sqrt()));
        assert_eq!(Seeds::of([7.0]).deviation(), None);
        let none = Seeds::of([f64::INFINITY]);
        assert_eq!((none.median(), none.mean(), none.deviation(), none.range()), (None, None, None, None));
    }

    #[test]
    fn students_distribution_is_that_of_the_tables() {
        // The two-sided 5 % and 1 % points of t for 1, 2, 5, 10 and 30 degrees of freedom.
        let rows = [
            (1.0, 12.7062, 0.05),
            (1.0, 63.6567, 0.01),
            (2.0, 4.30265, 0.05),
            (5.0, 2.57058, 0.05),
            (5.0, 4.03214, 0.01),
            (10.0, 2.22814, 0.05),
            (30.0, 2.04227, 0.05),
        ];
        for (freedom, t, expected) in rows {
            let chance = two_sided(t, freedom);
            assert!(near(chance, expected, 1e-6), "{freedom} {t}: {chance}");
            assert!(near(students_t(expected, freedom), t, 1e-3), "{freedom} {t}");
        }
        assert!(near(log_gamma(5.0), 24f64.ln(), 1e-12) && near(log_gamma(0.5), 0.572_364_942_924_7, 1e-12));
    }

    #[test]
    fn welchs_test_is_students_density_integrated() {
        // t = -5.137323407543 with 3.427192662844 degrees of freedom; both tails of the density by two
        // million steps.
        let contrast = Contrast::of(&Seeds::of([7.93, 7.41, 8.02]), &Seeds::of([6.51, 6.9, 6.77, 6.4]));
        let contrast = contrast.unwrap();
        assert!(near(contrast.difference, -1.141_666_666_666_667, 1e-12));
        assert!(near(contrast.chance.unwrap(), 0.010_225_742_459, 1e-9), "{contrast:?}");
        assert!(contrast.is_decided());
    }

    #[test]
    fn chance_alone_decides_nothing() {
        let of = |a: &[f64], b: &[f64]| {
            Contrast::of(&Seeds::of(a.iter().copied()), &Seeds::of(b.iter().copied())).unwrap()
        };
        // One seed, or a spread that nobody has seen yet.
        for (a, b) in [(&[5.0][..], &[9.0, 9.1][..]), (&[5.0, 5.0], &[6.0, 6.0])] {
            let contrast = of(a, b);
            assert!(!contrast.is_decided() && contrast.seeds_to_decide.is_none(), "{contrast:?}");
        }
        let close = of(&[8.0, 8.2], &[7.9, 8.4]);
        assert!(!close.is_decided() && close.seeds_to_decide.is_some_and(|seeds| seeds > 20), "{close:?}");
        // An interval leaves out zero where a difference is decided, and nowhere else.
        let [open, decided] = [of(&[8.0, 8.4], &[8.5, 8.9]), of(&[8.0, 8.1], &[9.5, 9.4])];
        assert!(!open.is_decided() && open.interval.is_some_and(|half| half > open.difference), "{open:?}");
        assert!(decided.interval.is_some_and(|half| half < decided.difference), "{decided:?}");
        assert!(decided.is_decided() && decided.seeds_to_decide.is_none() && !decided.is_decided_among(50));
        assert_eq!(Contrast::of(&Seeds::default(), &Seeds::of([1.0])), None);
    }

    /// Five hundred experiments for a number of seeds, drawn by a generator of its own: as many seeds as it
    /// says decide about four of five, and far fewer do not.
    #[test]
    fn as_many_seeds_as_it_says_decide_four_experiments_of_five() {
        // Deviations of 0.28 each.
        let of = |values: &[f64]| Seeds::of(values.iter().copied());
        let contrast = Contrast::of(&of(&[8.0, 8.4]), &of(&[8.3, 8.7])).unwrap();
        let needed = contrast.seeds_to_decide.unwrap();
        let mut state = 1u64;
        let mut uniform = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 11) as f64 + 0.5) / (1u64 << 53) as f64
        };
        let mut normal = move || (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos();
        let mut decided = |seeds: usize| {
            let mut draw = |mean: f64| Seeds::of((0..seeds).map(|_| mean + 0.08f64.sqrt() * normal()));
            let experiments = (0..500).map(|_| Contrast::of(&draw(8.2), &draw(8.5)).unwrap());
            experiments.filter(|contrast| contrast.is_decided()).count()
        };
        let (enough, half) = (decided(needed), decided(needed / 2));
        assert!((360..=440).contains(&enough) && half < 300, "{needed}: {enough}, {half}");
    }

    #[test]
    fn weights_weigh_the_noise_as_well() {
        let [a, b, c] = [[1.0, 2.0, 4.0], [2.0, 2.5, 4.5], [7.0, 7.5, 9.0]].map(Seeds::of);
        let [once, twice] = [1.0, 2.0].map(|w| Contrast::weighted(&[(-w, &a), (w, &b)]).unwrap());
        assert!(near(twice.chance.unwrap(), once.chance.unwrap(), 1e-12), "{once:?} {twice:?}");
        assert!(near(twice.interval.unwrap(), 2.0 * once.interval.unwrap(), 1e-9), "{once:?} {twice:?}");
        // Claim 3's weights. Variances of 7/3, 7/4 and 13/12: the error is the root of the sum of each
        // weight's square times variance over three seeds, the freedom Welch and Satterthwaite's.
        let claim = Contrast::weighted(&[(1.0, &a), (-1.5, &b), (0.5, &c)]).unwrap();
        let parts = [7.0 / 3.0, 2.25 * 1.75, 0.25 * 13.0 / 12.0].map(|part| part / 3.0);
        let sum: f64 = parts.iter().sum();
        let freedom = sum * sum / parts.iter().map(|part| part * part / 2.0).sum::<f64>();
        assert!(near(claim.difference, 7.0 / 3.0 - 4.5 + 23.5 / 6.0, 1e-12), "{claim:?}");
        assert!(near(claim.interval.unwrap(), sum.sqrt() * students_t(0.05, freedom), 1e-9), "{claim:?}");
        let halves = Contrast::weighted(&[(-1.0, &a), (0.5, &b), (0.5, &c)]).unwrap();
        assert!(near(halves.difference, 0.5 * (3.0 + 23.5 / 3.0) - 7.0 / 3.0, 1e-12), "{halves:?}");
        assert_eq!(Contrast::weighted(&[(1.0, &a), (1.0, &Seeds::default())]), None);
    }
}
