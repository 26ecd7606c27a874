//! The rectifier: `y = max(x, 0)` and `dx = dy where x > 0, else 0`; at zero the gradient is zero, and NaN
//! passes through, both as in PyTorch.

/// `max(x, 0)`, element by element.
pub fn relu(x: &[f64]) -> Vec<f64> {
    x.iter().map(|&x| if x <= 0.0 { 0.0 } else { x }).collect()
}

/// The gradient of the input. `x` is the input, or the output, which is positive at the same elements.
pub fn relu_backward(x: &[f64], dy: &[f64]) -> Vec<f64> {
    assert_eq!(x.len(), dy.len(), "the output gradient has the input's shape");
    x.iter().zip(dy).map(|(&x, &dy)| if x <= 0.0 { 0.0 } else { dy }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finite_difference::{assert_gradient, dot, values};

    #[test]
    fn negative_values_zero_and_nan() {
        let y = relu(&[-1.0, -0.0, 0.0, 2.0, f64::NAN]);
        assert_eq!(y[..4], [0.0, 0.0, 0.0, 2.0]);
        assert!(y[4].is_nan());
        assert_eq!(relu_backward(&[-1.0, 0.0, 2.0], &[5.0, 6.0, 7.0]), [0.0, 0.0, 7.0]);
    }

    #[test]
    fn the_gradient_equals_central_differences() {
        let (x, dy) = (values(1, 257), values(2, 257));
        assert_gradient("relu", &x, &relu_backward(&x, &dy), |x| dot(&relu(x), &dy));
        assert_gradient("relu from its output", &x, &relu_backward(&relu(&x), &dy), |x| dot(&relu(x), &dy));
    }
}
