//! The gradients of batch normalisation. With `n = (x - mean) / sqrt(var + eps)` and `m` values per channel:
//!
//! `dbeta = sum dy`, `dgamma = sum dy n`, and in training, where mean and variance are functions of `x`, `dx
//! = gamma / sqrt(var + eps) (dy - dbeta / m - n dgamma / m)`; in evaluation
//! `dx = gamma / sqrt(var + eps) dy`.

use crate::batch_norm::statistics;

/// The three gradients of a batch normalisation.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNormGradients {
    /// Gradient of the input, of its shape.
    pub dx: Vec<f64>,
    /// Gradient of the scale, `[C]`.
    pub dgamma: Vec<f64>,
    /// Gradient of the shift, `[C]`.
    pub dbeta: Vec<f64>,
}

/// The backward of [`crate::batch_norm_train`], for `x` and `dy`: `[..., C]`, `gamma`: `[C]`.
pub fn batch_norm_train_backward(x: &[f64], gamma: &[f64], dy: &[f64], eps: f64) -> BatchNormGradients {
    let channels = gamma.len();
    let m = (x.len() / channels) as f64;
    let (mean, var) = statistics(x, channels);
    let mut out = batch_norm_eval_backward(x, gamma, &mean, &var, dy, eps);
    for (i, dx) in out.dx.iter_mut().enumerate() {
        let c = i % channels;
        let deviation = (var[c] + eps).sqrt();
        let normalised = (x[i] - mean[c]) / deviation;
        *dx -= gamma[c] / deviation * (out.dbeta[c] + normalised * out.dgamma[c]) / m;
    }
    out
}

/// The backward of [`crate::batch_norm_eval`], where the statistics are constants.
pub fn batch_norm_eval_backward(
    x: &[f64],
    gamma: &[f64],
    mean: &[f64],
    var: &[f64],
    dy: &[f64],
    eps: f64,
) -> BatchNormGradients {
    let channels = gamma.len();
    assert_eq!(x.len(), dy.len(), "the output gradient has the input's shape");
    let mut out = BatchNormGradients {
        dx: Vec::with_capacity(x.len()),
        dgamma: vec![0.0; channels],
        dbeta: vec![0.0; channels],
    };
    for (i, (&x, &dy)) in x.iter().zip(dy).enumerate() {
        let c = i % channels;
        let deviation = (var[c] + eps).sqrt();
        out.dbeta[c] += dy;
        out.dgamma[c] += dy * (x - mean[c]) / deviation;
        out.dx.push(gamma[c] / deviation * dy);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finite_difference::{assert_gradient, dot, values};
    use crate::{batch_norm_eval, batch_norm_train};

    const EPS: f64 = 1e-5;

    /// (values per channel, channels)
    const SHAPES: [(usize, usize); 5] = [(2, 1), (9, 3), (35, 5), (12, 17), (63, 1)];

    #[test]
    fn training_gradients_equal_central_differences() {
        for (m, c) in SHAPES {
            let (x, dy) = (values(1, m * c), values(2, m * c));
            let (gamma, beta) = (values(3, c), values(4, c));
            let name = format!("{m} values of {c} channels");
            let got = batch_norm_train_backward(&x, &gamma, &dy, EPS);
            assert_gradient(&name, &x, &got.dx, |x| dot(&batch_norm_train(x, &gamma, &beta, EPS).y, &dy));
            assert_gradient(&name, &gamma, &got.dgamma, |g| dot(&batch_norm_train(&x, g, &beta, EPS).y, &dy));
            assert_gradient(&name, &beta, &got.dbeta, |b| dot(&batch_norm_train(&x, &gamma, b, EPS).y, &dy));
        }
    }

    #[test]
    fn evaluation_gradients_equal_central_differences() {
        for (m, c) in SHAPES {
            let (x, dy) = (values(1, m * c), values(2, m * c));
            let (gamma, beta, mean) = (values(3, c), values(4, c), values(5, c));
            let var: Vec<f64> = values(6, c).iter().map(|v| v.abs() + 0.1).collect();
            let name = format!("{m} values of {c} channels");
            let run = |x: &[f64], g: &[f64], b: &[f64]| dot(&batch_norm_eval(x, g, b, &mean, &var, EPS), &dy);
            let got = batch_norm_eval_backward(&x, &gamma, &mean, &var, &dy, EPS);
            assert_gradient(&name, &x, &got.dx, |x| run(x, &gamma, &beta));
            assert_gradient(&name, &gamma, &got.dgamma, |g| run(&x, g, &beta));
            assert_gradient(&name, &beta, &got.dbeta, |b| run(&x, &gamma, b));
        }
    }
}
