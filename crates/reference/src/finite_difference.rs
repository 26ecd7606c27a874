//! Central differences, against which every backward in this crate is tested.
//!
//! `df/dx_i = (f(x + h e_i) - f(x - h e_i)) / 2h + O(h^2)`

/// `n` values in [-1, 1) from splitmix64; the same on every machine.
pub(crate) fn values(seed: u64, n: usize) -> Vec<f64> {
    let value = |i: u64| {
        let mut z = (seed << 32).wrapping_add((i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        2.0 * ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64 - 1.0
    };
    (0..n as u64).map(value).collect()
}

/// The scalar that a test differentiates: `dot(f(x), dy)` has the gradient that `f`'s backward gives for
/// `dy`.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Panics unless `gradient` is that of `f` at `at`, element by element.
pub(crate) fn assert_gradient(name: &str, at: &[f64], gradient: &[f64], f: impl Fn(&[f64]) -> f64) {
    if let Some(fault) = find_fault(at, gradient, f) {
        panic!("{name}: {fault}");
    }
}

fn find_fault(at: &[f64], gradient: &[f64], f: impl Fn(&[f64]) -> f64) -> Option<String> {
    // The error of the difference is about h^2 f''' + 1e-16 |f| / h: 1e-8 at this step for values near one.
    const STEP: f64 = 1e-5;
    const TOLERANCE: f64 = 1e-7;
    if gradient.len() != at.len() {
        return Some(format!("a gradient of {} elements for {} values", gradient.len(), at.len()));
    }
    let mut x = at.to_vec();
    for i in 0..at.len() {
        x[i] = at[i] + STEP;
        let above = f(&x);
        x[i] = at[i] - STEP;
        let below = f(&x);
        x[i] = at[i];
        let expected = (above - below) / (2.0 * STEP);
        let close = (gradient[i] - expected).abs() <= TOLERANCE * (1.0 + expected.abs());
        // A NaN is not close to anything.
        if !close {
            return Some(format!("element {i}: gradient {}, central difference {expected}", gradient[i]));
        }
    }
    None
}

#[test]
fn a_wrong_gradient_is_found() {
    let cube = |x: &[f64]| x.iter().map(|x| x * x * x).sum::<f64>();
    let x = [0.5, -1.0, 2.0];
    let right = [0.75, 3.0, 12.0];
    assert_eq!(find_fault(&x, &right, cube), None);
    for i in 0..3 {
        for wrong in [right[i] + 1e-4, -right[i], 0.0, f64::NAN] {
            let mut gradient = right;
            gradient[i] = wrong;
            assert!(
                find_fault(&x, &gradient, cube).is_some_and(|fault| fault.contains(&format!("element {i}")))
            );
        }
    }
    assert!(find_fault(&x, &right[..2], cube).is_some());
}
