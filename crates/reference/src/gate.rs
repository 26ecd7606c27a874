//! Gates: `sigmoid(z) x` and `(1 - sigmoid(z)) x`.

/// `1 / (1 + e^-z)`, element by element.
pub fn sigmoid(z: &[f64]) -> Vec<f64> {
    z.iter().map(|&z| 1.0 / (1.0 + (-z).exp())).collect()
}

/// `sigmoid(z) x`; with `-z` for `z` it is `(1 - sigmoid(z)) x`.
pub fn gate(z: &[f64], x: &[f64]) -> Vec<f64> {
    assert_eq!(z.len(), x.len(), "one gate an element");
    sigmoid(z).iter().zip(x).map(|(g, x)| g * x).collect()
}

/// The gradients of `z` and `x`, in this order, from that of the output.
pub fn gate_backward(z: &[f64], x: &[f64], dy: &[f64]) -> (Vec<f64>, Vec<f64>) {
    assert!(z.len() == x.len() && dy.len() == x.len(), "one gate an element");
    let g = sigmoid(z);
    let dz = g.iter().zip(x).zip(dy).map(|((g, x), dy)| g * (1.0 - g) * x * dy).collect();
    let dx = g.iter().zip(dy).map(|(g, dy)| g * dy).collect();
    (dz, dx)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finite_difference::{assert_gradient, dot, values};

    #[test]
    fn an_open_and_a_shut_gate() {
        assert_eq!(sigmoid(&[0.0]), [0.5]);
        assert_eq!(gate(&[800.0, -800.0], &[3.0, 3.0]), [3.0, 0.0]);
    }

    #[test]
    fn the_gradients_equal_central_differences() {
        let (z, x, dy) = (values(1, 61), values(2, 61), values(3, 61));
        let (dz, dx) = gate_backward(&z, &x, &dy);
        assert_gradient("z", &z, &dz, |z| dot(&gate(z, &x), &dy));
        assert_gradient("x", &x, &dx, |x| dot(&gate(&z, x), &dy));
    }
}
