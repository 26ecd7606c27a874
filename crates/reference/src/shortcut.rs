//! Option A, the shortcut without parameters: it takes every `s`-th pixel and adds channels of zeros,
//! `before = (c_out - c_in) / 2` of them before the input's channels and the others after:
//!
//! `y[n][i][j][before + c] = x[n][i s][j s][c]`, zero elsewhere; `dx[n][i s][j s][c] = dy[n][i][j][before +
//! c]`.

use crate::Image;

/// The shape of an option A shortcut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZeroPad {
    /// Shape of the input.
    pub input: Image,
    /// Channels of the output, at least those of the input.
    pub c_out: usize,
    /// Stride in both directions.
    pub stride: usize,
}

impl ZeroPad {
    /// Shape of the output: sides rounded up, as `x[:, ::s, ::s]` does.
    pub fn output(&self) -> Image {
        let Image { n, h, w, .. } = self.input;
        Image { n, h: h.div_ceil(self.stride), w: w.div_ceil(self.stride), c: self.c_out }
    }

    /// Zero channels in front of the input's.
    pub fn before(&self) -> usize {
        (self.c_out - self.input.c) / 2
    }

    /// Calls `f(input, output)` with the places of every value that the shortcut carries.
    fn for_each_carried(&self, mut f: impl FnMut(usize, usize)) {
        let output = self.output();
        Image { c: self.input.c, ..output }.for_each(|n, i, j, c| {
            f(self.input.at(n, i * self.stride, j * self.stride, c), output.at(n, i, j, self.before() + c));
        });
    }
}

/// The output `[n, ceil(h / s), ceil(w / s), c_out]`.
pub fn zero_pad_shortcut(x: &[f64], shape: &ZeroPad) -> Vec<f64> {
    assert_eq!(x.len(), shape.input.len(), "the input is not of {shape:?}");
    let mut y = vec![0.0; shape.output().len()];
    shape.for_each_carried(|input, output| y[output] = x[input]);
    y
}

/// The gradient `[n, h, w, c_in]` of the input.
pub fn zero_pad_shortcut_backward(dy: &[f64], shape: &ZeroPad) -> Vec<f64> {
    assert_eq!(dy.len(), shape.output().len(), "the output gradient is not of {shape:?}");
    let mut dx = vec![0.0; shape.input.len()];
    shape.for_each_carried(|input, output| dx[input] = dy[output]);
    dx
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finite_difference::{assert_gradient, dot, values};

    #[test]
    fn an_odd_difference_puts_the_smaller_half_in_front() {
        let shape = ZeroPad { input: Image { n: 1, h: 1, w: 3, c: 2 }, c_out: 5, stride: 2 };
        let y = zero_pad_shortcut(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &shape);
        assert_eq!(y, [0.0, 1.0, 2.0, 0.0, 0.0, 0.0, 5.0, 6.0, 0.0, 0.0]);
    }

    #[test]
    fn the_gradient_equals_central_differences() {
        for (n, h, w, c, c_out, stride) in
            [(2, 5, 7, 3, 5, 2), (1, 4, 6, 1, 17, 2), (2, 3, 3, 5, 5, 1), (1, 7, 4, 3, 6, 3)]
        {
            let shape = ZeroPad { input: Image { n, h, w, c }, c_out, stride };
            let (x, dy) = (values(1, shape.input.len()), values(2, shape.output().len()));
            let dx = zero_pad_shortcut_backward(&dy, &shape);
            assert_gradient(&format!("{shape:?}"), &x, &dx, |x| dot(&zero_pad_shortcut(x, &shape), &dy));
        }
    }
}
