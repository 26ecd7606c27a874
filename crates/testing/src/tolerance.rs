//! When are two arrays equal? Where `|actual - expected| <= atol + rtol |expected|` holds for every element.
//!
//! Written so that NaN, which satisfies no comparison, fails; a NaN that is expected is never met either.

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
/// large terms should be judged by this and not each by its own size. NaN, or arrays of different lengths,
/// are infinitely far apart; two arrays of zeros are at no distance.
pub fn max_relative_to_norm(actual: &[f32], expected: &[f64]) -> f64 {
    if actual.len() != expected.len() {
        return f64::INFINITY;
    }
    let mut largest = 0.0;
    for (&a, &e) in actual.iter().zip(expected) {
        let difference = (f64::from(a) - e).abs();
        if difference.is_nan() {
            return f64::INFINITY;
        }
        largest = f64::max(largest, difference);
    }
    if largest == 0.0 {
        return 0.0;
    }
    let mean_square = expected.iter().map(|e| e * e).sum::<f64>() / expected.len() as f64;
    largest / mean_square.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: [f64; 4] = [0.0, 1.0, -1000.0, 1e-6];

    #[test]
    fn equal_arrays_pass_and_the_bound_is_atol_plus_rtol_times_expected() {
        assert_close(&[0.0, 1.0, -1000.0, 1e-6], &EXPECTED, 1e-9, 1e-7);
        assert_close(&[], &[], 0.0, 0.0);
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
        assert_eq!(max_relative_to_norm(&[3.0, 4.0, 0.5, 0.0], &[3.0, 4.0, 0.0, 0.0]), 0.2);
        assert_eq!(max_relative_to_norm(&[0.0], &[0.0]), 0.0);
        assert_eq!(max_relative_to_norm(&[1.0], &[0.0]), f64::INFINITY);
    }
}
