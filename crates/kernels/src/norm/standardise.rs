//! Weight standardisation: each filter with mean 0 and variance 1 (arXiv 1903.10520), as BiT's convolutions
//! use it.
//!
//! ```text
//! y = (w - mean) / sqrt(var + eps),   over each filter's in k k weights
//! dw = (dy - mean(dy) - y mean(dy y)) / sqrt(var + eps)
//! ```
//!
//! Sums are in f64. Reference: `resnet_reference::standardise`.

use crate::parallel::for_each_chunk;

/// Standardises each of the `filters` rows of `weight` into `out`.
///
/// # Panics
/// If lengths don't agree.
pub fn standardise(weight: &[f32], filters: usize, eps: f64, out: &mut [f32]) {
    let len = row_len(weight, filters);
    assert_eq!(out.len(), weight.len(), "output of another shape");
    for_each_chunk(out, len, |filter, to| {
        let row = &weight[filter * len..][..len];
        let (mean, inverse) = statistics(row, eps);
        to.iter_mut().zip(row).for_each(|(to, w)| *to = ((f64::from(*w) - mean) * inverse) as f32);
    });
}

/// Writes the gradient of `weight` to `dw`, from `dy`, that of the standardised weight.
///
/// # Panics
/// If lengths don't agree.
pub fn standardise_backward(weight: &[f32], filters: usize, eps: f64, dy: &[f32], dw: &mut [f32]) {
    let len = row_len(weight, filters);
    assert!(dy.len() == weight.len() && dw.len() == weight.len(), "gradient of another shape");
    for_each_chunk(dw, len, |filter, to| {
        let (row, dy) = (&weight[filter * len..][..len], &dy[filter * len..][..len]);
        let (mean, inverse) = statistics(row, eps);
        let (mut plain, mut aligned) = (0.0, 0.0);
        for (w, dy) in row.iter().zip(dy) {
            plain += f64::from(*dy);
            aligned += f64::from(*dy) * (f64::from(*w) - mean) * inverse;
        }
        let (plain, aligned) = (plain / len as f64, aligned / len as f64);
        for ((to, w), dy) in to.iter_mut().zip(row).zip(dy) {
            let y = (f64::from(*w) - mean) * inverse;
            *to = ((f64::from(*dy) - plain - y * aligned) * inverse) as f32;
        }
    });
}

fn row_len(weight: &[f32], filters: usize) -> usize {
    assert!(
        filters > 0 && weight.len().is_multiple_of(filters),
        "{} weights are no {filters} filters",
        weight.len()
    );
    weight.len() / filters
}

/// Mean, and one over the deviation.
fn statistics(row: &[f32], eps: f64) -> (f64, f64) {
    let count = row.len() as f64;
    let mean = row.iter().map(|&w| f64::from(w)).sum::<f64>() / count;
    let var = row.iter().map(|&w| (f64::from(w) - mean).powi(2)).sum::<f64>() / count;
    (mean, 1.0 / (var + eps).sqrt())
}
