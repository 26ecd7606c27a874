//! 2x2 average pooling at stride 2: `y[n][i][j][c]` is the mean of those of `x[n][2 i + u][2 j + v][c]`, `u`
//! and `v` in `{0, 1}`, that lie in the image; sides are rounded up. In the backward pass each of these
//! pixels gets an equal share of the gradient.

use crate::Image;

/// The shape of the output.
pub fn pooled_2x2(shape: &Image) -> Image {
    Image { h: shape.h.div_ceil(2), w: shape.w.div_ceil(2), ..*shape }
}

/// Calls `f(output, block)` with the places of each output's block.
fn for_each_block(shape: &Image, mut f: impl FnMut(usize, &[usize])) {
    let output = pooled_2x2(shape);
    output.for_each(|n, i, j, c| {
        let corners = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(u, v)| (2 * i + u, 2 * j + v));
        let inside = corners.into_iter().filter(|&(y, x)| y < shape.h && x < shape.w);
        let block: Vec<usize> = inside.map(|(y, x)| shape.at(n, y, x, c)).collect();
        f(output.at(n, i, j, c), &block);
    });
}

/// The mean of each 2x2 block, `[n, ceil(h / 2), ceil(w / 2), c]`.
pub fn avg_pool_2x2_ceil(x: &[f64], shape: &Image) -> Vec<f64> {
    assert_eq!(x.len(), shape.len(), "the input is not of {shape:?}");
    let mut y = vec![0.0; pooled_2x2(shape).len()];
    for_each_block(shape, |output, block| {
        y[output] = block.iter().map(|&at| x[at]).sum::<f64>() / block.len() as f64;
    });
    y
}

/// The gradient `[n, h, w, c]` of the input of [`avg_pool_2x2_ceil`].
pub fn avg_pool_2x2_ceil_backward(dy: &[f64], shape: &Image) -> Vec<f64> {
    assert_eq!(dy.len(), pooled_2x2(shape).len(), "the output gradient is not of {shape:?}");
    let mut dx = vec![0.0; shape.len()];
    for_each_block(shape, |output, block| {
        block.iter().for_each(|&at| dx[at] = dy[output] / block.len() as f64);
    });
    dx
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finite_difference::{assert_gradient, dot, values};

    #[test]
    fn a_hand_computed_example() {
        let x = [1.0, 2.0, 9.0, 3.0, 4.0, 7.0, 5.0, 8.0, 6.0];
        assert_eq!(avg_pool_2x2_ceil(&x, &Image { n: 1, h: 3, w: 3, c: 1 }), [2.5, 8.0, 6.5, 6.0]);
    }

    #[test]
    fn gradients_equal_central_differences() {
        for (n, h, w, c) in [(1, 1, 1, 1), (2, 4, 6, 3), (1, 5, 7, 2), (3, 1, 8, 5)] {
            let shape = Image { n, h, w, c };
            let (x, dy) = (values(1, shape.len()), values(2, pooled_2x2(&shape).len()));
            let dx = avg_pool_2x2_ceil_backward(&dy, &shape);
            assert_gradient(&format!("{shape:?}"), &x, &dx, |x| dot(&avg_pool_2x2_ceil(x, &shape), &dy));
        }
    }
}
