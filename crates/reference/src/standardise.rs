//! Weight standardisation: each filter (row) of `w: [filters, ...]` with mean 0 and biased variance 1,
//! `y = (w - mean) / sqrt(var + eps)`; `dw = (dy - mean(dy) - y mean(dy y)) / sqrt(var + eps)`.

/// The standardised weights.
pub fn standardise(w: &[f64], filters: usize, eps: f64) -> Vec<f64> {
    rows(w, filters).flat_map(|row| standardised(row, eps).0).collect()
}

/// The gradient of the weights.
pub fn standardise_backward(w: &[f64], filters: usize, eps: f64, dy: &[f64]) -> Vec<f64> {
    assert_eq!(w.len(), dy.len(), "the output gradient has the weights' shape");
    let gradient = |(row, dy): (&[f64], &[f64])| {
        let (y, deviation) = standardised(row, eps);
        let m = row.len() as f64;
        let plain = dy.iter().sum::<f64>() / m;
        let aligned = dy.iter().zip(&y).map(|(dy, y)| dy * y).sum::<f64>() / m;
        dy.iter().zip(y).map(|(dy, y)| (dy - plain - y * aligned) / deviation).collect::<Vec<_>>()
    };
    rows(w, filters).zip(rows(dy, filters)).flat_map(gradient).collect()
}

fn rows(w: &[f64], filters: usize) -> std::slice::ChunksExact<'_, f64> {
    assert!(w.len().is_multiple_of(filters), "{} weights of {filters} filters", w.len());
    w.chunks_exact(w.len() / filters)
}

fn standardised(row: &[f64], eps: f64) -> (Vec<f64>, f64) {
    let m = row.len() as f64;
    let mean = row.iter().sum::<f64>() / m;
    let deviation = (row.iter().map(|w| (w - mean).powi(2)).sum::<f64>() / m + eps).sqrt();
    (row.iter().map(|w| (w - mean) / deviation).collect(), deviation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finite_difference::{assert_gradient, dot, values};

    #[test]
    fn a_hand_computed_example() {
        assert_eq!(standardise(&[1.0, 3.0, 5.0, 5.0], 2, 1e-300), [-1.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn gradients_equal_central_differences() {
        for (filters, len) in [(1, 2), (3, 9), (4, 27), (2, 64)] {
            let (w, dy) = (values(1, filters * len), values(2, filters * len));
            let dw = standardise_backward(&w, filters, 1e-8, &dy);
            let name = format!("{filters} filters of {len}");
            assert_gradient(&name, &w, &dw, |w| dot(&standardise(w, filters, 1e-8), &dy));
        }
    }
}
