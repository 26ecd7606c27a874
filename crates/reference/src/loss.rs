//! Softmax and cross-entropy in one, averaged over the batch: with `p[n] = softmax(z[n])`,
//!
//! `loss = sum over n of -log p[n][label n] / N = sum over n of (logsumexp(z[n]) - z[n][label n]) / N`,
//! `dz[n][k] = (p[n][k] - (k == label n)) / N`.
//!
//! With probabilities `t[n]` in place of a label: `loss = -sum over n, k of t[n][k] log p[n][k] / N` and
//! `dz[n][k] = (p[n][k] sum(t[n]) - t[n][k]) / N`.
//!
//! The largest logit of a row is subtracted before the exponential, so that none overflows.

fn rows<'a>(
    logits: &'a [f64],
    labels: &'a [usize],
    classes: usize,
) -> impl Iterator<Item = (&'a [f64], usize)> {
    assert_eq!(logits.len(), labels.len() * classes, "the logits are not [{}, {classes}]", labels.len());
    assert!(labels.iter().all(|&l| l < classes), "a label is not below {classes}");
    logits.chunks_exact(classes).zip(labels.iter().copied())
}

fn log_sum_exp(row: &[f64]) -> f64 {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    row.iter().map(|z| (z - largest).exp()).sum::<f64>().ln() + largest
}

/// The mean loss of `logits: [labels.len(), classes]`.
pub fn softmax_cross_entropy(logits: &[f64], labels: &[usize], classes: usize) -> f64 {
    rows(logits, labels, classes).map(|(row, label)| log_sum_exp(row) - row[label]).sum::<f64>()
        / labels.len() as f64
}

/// The gradient of the mean loss, of the logits' shape.
pub fn softmax_cross_entropy_backward(logits: &[f64], labels: &[usize], classes: usize) -> Vec<f64> {
    let mut dz = Vec::with_capacity(logits.len());
    for (row, label) in rows(logits, labels, classes) {
        let log_sum = log_sum_exp(row);
        for (k, z) in row.iter().enumerate() {
            let target = if k == label { 1.0 } else { 0.0 };
            dz.push(((z - log_sum).exp() - target) / labels.len() as f64);
        }
    }
    dz
}

/// The mean loss of `logits` against `targets`, both `[N, classes]`.
pub fn soft_cross_entropy(logits: &[f64], targets: &[f64], classes: usize) -> f64 {
    assert_eq!(logits.len(), targets.len(), "the targets are of another shape");
    let mut loss = 0.0;
    for (row, targets) in logits.chunks_exact(classes).zip(targets.chunks_exact(classes)) {
        let log_sum = log_sum_exp(row);
        loss += row.iter().zip(targets).map(|(z, t)| t * (log_sum - z)).sum::<f64>();
    }
    loss / (logits.len() / classes) as f64
}

/// The gradient of [`soft_cross_entropy`], of the logits' shape.
pub fn soft_cross_entropy_backward(logits: &[f64], targets: &[f64], classes: usize) -> Vec<f64> {
    assert_eq!(logits.len(), targets.len(), "the targets are of another shape");
    let images = (logits.len() / classes) as f64;
    let mut dz = Vec::with_capacity(logits.len());
    for (row, targets) in logits.chunks_exact(classes).zip(targets.chunks_exact(classes)) {
        let (log_sum, all) = (log_sum_exp(row), targets.iter().sum::<f64>());
        dz.extend(row.iter().zip(targets).map(|(z, t)| ((z - log_sum).exp() * all - t) / images));
    }
    dz
}

/// The mean over rows of `-sum over k of w[k] (t[k] log s(z[k]) + (1 - t[k]) log(1 - s(z[k])))`, with the
/// logistic function s; `logits` z and `targets` t are `[N, classes]`, `weights` w is `[classes]`.
pub fn binary_cross_entropy(logits: &[f64], targets: &[f64], weights: &[f64]) -> f64 {
    assert_eq!(logits.len(), targets.len(), "the targets are of another shape");
    let mut loss = 0.0;
    for (k, (z, t)) in logits.iter().zip(targets).enumerate() {
        // -log s(z) = log(1 + exp(-z)), which for large -z is -z.
        let minus_log = |z: f64| if z < -30.0 { -z } else { (1.0 + (-z).exp()).ln() };
        loss += weights[k % weights.len()] * (t * minus_log(*z) + (1.0 - t) * minus_log(-z));
    }
    loss / (logits.len() / weights.len()) as f64
}

/// The gradient of [`binary_cross_entropy`], of the logits' shape.
pub fn binary_cross_entropy_backward(logits: &[f64], targets: &[f64], weights: &[f64]) -> Vec<f64> {
    assert_eq!(logits.len(), targets.len(), "the targets are of another shape");
    let images = (logits.len() / weights.len()) as f64;
    let pairs = logits.iter().zip(targets).enumerate();
    pairs.map(|(k, (z, t))| weights[k % weights.len()] * (1.0 / (1.0 + (-z).exp()) - t) / images).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finite_difference::{assert_gradient, values};

    #[test]
    fn equal_logits_cost_the_logarithm_of_the_number_of_classes() {
        let loss = softmax_cross_entropy(&[3.0; 20], &[0, 9], 10);
        assert!((loss - 10f64.ln()).abs() < 1e-14, "{loss}");
    }

    #[test]
    fn huge_logits_do_not_overflow() {
        assert_eq!(softmax_cross_entropy(&[1e4, 0.0], &[0], 2), 0.0);
        assert_eq!(softmax_cross_entropy(&[1e4, 0.0], &[1], 2), 1e4);
    }

    #[test]
    fn probabilities_of_one_class_are_a_label_and_their_gradient_equals_central_differences() {
        let z = values(2, 12);
        let certain = [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0];
        let loss = soft_cross_entropy(&z, &certain, 4);
        assert!((loss - softmax_cross_entropy(&z, &[1, 3, 0], 4)).abs() < 1e-14, "{loss}");
        // A row's probabilities need not sum to 1.
        let targets: Vec<f64> = values(3, 12).iter().map(|v| v.abs()).collect();
        let dz = soft_cross_entropy_backward(&z, &targets, 4);
        assert_gradient("loss", &z, &dz, |z| soft_cross_entropy(z, &targets, 4));
    }

    #[test]
    fn the_gradient_equals_central_differences_and_its_rows_sum_to_zero() {
        for (labels, classes) in [(vec![0], 1), (vec![2, 0, 1], 3), (vec![16, 3, 3, 9, 0], 17)] {
            let z: Vec<f64> = values(1, labels.len() * classes).iter().map(|v| 4.0 * v).collect();
            let dz = softmax_cross_entropy_backward(&z, &labels, classes);
            assert_gradient("loss", &z, &dz, |z| softmax_cross_entropy(z, &labels, classes));
            assert!(dz.chunks(classes).all(|row| row.iter().sum::<f64>().abs() < 1e-14));
        }
    }
}
