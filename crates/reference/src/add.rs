//! The residual addition of equation (1): `y = a + b`, `da = db = dy`.

/// `a + b`, element by element.
pub fn add(a: &[f64], b: &[f64]) -> Vec<f64> {
    assert_eq!(a.len(), b.len(), "both summands have one shape");
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

/// The gradients of both summands: `dy` twice.
pub fn add_backward(dy: &[f64]) -> (Vec<f64>, Vec<f64>) {
    (dy.to_vec(), dy.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finite_difference::{assert_gradient, dot, values};

    #[test]
    fn both_gradients_equal_central_differences() {
        let (a, b, dy) = (values(1, 17), values(2, 17), values(3, 17));
        let (da, db) = add_backward(&dy);
        assert_gradient("a", &a, &da, |a| dot(&add(a, &b), &dy));
        assert_gradient("b", &b, &db, |b| dot(&add(&a, b), &dy));
    }
}
