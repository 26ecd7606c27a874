//! The fully connected layer: `y = x w^T + b`, `dx = dy w`, `dw = dy^T x`, `db = sum over rows of dy`.

/// The shape of a fully connected layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Linear {
    /// Rows of the batch.
    pub n: usize,
    /// Features in.
    pub inputs: usize,
    /// Features out.
    pub outputs: usize,
}

/// The three gradients of a fully connected layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearGradients {
    /// Gradient of the input, `[n, inputs]`.
    pub dx: Vec<f64>,
    /// Gradient of the weight, `[outputs, inputs]`.
    pub dw: Vec<f64>,
    /// Gradient of the bias, `[outputs]`.
    pub db: Vec<f64>,
}

/// The output `[n, outputs]` for `x: [n, inputs]`, `w: [outputs, inputs]`, `b: [outputs]`.
pub fn linear(x: &[f64], w: &[f64], b: &[f64], shape: &Linear) -> Vec<f64> {
    let Linear { n, inputs, outputs } = *shape;
    assert_eq!(
        (x.len(), w.len(), b.len()),
        (n * inputs, outputs * inputs, outputs),
        "slices not of {shape:?}"
    );
    let mut y = Vec::with_capacity(n * outputs);
    for row in 0..n {
        for o in 0..outputs {
            let products = (0..inputs).map(|i| x[row * inputs + i] * w[o * inputs + i]);
            y.push(products.sum::<f64>() + b[o]);
        }
    }
    y
}

/// The gradients for `dy: [n, outputs]`.
pub fn linear_backward(x: &[f64], w: &[f64], dy: &[f64], shape: &Linear) -> LinearGradients {
    let Linear { n, inputs, outputs } = *shape;
    assert_eq!((x.len(), w.len()), (n * inputs, outputs * inputs), "slices not of {shape:?}");
    assert_eq!(dy.len(), n * outputs, "the output gradient is not of {shape:?}");
    let mut out = LinearGradients { dx: vec![0.0; x.len()], dw: vec![0.0; w.len()], db: vec![0.0; outputs] };
    for row in 0..n {
        for o in 0..outputs {
            let dy = dy[row * outputs + o];
            out.db[o] += dy;
            for i in 0..inputs {
                out.dx[row * inputs + i] += dy * w[o * inputs + i];
                out.dw[o * inputs + i] += dy * x[row * inputs + i];
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finite_difference::{assert_gradient, dot, values};

    #[test]
    fn a_hand_computed_example() {
        let shape = Linear { n: 1, inputs: 2, outputs: 2 };
        assert_eq!(linear(&[1.0, 2.0], &[1.0, 10.0, 100.0, 0.0], &[0.5, 0.0], &shape), [21.5, 100.0]);
    }

    #[test]
    fn the_gradients_equal_central_differences() {
        for (n, inputs, outputs) in [(1, 1, 1), (3, 5, 17), (2, 17, 3)] {
            let shape = Linear { n, inputs, outputs };
            let (x, w, b) = (values(1, n * inputs), values(2, outputs * inputs), values(3, outputs));
            let dy = values(4, n * outputs);
            let name = format!("{shape:?}");
            let got = linear_backward(&x, &w, &dy, &shape);
            assert_gradient(&name, &x, &got.dx, |x| dot(&linear(x, &w, &b, &shape), &dy));
            assert_gradient(&name, &w, &got.dw, |w| dot(&linear(&x, w, &b, &shape), &dy));
            assert_gradient(&name, &b, &got.db, |b| dot(&linear(&x, &w, b, &shape), &dy));
        }
    }
}
