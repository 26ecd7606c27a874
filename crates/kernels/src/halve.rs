//! Halving a picture in NHWC: the mean of each 2x2 block; where a side is odd, of the one or two pixels that
//! are left.
//!
//! It comes before the projection in the d variants' shortcut (arXiv 1812.01187, figure 2c). Reference:
//! `resnet_reference::halve`.

use crate::parallel::{self, Shared};
use crate::size::floats;

/// The shape of a picture to halve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Halve {
    /// Pictures.
    pub images: usize,
    /// Input height.
    pub in_h: usize,
    /// Input width.
    pub in_w: usize,
    /// Channels.
    pub channels: usize,
}

impl Halve {
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
    /// If no memory holds them, as in [`Halve::output_len`].
    pub fn input_len(&self) -> usize {
        floats("halve", &[self.images, self.in_h, self.in_w, self.channels])
    }
    /// Floats of the output.
    pub fn output_len(&self) -> usize {
        floats("halve", &[self.images, self.out_h(), self.out_w(), self.channels])
    }

    /// The lengths of the input and the output.
    fn check(&self, input: usize, output: usize) {
        assert!(self.channels > 0, "halve: no channels");
        assert_eq!(input, self.input_len(), "halve: input of another shape");
        assert_eq!(output, self.output_len(), "halve: output of another shape");
    }

    /// Rows of the input of all pictures that lie over row `row` of the output of all pictures: the first,
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

/// Halves `x` into `out`.
///
/// # Panics
/// If lengths don't fit `shape`, or it has no channels.
pub fn halve(shape: &Halve, x: &[f32], out: &mut [f32]) {
    shape.check(x.len(), out.len());
    let (channels, row_len) = (shape.channels, shape.out_w() * shape.channels);
    let shared = Shared::new(out);
    parallel::for_each(
        shape.images * shape.out_h(),
        || (),
        |_, row| {
            // SAFETY: each task has its own row.
            let to = unsafe { shared.slice(row * row_len, row_len) };
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
        },
    );
}

/// The input's gradient: that of a block's mean, shared out evenly.
///
/// # Panics
/// As [`halve`].
pub fn halve_backward(shape: &Halve, dy: &[f32], dx: &mut [f32]) {
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
