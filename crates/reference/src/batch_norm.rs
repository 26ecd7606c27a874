//! Batch normalisation of `x: [..., C]`, channel by channel, over the `m` values of each:
//!
//! `mean = sum x / m`, `var = sum (x - mean)^2 / m` (biased), `y = gamma (x - mean) / sqrt(var + eps) +
//! beta`;
//!
//! in evaluation the running statistics take the place of the batch's. After a training step `running = (1 -
//! momentum) running + momentum batch`, where the variance is the *unbiased* one, `var m / (m - 1)`.

/// What [`batch_norm_train`] returns.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNormOutput {
    /// The normalised values, of the input's shape.
    pub y: Vec<f64>,
    /// The batch's mean, one per channel.
    pub mean: Vec<f64>,
    /// The batch's biased variance, one per channel.
    pub var_biased: Vec<f64>,
}

/// The mean and the biased variance of each channel of `x: [..., channels]`, in two passes.
pub(crate) fn statistics(x: &[f64], channels: usize) -> (Vec<f64>, Vec<f64>) {
    assert!(!x.is_empty() && x.len().is_multiple_of(channels), "{} values of {channels} channels", x.len());
    let m = (x.len() / channels) as f64;
    let mut mean = vec![0.0; channels];
    let mut var = vec![0.0; channels];
    for (i, v) in x.iter().enumerate() {
        mean[i % channels] += v / m;
    }
    for (i, v) in x.iter().enumerate() {
        var[i % channels] += (v - mean[i % channels]).powi(2) / m;
    }
    (mean, var)
}

/// Normalises `x: [..., C]` with the batch's own statistics; `gamma` and `beta` are `[C]`.
pub fn batch_norm_train(x: &[f64], gamma: &[f64], beta: &[f64], eps: f64) -> BatchNormOutput {
    let (mean, var_biased) = statistics(x, gamma.len());
    let y = batch_norm_eval(x, gamma, beta, &mean, &var_biased, eps);
    BatchNormOutput { y, mean, var_biased }
}

/// Normalises `x: [..., C]` with the given statistics; the four others are `[C]`.
pub fn batch_norm_eval(
    x: &[f64],
    gamma: &[f64],
    beta: &[f64],
    mean: &[f64],
    var: &[f64],
    eps: f64,
) -> Vec<f64> {
    let channels = gamma.len();
    assert!([beta.len(), mean.len(), var.len()].iter().all(|&l| l == channels), "one value per channel");
    assert!(x.len().is_multiple_of(channels), "{} values of {channels} channels", x.len());
    let normalise = |(i, v): (usize, &f64)| {
        let c = i % channels;
        gamma[c] * (v - mean[c]) / (var[c] + eps).sqrt() + beta[c]
    };
    x.iter().enumerate().map(normalise).collect()
}

/// Moves the running statistics towards those of a batch with `m` values per channel, as PyTorch does: the
/// running variance takes the unbiased `var_biased m / (m - 1)`.
pub fn update_running(
    running_mean: &mut [f64],
    running_var: &mut [f64],
    mean: &[f64],
    var_biased: &[f64],
    m: usize,
    momentum: f64,
) {
    assert!(m > 1, "one value per channel has no unbiased variance");
    let unbiased = m as f64 / (m - 1) as f64;
    for (running, batch) in running_mean.iter_mut().zip(mean) {
        *running = (1.0 - momentum) * *running + momentum * batch;
    }
    for (running, batch) in running_var.iter_mut().zip(var_biased) {
        *running = (1.0 - momentum) * *running + momentum * batch * unbiased;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hand_computed_example() {
        // Channel 0 holds 1, 3: mean 2, variance 1. Channel 1 holds 0, 8: mean 4, variance 16.
        let out = batch_norm_train(&[1.0, 0.0, 3.0, 8.0], &[1.0, 2.0], &[0.0, 10.0], 0.0);
        assert_eq!((out.mean, out.var_biased), (vec![2.0, 4.0], vec![1.0, 16.0]));
        assert_eq!(out.y, [-1.0, 8.0, 1.0, 12.0]);
    }

    #[test]
    fn the_running_variance_is_unbiased() {
        let (mut mean, mut var) = ([0.0], [1.0]);
        // Two values, 1 and 3: biased variance 1, unbiased 2.
        update_running(&mut mean, &mut var, &[2.0], &[1.0], 2, 0.1);
        assert!((mean[0] - 0.2).abs() < 1e-15 && (var[0] - 1.1).abs() < 1e-15, "{mean:?} {var:?}");
    }

    #[test]
    fn evaluation_uses_what_it_is_given() {
        let y = batch_norm_eval(&[5.0, 7.0], &[3.0], &[1.0], &[5.0], &[3.0], 1.0);
        assert_eq!(y, [1.0, 4.0]);
    }
}
