//! Softmax cross-entropy against the f64 reference, and where naive formulas overflow.

use resnet_kernels::loss::{
    soft_cross_entropy, soft_cross_entropy_backward, softmax_cross_entropy, softmax_cross_entropy_backward,
};
use resnet_reference as reference;
use resnet_testing::{compare, table, uniform, within};

/// Sums are in f64; the gradient is rounded to f32 once.
const ROUNDING: f64 = 1.0 / (1 << 24) as f64;

/// Rows, classes, size of the logits.
const CASES: [(usize, usize, f32); 10] = [
    (1, 1, 1.0),
    (5, 1, 1e4),
    (3, 2, 4.0),
    (128, 10, 4.0),
    (7, 100, 10.0),
    (2, 17, 0.0),
    (4, 10, 1e4),
    (33, 3, 100.0),
    (1, 1000, 5.0),
    (16, 10, 1e-3),
];

fn gradient(logits: &[f32], labels: &[u32], classes: usize, upstream: f32) -> Vec<f32> {
    let mut dz = vec![f32::NAN; logits.len()];
    softmax_cross_entropy_backward(logits, labels, classes, upstream, &mut dz);
    dz
}

#[test]
fn loss_and_gradient() {
    table::run(&CASES, |&(rows, classes, size)| {
        let logits: Vec<f32> = uniform(1, rows * classes).into_iter().map(|u| u * size).collect();
        let labels: Vec<u32> = (0..rows).map(|row| (row * 7 % classes) as u32).collect();
        let (logits64, labels64) =
            (reference::to_f64(&logits), labels.iter().map(|&l| l as usize).collect::<Vec<_>>());
        let expected = reference::softmax_cross_entropy(&logits64, &labels64, classes);
        let loss = softmax_cross_entropy(&logits, &labels, classes);
        // Both are in f64; the order of their sums may differ.
        within("loss", loss, expected, 1e-13 * (1.0 + f64::from(size)))?;
        for upstream in [1.0, -0.5] {
            let mut expected = reference::softmax_cross_entropy_backward(&logits64, &labels64, classes);
            expected.iter_mut().for_each(|dz| *dz *= f64::from(upstream));
            // exp(z) - 1 may cancel to the last digits of f64, which are 1e-16.
            compare(&gradient(&logits, &labels, classes, upstream), &expected, 1e-15, 1.01 * ROUNDING)?;
        }
        Ok(())
    });
}

#[test]
fn soft_loss_and_gradient() {
    table::run(&CASES, |&(rows, classes, size)| {
        let logits: Vec<f32> = uniform(1, rows * classes).into_iter().map(|u| u * size).collect();
        let targets: Vec<f32> = uniform(2, rows * classes).into_iter().map(f32::abs).collect();
        let (logits64, targets64) = (reference::to_f64(&logits), reference::to_f64(&targets));
        let expected = reference::soft_cross_entropy(&logits64, &targets64, classes);
        let loss = soft_cross_entropy(&logits, &targets, classes);
        within("loss", loss, expected, 1e-13 * (1.0 + f64::from(size)) * classes as f64)?;
        let mut expected = reference::soft_cross_entropy_backward(&logits64, &targets64, classes);
        expected.iter_mut().for_each(|dz| *dz *= -0.5);
        let mut dz = vec![f32::NAN; logits.len()];
        soft_cross_entropy_backward(&logits, &targets, classes, -0.5, &mut dz);
        compare(&dz, &expected, 1e-13, 1.01 * ROUNDING)
    });
}

#[test]
fn a_certain_class_is_a_label() {
    let logits = uniform(4, 15);
    let mut targets = vec![0.0; 15];
    (targets[2], targets[5], targets[14]) = (1.0, 1.0, 1.0);
    let (hard, soft) =
        (softmax_cross_entropy(&logits, &[2, 0, 4], 5), soft_cross_entropy(&logits, &targets, 5));
    within("soft loss", soft, hard, 1e-15).unwrap();
    let mut dz = vec![f32::NAN; 15];
    soft_cross_entropy_backward(&logits, &targets, 5, 1.0, &mut dz);
    assert_eq!(dz, gradient(&logits, &[2, 0, 4], 5, 1.0));
}

#[test]
fn logits_of_ten_thousand_neither_overflow_nor_vanish() {
    let logits = [1e4, 0.0, -1e4, -1e4, 0.0, 1e4];
    assert_eq!(softmax_cross_entropy(&logits, &[0, 2], 3), 0.0);
    assert_eq!(softmax_cross_entropy(&logits, &[2, 2], 3), 1e4);
    assert_eq!(gradient(&logits, &[0, 2], 3, 1.0), [0.0; 6]);
    assert_eq!(gradient(&logits, &[2, 0], 3, 1.0), [0.5, 0.0, -0.5, -0.5, 0.0, 0.5]);
    assert_eq!(softmax_cross_entropy(&[f32::MAX, f32::MIN], &[0], 2), 0.0);
}

#[test]
fn nan_is_not_hidden() {
    let logits = [1.0, f32::NAN, 2.0];
    assert!(softmax_cross_entropy(&logits, &[0], 3).is_nan());
    assert!(gradient(&logits, &[0], 3, 1.0).iter().all(|dz| dz.is_nan()));
}

#[test]
fn a_label_that_is_no_class_is_refused_in_both_directions() {
    let refused = |f: &dyn Fn()| std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).is_err();
    assert!(refused(&|| _ = std::hint::black_box(softmax_cross_entropy(&[0.0; 6], &[0, 3], 3))));
    assert!(refused(&|| drop(gradient(&[0.0; 6], &[0, 3], 3, 1.0))));
    assert!(refused(&|| drop(gradient(&[0.0; 6], &[0], 3, 1.0))));
}
