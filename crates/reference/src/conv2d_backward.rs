//! The two gradients of the convolution of `conv2d.rs`:
//!
//! `dx[n][y][x][c] = sum over o, u, v of dy[n][i][j][o] w[o][c][u][v]` where `i s + u - p = y` and
//! `j s + v - p = x`,
//!
//! `dw[o][c][u][v] = sum over n, i, j of dy[n][i][j][o] x[n][i s + u - p][j s + v - p][c]`.

use crate::Conv;

/// The gradient `[n, h, w, c_in]` of the input, for `dy: [n, h_out, w_out, c_out]`.
pub fn conv2d_input_grad(dy: &[f64], w: &[f64], shape: &Conv) -> Vec<f64> {
    shape.check("output gradient", dy.len(), shape.output().len());
    shape.check("weight", w.len(), shape.weight_len());
    let mut dx = vec![0.0; shape.input().len()];
    shape.for_each_product(|input, weight, output| dx[input] += dy[output] * w[weight]);
    dx
}

/// The gradient `[c_out, c_in, kh, kw]` of the weight, for `dy: [n, h_out, w_out, c_out]`.
pub fn conv2d_weight_grad(x: &[f64], dy: &[f64], shape: &Conv) -> Vec<f64> {
    shape.check("input", x.len(), shape.input().len());
    shape.check("output gradient", dy.len(), shape.output().len());
    let mut dw = vec![0.0; shape.weight_len()];
    shape.for_each_product(|input, weight, output| dw[weight] += dy[output] * x[input]);
    dw
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conv2d;
    use crate::finite_difference::{assert_gradient, dot, values};

    /// (n, h, w, c_in, c_out, kernel, stride, padding): odd sides, strides that leave pixels over, and a 7x7
    /// stem.
    const SHAPES: &[[usize; 8]] = &[
        [1, 1, 1, 1, 1, 1, 1, 0],
        [2, 5, 7, 3, 5, 3, 1, 1],
        [1, 7, 5, 5, 3, 3, 2, 1],
        [2, 6, 4, 1, 17, 3, 2, 1],
        [1, 3, 4, 17, 1, 3, 1, 1],
        [2, 5, 3, 5, 17, 1, 1, 0],
        [1, 7, 6, 3, 5, 1, 2, 0],
        [1, 11, 9, 3, 5, 7, 2, 3],
        [1, 5, 6, 2, 3, 3, 1, 0],
    ];

    #[test]
    fn both_gradients_equal_central_differences() {
        for &[n, h, w, c_in, c_out, k, stride, padding] in SHAPES {
            let shape = Conv { n, h, w, c_in, c_out, kh: k, kw: k, stride, padding };
            let x = values(1, shape.input().len());
            let weight = values(2, shape.weight_len());
            let dy = values(3, shape.output().len());
            let name = format!("{shape:?}");
            let dx = conv2d_input_grad(&dy, &weight, &shape);
            assert_gradient(&name, &x, &dx, |x| dot(&conv2d(x, &weight, &shape), &dy));
            let dw = conv2d_weight_grad(&x, &dy, &shape);
            assert_gradient(&name, &weight, &dw, |weight| dot(&conv2d(&x, weight, &shape), &dy));
        }
    }

    #[test]
    fn an_oblong_kernel_too() {
        let shape = Conv { n: 2, h: 5, w: 6, c_in: 2, c_out: 3, kh: 1, kw: 3, stride: 2, padding: 0 };
        let (x, w) = (values(1, shape.input().len()), values(2, shape.weight_len()));
        let dy = values(3, shape.output().len());
        assert_gradient("dx", &x, &conv2d_input_grad(&dy, &w, &shape), |x| dot(&conv2d(x, &w, &shape), &dy));
        assert_gradient("dw", &w, &conv2d_weight_grad(&x, &dy, &shape), |w| dot(&conv2d(&x, w, &shape), &dy));
    }
}
