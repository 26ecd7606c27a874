//! The gradients of pooling: the average spreads `dy / k^2` over the pixels of its window (`dy / (h w)` when
//! global); the maximum sends all of `dy` to the first largest pixel of its window in row-major order, as
//! PyTorch does. Windows overlap, so gradients add up.

use crate::{Image, Pool};

/// The gradient `[n, h, w, c]` of the input of [`crate::avg_pool`].
pub fn avg_pool_backward(dy: &[f64], shape: &Pool) -> Vec<f64> {
    assert_eq!(dy.len(), shape.output().len(), "the output gradient is not of {shape:?}");
    let area = (shape.kernel * shape.kernel) as f64;
    let mut dx = vec![0.0; shape.input.len()];
    shape.for_each_window(|output, window| window.iter().for_each(|&at| dx[at] += dy[output] / area));
    dx
}

/// The gradient `[n, h, w, c]` of the input `x` of [`crate::max_pool`].
pub fn max_pool_backward(x: &[f64], dy: &[f64], shape: &Pool) -> Vec<f64> {
    assert_eq!(x.len(), shape.input.len(), "the input is not of {shape:?}");
    assert_eq!(dy.len(), shape.output().len(), "the output gradient is not of {shape:?}");
    let mut dx = vec![0.0; x.len()];
    shape.for_each_window(|output, window| dx[Pool::first_maximum(x, window)] += dy[output]);
    dx
}

/// The gradient `[n, h, w, c]` of the input `x` of [`crate::max_pool_zeros`]: nothing where padding won.
pub fn max_pool_zeros_backward(x: &[f64], dy: &[f64], shape: &Pool) -> Vec<f64> {
    assert_eq!(dy.len(), shape.output().len(), "the output gradient is not of {shape:?}");
    let mut dx = vec![0.0; x.len()];
    shape.for_each_window(|output, window| {
        if let Some(at) = shape.maximum_or_zero(x, window) {
            dx[at] += dy[output];
        }
    });
    dx
}

/// The gradient `[n, h, w, c]` of the input of [`crate::global_avg_pool`], for `dy: [n, c]`.
pub fn global_avg_pool_backward(dy: &[f64], shape: &Image) -> Vec<f64> {
    assert_eq!(dy.len(), shape.n * shape.c, "the output gradient is not [n, c] of {shape:?}");
    let pixels = (shape.h * shape.w) as f64;
    let mut dx = vec![0.0; shape.len()];
    shape.for_each(|n, i, j, c| dx[shape.at(n, i, j, c)] = dy[n * shape.c + c] / pixels);
    dx
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finite_difference::{assert_gradient, dot, values};
    use crate::{avg_pool, global_avg_pool, max_pool, max_pool_zeros};

    /// (n, h, w, c, kernel, stride, padding)
    const SHAPES: [[usize; 7]; 6] = [
        [1, 1, 1, 1, 1, 1, 0],
        [2, 5, 7, 3, 3, 2, 1],
        [1, 6, 4, 5, 2, 2, 0],
        [1, 7, 5, 17, 3, 1, 1],
        [2, 9, 8, 1, 3, 3, 0],
        [1, 5, 5, 3, 2, 2, 1],
    ];

    #[test]
    fn windowed_gradients_equal_central_differences() {
        for [n, h, w, c, kernel, stride, padding] in SHAPES {
            let shape = Pool { input: Image { n, h, w, c }, kernel, stride, padding };
            let (x, dy) = (values(1, shape.input.len()), values(2, shape.output().len()));
            let name = format!("{shape:?}");
            assert_gradient(&name, &x, &avg_pool_backward(&dy, &shape), |x| dot(&avg_pool(x, &shape), &dy));
            assert_gradient(&name, &x, &max_pool_backward(&x, &dy, &shape), |x| {
                dot(&max_pool(x, &shape), &dy)
            });
            assert_gradient(&name, &x, &max_pool_zeros_backward(&x, &dy, &shape), |x| {
                dot(&max_pool_zeros(x, &shape), &dy)
            });
        }
    }

    #[test]
    fn the_first_of_equal_maxima_takes_the_gradient() {
        let shape = Pool { input: Image { n: 1, h: 2, w: 2, c: 1 }, kernel: 2, stride: 2, padding: 0 };
        assert_eq!(max_pool_backward(&[0.0, 7.0, 7.0, 7.0], &[3.0], &shape), [0.0, 3.0, 0.0, 0.0]);
    }

    #[test]
    fn the_global_gradient_equals_central_differences() {
        for (n, h, w, c) in [(1, 1, 1, 1), (2, 3, 5, 17), (3, 7, 7, 5)] {
            let shape = Image { n, h, w, c };
            let (x, dy) = (values(1, shape.len()), values(2, n * c));
            let dx = global_avg_pool_backward(&dy, &shape);
            assert_gradient(&format!("{shape:?}"), &x, &dx, |x| dot(&global_avg_pool(x, &shape), &dy));
        }
    }
}
