//! Comparisons of floats that a NaN cannot pass.
//!
//! A NaN satisfies no comparison, so `if off > tolerance { fail }` passes it, and `f64::max` prefers any
//! number to it. Tests therefore compare with these functions, which fail on a NaN on either side;
//! tests/tidy refuses the two forms above.
//!
//! | function | holds where |
//! |---|---|
//! | [`compare`], [`assert_close`] | each element is within `atol + rtol abs(expected)` |
//! | [`near`] | no element is further off than a part of the root mean square of what was expected |
//! | [`within`] | two numbers are at most so far apart |
//! | [`largest`] | (the maximum of numbers, NaN if one of them is) |

use std::fmt::Display;

/// `Err` with the worst element, unless every element of `actual` is within `atol + rtol |expected|` of its
/// expected value.
pub fn compare(actual: &[f32], expected: &[f64], atol: f64, rtol: f64) -> Result<(), String> {
    if actual.len() != expected.len() {
        return Err(format!("{} elements where {} were expected", actual.len(), expected.len()));
    }
    let mut far = 0;
    let mut worst: Option<(f64, usize)> = None;
    for (i, (&a, &e)) in actual.iter().zip(expected).enumerate() {
        let difference = (f64::from(a) - e).abs();
        let allowed = atol + rtol * e.abs();
        // An infinity is met by itself alone: its difference to itself is NaN, and it would allow any
        // difference.
        let close = if e.is_infinite() { f64::from(a) == e } else { difference <= allowed };
        if close {
            continue;
        }
        far += 1;
        let excess =
            if e.is_finite() && difference.is_finite() { difference - allowed } else { f64::INFINITY };
        if worst.is_none_or(|(most, _)| excess > most) {
            worst = Some((excess, i));
        }
    }
    let Some((_, i)) = worst else { return Ok(()) };
    let (a, e) = (f64::from(actual[i]), expected[i]);
    Err(format!(
        "{far} of {} elements differ; the worst is [{i}]: {a:e} where {e:e} was expected, a difference of {:e} \
         where {:e} is allowed (atol {atol:e}, rtol {rtol:e})",
        actual.len(),
        (a - e).abs(),
        atol + rtol * e.abs(),
    ))
}

/// Panics with the worst element, unless [`compare`] is content.
#[track_caller]
pub fn assert_close(actual: &[f32], expected: &[f64], atol: f64, rtol: f64) {
    if let Err(fault) = compare(actual, expected, atol, rtol) {
        panic!("{fault}");
    }
}

/// The largest difference, in units of the root mean square of what was expected:
/// `max_i |actual_i - expected_i| / sqrt(mean expected^2)`.
///
/// A sum of many products errs in proportion to the size of its terms, not of its result, so small results of
/// large terms should be judged by this and not each by its own size. What is not finite, and arrays of
/// different lengths, are infinitely far apart; two arrays of zeros are at no distance.
pub fn max_relative_to_norm<T: Copy + Into<f64>>(actual: &[T], expected: &[f64]) -> f64 {
    if actual.len() != expected.len() {
        return f64::INFINITY;
    }
    let most = largest(actual.iter().zip(expected).map(|(&a, &e)| (a.into() - e).abs()));
    if most == 0.0 || actual.is_empty() {
        return 0.0;
    }
    let mean_square = expected.iter().map(|e| e * e).sum::<f64>() / expected.len() as f64;
    let relative = most / mean_square.sqrt();
    if relative.is_nan() { f64::INFINITY } else { relative }
}

/// `Err` that names `what` was compared, unless the largest difference is at most `tolerance` times the root
/// mean square of what was expected, see [`max_relative_to_norm`].
pub fn near<T: Copy + Into<f64>>(
    what: impl Display,
    actual: &[T],
    expected: &[f64],
    tolerance: f64,
) -> Result<(), String> {
    let error = max_relative_to_norm(actual, expected);
    if error <= tolerance {
        return Ok(());
    }
    Err(format!("{what}: relative error {error:.1e} where {tolerance:.1e} is allowed"))
}

/// `Err` that names `what` was compared, unless `actual` is at most `allowed` from `expected`.
pub fn within(
    what: impl Display,
    actual: impl Into<f64>,
    expected: impl Into<f64>,
    allowed: f64,
) -> Result<(), String> {
    let (actual, expected) = (actual.into(), expected.into());
    let difference = (actual - expected).abs();
    if difference <= allowed {
        return Ok(());
    }
    Err(format!("{what}: {actual:e} is {difference:.1e} from {expected:e} where {allowed:.1e} is allowed"))
}

/// The largest of some numbers, NaN if one of them is; minus infinity if there are none.
pub fn largest<T: Into<f64>>(values: impl IntoIterator<Item = T>) -> f64 {
    let larger = |most: f64, value: f64| if most.is_nan() || value <= most { most } else { value };
    values.into_iter().map(Into::into).fold(f64::NEG_INFINITY, larger)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: [f64; 4] = [0.0, 1.0, -1000.0, 1e-6];

    #[test]
    fn equal_arrays_pass_and_the_bound_is_atol_plus_rtol_times_expected() {
        assert_close(&[0.0, 1.0, -1000.0, 1e-6], &EXPECTED, 1e-9, 1e-7);
        assert_close(&[], &[], 0.0, 0.0);
        assert_eq!(max_relative_to_norm::<f32>(&[], &[]), 0.0);
        // 0.25 + 0.5 * 2 = 1.25 away is allowed, in both directions; a little more is not.
        assert_close(&[3.25, 0.75], &[2.0, 2.0], 0.25, 0.5);
        assert!(compare(&[3.251], &[2.0], 0.25, 0.5).is_err());
        assert!(compare(&[0.749], &[2.0], 0.25, 0.5).is_err());
    }

    #[test]
    fn one_wrong_element_anywhere_fails_and_is_named() {
        for i in 0..EXPECTED.len() {
            let mut actual = EXPECTED.map(|e| e as f32);
            actual[i] += 0.5;
            let fault = compare(&actual, &EXPECTED, 1e-4, 1e-4).unwrap_err();
            assert!(fault.contains(&format!("[{i}]")) && fault.starts_with("1 of 4"), "{fault}");
        }
    }

    #[test]
    fn the_worst_of_several_is_named() {
        let fault = compare(&[1.0, 5.0, 2.0], &[0.0, 0.0, 0.0], 0.1, 0.0).unwrap_err();
        assert!(fault.contains("[1]") && fault.starts_with("3 of 3"), "{fault}");
        let fault = compare(&[9.0, f32::NAN, 2.0], &[0.0, 0.0, 0.0], 0.1, 0.0).unwrap_err();
        assert!(fault.contains("[1]"), "NaN is worse than any number: {fault}");
    }

    #[test]
    fn nan_fails_on_either_side_whatever_the_tolerance() {
        for (a, e) in [(f32::NAN, 1.0), (1.0, f64::NAN), (f32::NAN, f64::NAN)] {
            assert!(compare(&[a], &[e], 1e30, 1e30).is_err(), "{a} against {e}");
            assert!(compare(&[a], &[e], f64::INFINITY, 0.0).is_err(), "{a} against {e}");
            assert_eq!(max_relative_to_norm(&[1.0, a], &[1.0, e]), f64::INFINITY);
        }
        assert!(compare(&[1.0], &[2.0], f64::NAN, 0.0).is_err(), "a tolerance of NaN allows nothing");
    }

    #[test]
    fn a_nan_planted_anywhere_fails_every_comparison() {
        let right = [0.5f32, -2.0, 0.0, 7.0];
        let expected = right.map(f64::from);
        assert!(near("numbers", &right, &expected, 0.0).is_ok());
        for i in 0..right.len() {
            let (mut found, mut wanted) = (right, expected);
            (found[i], wanted[i]) = (f32::NAN, f64::NAN);
            for (found, wanted) in [(&found, &expected), (&right, &wanted), (&found, &wanted)] {
                assert!(compare(found, wanted, f64::INFINITY, f64::INFINITY).is_err(), "compare, {i}");
                assert!(near("numbers", found, wanted, 1e300).is_err(), "near, {i}");
                assert!(near("numbers", &found.map(f64::from), wanted, 1e300).is_err(), "near in f64, {i}");
                assert!(within("a number", found[i], wanted[i], f64::INFINITY).is_err(), "within, {i}");
            }
            assert!(largest(found).is_nan(), "largest, {i}");
        }
        assert!(near("numbers", &right, &expected, f64::NAN).is_err());
        assert!(within("a number", 1.0, 1.0, f64::NAN).is_err());
    }

    #[test]
    fn two_numbers_are_within_what_is_allowed_and_no_further() {
        for (actual, expected, allowed, fits) in
            [(3.0, 2.5, 0.5, true), (2.0, 2.5, 0.5, true), (3.01, 2.5, 0.5, false), (1.99, 2.5, 0.5, false)]
        {
            assert_eq!(within("a sum", actual, expected, allowed).is_ok(), fits, "{actual}");
        }
        let told = within("a sum", 3.0, 2.0, 0.5).unwrap_err();
        assert_eq!(told, "a sum: 3e0 is 1.0e0 from 2e0 where 5.0e-1 is allowed");
        assert!(within("infinities", f64::INFINITY, f64::INFINITY, 1.0).is_err());
    }

    #[test]
    fn near_is_in_units_of_the_root_mean_square_and_says_what_differs() {
        // Root mean square 2.5; 0.5 off is 0.2 of it.
        assert!(near("output", &[3.0f32, 4.0, 0.5, 0.0], &[3.0, 4.0, 0.0, 0.0], 0.2).is_ok());
        let told = near("output", &[3.0f32, 4.0, 0.5, 0.0], &[3.0, 4.0, 0.0, 0.0], 0.19).unwrap_err();
        assert_eq!(told, "output: relative error 2.0e-1 where 1.9e-1 is allowed");
    }

    #[test]
    fn the_largest_is_found_wherever_it_stands() {
        assert_eq!(largest([1.0, 3.0, -2.0]), 3.0);
        assert_eq!(largest([-3.0f32, -1.0]), -1.0);
        assert_eq!(largest::<f64>([]), f64::NEG_INFINITY);
    }

    #[test]
    fn what_is_not_finite_is_infinitely_far() {
        for (a, e) in [(f32::INFINITY, f64::INFINITY), (1.0, f64::INFINITY), (f32::INFINITY, 1.0)] {
            assert_eq!(max_relative_to_norm(&[1.0, a], &[1.0, e]), f64::INFINITY, "{a} against {e}");
        }
    }

    #[test]
    fn infinity_equals_only_itself() {
        assert_close(&[f32::INFINITY], &[f64::INFINITY], 0.0, 0.0);
        assert!(compare(&[f32::INFINITY], &[1.0], 1.0, 1.0).is_err());
        for actual in [f32::NEG_INFINITY, 1.0, f32::NAN] {
            assert!(compare(&[actual], &[f64::INFINITY], 1.0, 1.0).is_err(), "{actual}");
        }
    }

    #[test]
    fn other_lengths_fail() {
        for (actual, expected) in [(&[1.0f32][..], &[1.0, 1.0][..]), (&[1.0, 1.0], &[1.0]), (&[], &[1.0])] {
            assert!(compare(actual, expected, 10.0, 10.0).is_err());
            assert_eq!(max_relative_to_norm(actual, expected), f64::INFINITY);
        }
    }

    #[test]
    #[should_panic(expected = "1 of 1 elements differ")]
    fn the_assertion_panics() {
        assert_close(&[1.0], &[2.0], 0.1, 0.1);
    }

    #[test]
    fn the_relative_measure_is_in_units_of_the_root_mean_square() {
        // Root mean square of 3, 4, 0, 0: sqrt(25 / 4) = 2.5.
        assert_eq!(max_relative_to_norm(&[3.0f32, 4.0, 0.5, 0.0], &[3.0, 4.0, 0.0, 0.0]), 0.2);
        assert_eq!(max_relative_to_norm(&[0.0f32], &[0.0]), 0.0);
        assert_eq!(max_relative_to_norm(&[1.0f32], &[0.0]), f64::INFINITY);
    }
}
