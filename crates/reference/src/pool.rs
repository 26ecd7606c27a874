//! Pooling over `k x k` windows with stride `s` and padding `p`, channel by channel:
//!
//! - average: `y[n][i][j][c] = sum over u, v of x[n][i s + u - p][j s + v - p][c] / k^2`; padding counts as
//!   zeros, which is PyTorch's default;
//! - maximum: the largest of the same values. Padding never wins, or counts as zeros in [`max_pool_zeros`]
//!   (BiT's stem);
//! - global average: `y[n][c] = sum over y, x of x[n][y][x][c] / (h w)`.

use crate::Image;

/// The shape of a pooling layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Shape of the input.
    pub input: Image,
    /// Side of the square window.
    pub kernel: usize,
    /// Stride in both directions.
    pub stride: usize,
    /// Padding on each of the four sides, at most half the kernel.
    pub padding: usize,
}

impl Pool {
    /// Shape of the output: sides `(h + 2 padding - kernel) / stride + 1`, rounded down.
    pub fn output(&self) -> Image {
        let side = |side: usize| (side + 2 * self.padding - self.kernel) / self.stride + 1;
        Image { h: side(self.input.h), w: side(self.input.w), ..self.input }
    }

    /// Calls `f(output, window)` for every output with the places of its window that lie in the image, in
    /// row-major order.
    pub(crate) fn for_each_window(&self, mut f: impl FnMut(usize, &[usize])) {
        assert!(2 * self.padding <= self.kernel, "{self:?}: a window could lie outside the image");
        let output = self.output();
        let mut window = Vec::with_capacity(self.kernel * self.kernel);
        output.for_each(|n, i, j, c| {
            window.clear();
            for u in 0..self.kernel {
                for v in 0..self.kernel {
                    let y = (i * self.stride + u).checked_sub(self.padding).filter(|&y| y < self.input.h);
                    let x = (j * self.stride + v).checked_sub(self.padding).filter(|&x| x < self.input.w);
                    if let (Some(y), Some(x)) = (y, x) {
                        window.push(self.input.at(n, y, x, c));
                    }
                }
            }
            f(output.at(n, i, j, c), &window);
        });
    }

    /// The place of the maximum of a window: the first of equal ones; a NaN wins over every number.
    pub(crate) fn first_maximum(x: &[f64], window: &[usize]) -> usize {
        let mut best = window[0];
        for &at in window {
            if x[at] > x[best] || (x[at].is_nan() && !x[best].is_nan()) {
                best = at;
            }
        }
        best
    }

    /// The place of a window's maximum, or `None` if it is a zero of the padding (which wins against a zero
    /// of the image).
    pub(crate) fn maximum_or_zero(&self, x: &[f64], window: &[usize]) -> Option<usize> {
        let best = Pool::first_maximum(x, window);
        let padded = window.len() < self.kernel * self.kernel;
        let zero_wins = padded && x[best] <= 0.0;
        (!zero_wins).then_some(best)
    }
}

/// The average of each window, `[n, h_out, w_out, c]`.
pub fn avg_pool(x: &[f64], shape: &Pool) -> Vec<f64> {
    assert_eq!(x.len(), shape.input.len(), "the input is not of {shape:?}");
    let area = (shape.kernel * shape.kernel) as f64;
    let mut y = vec![0.0; shape.output().len()];
    shape.for_each_window(|output, window| y[output] = window.iter().map(|&at| x[at]).sum::<f64>() / area);
    y
}

/// The maximum of each window, `[n, h_out, w_out, c]`.
pub fn max_pool(x: &[f64], shape: &Pool) -> Vec<f64> {
    assert_eq!(x.len(), shape.input.len(), "the input is not of {shape:?}");
    let mut y = vec![0.0; shape.output().len()];
    shape.for_each_window(|output, window| y[output] = x[Pool::first_maximum(x, window)]);
    y
}

/// The maximum of each window where padding counts as zeros, `[n, h_out, w_out, c]`.
pub fn max_pool_zeros(x: &[f64], shape: &Pool) -> Vec<f64> {
    assert_eq!(x.len(), shape.input.len(), "the input is not of {shape:?}");
    let mut y = vec![0.0; shape.output().len()];
    shape.for_each_window(|output, window| {
        y[output] = shape.maximum_or_zero(x, window).map_or(0.0, |at| x[at]);
    });
    y
}

/// The average over all pixels, `[n, c]`.
pub fn global_avg_pool(x: &[f64], shape: &Image) -> Vec<f64> {
    assert_eq!(x.len(), shape.len(), "the input is not of {shape:?}");
    let pixels = (shape.h * shape.w) as f64;
    let mut y = vec![0.0; shape.n * shape.c];
    shape.for_each(|n, i, j, c| y[n * shape.c + c] += x[shape.at(n, i, j, c)] / pixels);
    y
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQUARE: Image = Image { n: 1, h: 3, w: 3, c: 1 };

    #[test]
    fn padding_counts_in_the_average_and_never_wins_the_maximum() {
        let shape = Pool { input: SQUARE, kernel: 3, stride: 2, padding: 1 };
        let x = [-1.0, -2.0, -3.0, -4.0, -5.0, -6.0, -7.0, -8.0, -9.0];
        assert_eq!(max_pool(&x, &shape), [-1.0, -2.0, -4.0, -5.0]);
        assert_eq!(avg_pool(&x, &shape), [-12.0 / 9.0, -16.0 / 9.0, -24.0 / 9.0, -28.0 / 9.0]);
    }

    #[test]
    fn zeros_around_the_image_win_against_negative_values() {
        let shape = Pool { input: SQUARE, kernel: 3, stride: 2, padding: 1 };
        let x = [-1.0, -2.0, -3.0, -4.0, 5.0, -6.0, -7.0, -8.0, -9.0];
        assert_eq!(max_pool_zeros(&x, &shape), [5.0, 5.0, 5.0, 5.0]);
        assert_eq!(max_pool_zeros(&x.map(|x| -x.abs()), &shape), [0.0; 4]);
    }

    #[test]
    fn a_window_that_does_not_fit_is_dropped() {
        let shape = Pool { input: SQUARE, kernel: 2, stride: 2, padding: 0 };
        assert_eq!(avg_pool(&[1.0, 2.0, 9.0, 3.0, 4.0, 9.0, 9.0, 9.0, 9.0], &shape), [2.5]);
    }

    #[test]
    fn a_nan_wins_the_maximum() {
        let shape = Pool { input: Image { n: 1, h: 2, w: 2, c: 1 }, kernel: 2, stride: 2, padding: 0 };
        assert!(max_pool(&[1.0, f64::NAN, 3.0, 4.0], &shape)[0].is_nan());
    }

    #[test]
    fn the_global_average_is_one_value_a_channel() {
        let y = global_avg_pool(&[1.0, 10.0, 3.0, 30.0], &Image { n: 1, h: 1, w: 2, c: 2 });
        assert_eq!(y, [2.0, 20.0]);
    }
}
