//! 2x2 average pooling at stride 2 in NHWC; where a side is odd, the last mean is of the one or
//! two pixels that are left.
//!
//! ```text
//! y[n, i, j, c] = mean of x[n, 2i..2i+2, 2j..2j+2, c], as far as these pixels exist
//! ```
//!
//! It comes before the projection in the d variants' shortcut (arXiv 1812.01187, figure 2c). Reference:
//! `resnet_reference::avg_pool_2x2_ceil`.

use crate::parallel::{self, Shared, for_each_chunk};
use crate::size::floats;

/// The shapes of a 2x2 average pooling at stride 2 that rounds output sizes up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AvgPool2x2Ceil {
    /// Images.
    pub images: usize,
    /// Input height.
    pub in_h: usize,
    /// Input width.
    pub in_w: usize,
    /// Channels.
    pub channels: usize,
}

impl AvgPool2x2Ceil {
    /// Output height, rounded up.
    pub fn out_h(&self) -> usize {
        self.in_h.div_ceil(2)
    }
    /// Output width, rounded up.
    pub fn out_w(&self) -> usize {
        self.in_w.div_ceil(2)
    }
    /// Floats of the input.
    ///
    /// # Panics
    /// If no memory holds them, as in [`AvgPool2x2Ceil::output_len`].
    pub fn input_len(&self) -> usize {
        floats("avg_pool_2x2_ceil", &[self.images, self.in_h, self.in_w, self.channels])
    }
    /// Floats of the output.
    pub fn output_len(&self) -> usize {
        floats("avg_pool_2x2_ceil", &[self.images, self.out_h(), self.out_w(), self.channels])
    }

    /// Asserts that input and output have the shape's lengths.
    fn check(&self, input: usize, output: usize) {
        assert!(self.channels > 0, "avg_pool_2x2_ceil: no channels");
        assert_eq!(input, self.input_len(), "avg_pool_2x2_ceil: input of another shape");
        assert_eq!(output, self.output_len(), "avg_pool_2x2_ceil: output of another shape");
    }

    /// Rows of the input of all images that lie over row `row` of the output of all images: the first,
    /// and how many.
    fn rows(&self, row: usize) -> (usize, usize) {
        let (image, y) = (row / self.out_h(), row % self.out_h());
        (image * self.in_h + 2 * y, 2.min(self.in_h - 2 * y))
    }

    /// Columns over column `x` of the output: the first, and how many.
    fn columns(&self, x: usize) -> (usize, usize) {
        (2 * x, 2.min(self.in_w - 2 * x))
    }
}

/// Pools `x: [images, in_h, in_w, channels]` into `out: [images, out_h, out_w, channels]`.
///
/// # Panics
/// If lengths don't fit `shape`, or it has no channels.
pub fn avg_pool_2x2_ceil(shape: &AvgPool2x2Ceil, x: &[f32], out: &mut [f32]) {
    shape.check(x.len(), out.len());
    let (channels, row_len) = (shape.channels, shape.out_w() * shape.channels);
    for_each_chunk(out, row_len, |row, to| {
        let (first, rows) = shape.rows(row);
        for (column, to) in to.chunks_exact_mut(channels).enumerate() {
            let (left, columns) = shape.columns(column);
            to.fill(0.0);
            for y in first..first + rows {
                for from in x[(y * shape.in_w + left) * channels..].chunks_exact(channels).take(columns) {
                    to.iter_mut().zip(from).for_each(|(to, x)| *to += x);
                }
            }
            let share = 1.0 / (rows * columns) as f32;
            to.iter_mut().for_each(|to| *to *= share);
        }
    });
}

/// Writes the input's gradient to `dx`: each output's gradient is shared evenly by the pixels of its block.
///
/// # Panics
/// As [`avg_pool_2x2_ceil`].
pub fn avg_pool_2x2_ceil_backward(shape: &AvgPool2x2Ceil, dy: &[f32], dx: &mut [f32]) {
    shape.check(dx.len(), dy.len());
    let (channels, row_len) = (shape.channels, shape.in_w * shape.channels);
    let shared = Shared::new(dx);
    parallel::for_each(
        shape.images * shape.out_h(),
        || (),
        |_, row| {
            let (first, rows) = shape.rows(row);
            // SAFETY: each row of the input lies over one row of the output, so each task has its own.
            let to = unsafe { shared.slice(first * row_len, rows * row_len) };
            let dy = &dy[row * shape.out_w() * channels..][..shape.out_w() * channels];
            for to in to.chunks_exact_mut(row_len.max(1)) {
                for (x, to) in to.chunks_exact_mut(channels).enumerate() {
                    let (_, columns) = shape.columns(x / 2);
                    let share = 1.0 / (rows * columns) as f32;
                    let from = &dy[x / 2 * channels..][..channels];
                    to.iter_mut().zip(from).for_each(|(to, dy)| *to = dy * share);
                }
            }
        },
    );
}
