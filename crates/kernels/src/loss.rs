//! Softmax cross-entropy over rows of logits, and its gradient.
//!
//! `loss = mean over n of (log sum exp z[n] - z[n, label[n]])`. Sums are taken in f64: the loss is one
//! number, and a few thousand exponentials cost nothing. Reference:
//! `resnet_reference::softmax_cross_entropy`.
//!
//! Where images are mixed or labels smoothed, targets are a probability for each class: the `soft` functions.
//! Binary cross-entropy treats each class as a separate yes-or-no question
//! (`resnet_reference::binary_cross_entropy`).

use crate::size::floats;

/// The mean loss of `logits: [labels.len(), classes]`.
///
/// # Panics
/// If lengths don't agree or a label is not below `classes`.
pub fn softmax_cross_entropy(logits: &[f32], labels: &[u32], classes: usize) -> f64 {
    check_labels(logits, labels, classes);
    let rows = logits.chunks_exact(classes).zip(labels);
    rows.map(|(row, &label)| log_sum_exp(row) - f64::from(row[label as usize])).sum::<f64>()
        / labels.len() as f64
}

/// The gradient of the mean loss, times `upstream`: `(softmax(z) - onehot(label)) / N`.
///
/// # Panics
/// As [`softmax_cross_entropy`].
pub fn softmax_cross_entropy_backward(
    logits: &[f32],
    labels: &[u32],
    classes: usize,
    upstream: f32,
    out: &mut [f32],
) {
    check_labels(logits, labels, classes);
    assert_eq!(out.len(), logits.len(), "gradient of another shape");
    let factor = f64::from(upstream) / labels.len() as f64;
    let rows = logits.chunks_exact(classes).zip(out.chunks_exact_mut(classes)).zip(labels);
    for ((row, out), &label) in rows {
        let log_sum = log_sum_exp(row);
        for (class, (out, &z)) in out.iter_mut().zip(row).enumerate() {
            let target = if class == label as usize { 1.0 } else { 0.0 };
            *out = (((f64::from(z) - log_sum).exp() - target) * factor) as f32;
        }
    }
}

/// The mean over rows of `-sum over k of t[k] log p[k]`, for `logits` and `targets` of shape `[n, classes]`.
///
/// # Panics
/// If lengths don't agree.
pub fn soft_cross_entropy(logits: &[f32], targets: &[f32], classes: usize) -> f64 {
    check_soft(logits, targets, classes);
    let rows = logits.chunks_exact(classes).zip(targets.chunks_exact(classes));
    let loss = |(row, targets): (&[f32], &[f32])| {
        let log_sum = log_sum_exp(row);
        let terms = row.iter().zip(targets);
        terms.map(|(&z, &t)| f64::from(t) * (log_sum - f64::from(z))).sum::<f64>()
    };
    rows.map(loss).sum::<f64>() / (logits.len() / classes) as f64
}

/// The gradient of [`soft_cross_entropy`], times `upstream`: `(softmax(z) sum(t) - t) / N`.
///
/// # Panics
/// As [`soft_cross_entropy`].
pub fn soft_cross_entropy_backward(
    logits: &[f32],
    targets: &[f32],
    classes: usize,
    upstream: f32,
    out: &mut [f32],
) {
    check_soft(logits, targets, classes);
    assert_eq!(out.len(), logits.len(), "gradient of another shape");
    let factor = f64::from(upstream) / (logits.len() / classes) as f64;
    let rows = logits.chunks_exact(classes).zip(targets.chunks_exact(classes));
    for ((row, targets), out) in rows.zip(out.chunks_exact_mut(classes)) {
        let (log_sum, all) = (log_sum_exp(row), targets.iter().map(|&t| f64::from(t)).sum::<f64>());
        for ((out, &z), &t) in out.iter_mut().zip(row).zip(targets) {
            *out = (((f64::from(z) - log_sum).exp() * all - f64::from(t)) * factor) as f32;
        }
    }
}

/// The mean over rows of `sum over k of w[k] (log(1 + exp(z[k])) - t[k] z[k])`, for `logits` z and `targets`
/// t of shape `[n, classes]` and `weights` w of shape `[classes]`: `-w (t log s(z) + (1 - t) log(1 - s(z)))`
/// with the logistic function s. Weights of `1 / classes` give PyTorch's default, the mean over classes as
/// well.
///
/// # Panics
/// If lengths don't agree.
pub fn binary_cross_entropy(logits: &[f32], targets: &[f32], weights: &[f32]) -> f64 {
    check_soft(logits, targets, weights.len());
    let classes = weights.len();
    let rows = logits.chunks_exact(classes).zip(targets.chunks_exact(classes));
    let loss = |(row, targets): (&[f32], &[f32])| {
        let terms = row.iter().zip(targets).zip(weights);
        let term = |((&z, &t), &w): ((&f32, &f32), &f32)| {
            let (z, t) = (f64::from(z), f64::from(t));
            // log(1 + exp(z)) without overflow.
            f64::from(w) * (z.max(0.0) + (-z.abs()).exp().ln_1p() - t * z)
        };
        terms.map(term).sum::<f64>()
    };
    rows.map(loss).sum::<f64>() / (logits.len() / classes) as f64
}

/// The gradient of [`binary_cross_entropy`], times `upstream`: `w (s(z) - t) / n`.
///
/// # Panics
/// As [`binary_cross_entropy`].
pub fn binary_cross_entropy_backward(
    logits: &[f32],
    targets: &[f32],
    weights: &[f32],
    upstream: f32,
    out: &mut [f32],
) {
    check_soft(logits, targets, weights.len());
    assert_eq!(out.len(), logits.len(), "gradient of another shape");
    let classes = weights.len();
    let factor = f64::from(upstream) / (logits.len() / classes) as f64;
    let rows = logits.chunks_exact(classes).zip(targets.chunks_exact(classes));
    for ((row, targets), out) in rows.zip(out.chunks_exact_mut(classes)) {
        for (((out, &z), &t), &w) in out.iter_mut().zip(row).zip(targets).zip(weights) {
            let logistic = 1.0 / (1.0 + (-f64::from(z)).exp());
            *out = (f64::from(w) * (logistic - f64::from(t)) * factor) as f32;
        }
    }
}

fn check_labels(logits: &[f32], labels: &[u32], classes: usize) {
    assert!(classes > 0, "logits of no classes");
    assert_eq!(logits.len(), floats("loss", &[labels.len(), classes]), "logits of another shape");
    assert!(labels.iter().all(|&label| (label as usize) < classes), "a label is not below {classes}");
}

fn check_soft(logits: &[f32], targets: &[f32], classes: usize) {
    assert_eq!(logits.len(), targets.len(), "targets of another shape");
    assert!(classes > 0 && logits.len().is_multiple_of(classes), "logits of another shape");
}

fn log_sum_exp(row: &[f32]) -> f64 {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let largest = f64::from(largest);
    largest + row.iter().map(|&z| (f64::from(z) - largest).exp()).sum::<f64>().ln()
}
