//! The convolution, as deep learning calls the cross-correlation:
//!
//! `y[n][i][j][o] = sum over c, u, v of x[n][i s + u - p][j s + v - p][c] w[o][c][u][v]`
//!
//! with stride `s` and padding `p`; outside the image `x` is zero.

use crate::Image;

/// The shape of one convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv {
    /// Images in the batch.
    pub n: usize,
    /// Height of the input.
    pub h: usize,
    /// Width of the input.
    pub w: usize,
    /// Channels of the input.
    pub c_in: usize,
    /// Channels of the output.
    pub c_out: usize,
    /// Height of the kernel.
    pub kh: usize,
    /// Width of the kernel.
    pub kw: usize,
    /// Stride in both directions.
    pub stride: usize,
    /// Zeros added on each of the four sides.
    pub padding: usize,
}

impl Conv {
    /// Height of the output, `(h + 2 padding - kh) / stride + 1`.
    pub fn h_out(&self) -> usize {
        (self.h + 2 * self.padding - self.kh) / self.stride + 1
    }

    /// Width of the output.
    pub fn w_out(&self) -> usize {
        (self.w + 2 * self.padding - self.kw) / self.stride + 1
    }

    /// Shape of the input, `[n, h, w, c_in]`.
    pub fn input(&self) -> Image {
        Image { n: self.n, h: self.h, w: self.w, c: self.c_in }
    }

    /// Shape of the output, `[n, h_out, w_out, c_out]`.
    pub fn output(&self) -> Image {
        Image { n: self.n, h: self.h_out(), w: self.w_out(), c: self.c_out }
    }

    /// Elements of the weight, `[c_out, c_in, kh, kw]`.
    pub fn weight_len(&self) -> usize {
        self.c_out * self.c_in * self.kh * self.kw
    }

    /// Calls `f(input, weight, output)` with the three places of every multiply-add of the convolution. The
    /// output and both gradients are this one sum, solved for a different operand.
    pub(crate) fn for_each_product(&self, mut f: impl FnMut(usize, usize, usize)) {
        let (input, output) = (self.input(), self.output());
        output.for_each(|n, i, j, o| {
            for c in 0..self.c_in {
                for u in 0..self.kh {
                    for v in 0..self.kw {
                        let (y, x) = (i * self.stride + u, j * self.stride + v);
                        let inside = (self.padding..self.padding + self.h).contains(&y)
                            && (self.padding..self.padding + self.w).contains(&x);
                        if inside {
                            let weight = ((o * self.c_in + c) * self.kh + u) * self.kw + v;
                            f(
                                input.at(n, y - self.padding, x - self.padding, c),
                                weight,
                                output.at(n, i, j, o),
                            );
                        }
                    }
                }
            }
        });
    }

    pub(crate) fn check(&self, what: &str, given: usize, expected: usize) {
        assert_eq!(given, expected, "the {what} has the wrong length for {self:?}");
    }
}

/// The output `[n, h_out, w_out, c_out]` for `x: [n, h, w, c_in]` and `w: [c_out, c_in, kh, kw]`.
pub fn conv2d(x: &[f64], w: &[f64], shape: &Conv) -> Vec<f64> {
    shape.check("input", x.len(), shape.input().len());
    shape.check("weight", w.len(), shape.weight_len());
    let mut y = vec![0.0; shape.output().len()];
    shape.for_each_product(|input, weight, output| y[output] += x[input] * w[weight]);
    y
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hand_computed_example_with_padding_and_stride() {
        // x = [[1, 2, 3], [4, 5, 6], [7, 8, 9]], w = [[1, 0, 0], [0, 10, 0], [0, 0, 100]]
        let shape = Conv { n: 1, h: 3, w: 3, c_in: 1, c_out: 1, kh: 3, kw: 3, stride: 2, padding: 1 };
        let x: Vec<f64> = (1..=9).map(f64::from).collect();
        let w = [1.0, 0.0, 0.0, 0.0, 10.0, 0.0, 0.0, 0.0, 100.0];
        assert_eq!(conv2d(&x, &w, &shape), [10.0 + 500.0, 30.0, 70.0, 90.0 + 5.0]);
    }

    #[test]
    fn a_1x1_kernel_is_a_matrix_product_over_pixels() {
        let shape = Conv { n: 1, h: 1, w: 2, c_in: 2, c_out: 3, kh: 1, kw: 1, stride: 1, padding: 0 };
        let y = conv2d(&[1.0, 2.0, 3.0, 4.0], &[1.0, 0.0, 0.0, 1.0, 1.0, 1.0], &shape);
        assert_eq!(y, [1.0, 2.0, 3.0, 3.0, 4.0, 7.0]);
    }

    #[test]
    fn the_kernel_may_be_oblong() {
        let shape = Conv { n: 1, h: 1, w: 3, c_in: 1, c_out: 1, kh: 1, kw: 2, stride: 1, padding: 0 };
        assert_eq!(conv2d(&[1.0, 2.0, 3.0], &[1.0, 10.0], &shape), [21.0, 32.0]);
    }
}
