//! Maximum pooling, a vector of channels at a time, forward and backward.
//!
//! NaN wins, as in PyTorch. The vector code doesn't handle it: where the sum over the window is NaN (also
//! because both infinities meet), the channels are done one by one.

use std::ops::Range;

use super::{PoolKind, PoolShape};
use crate::norm::vectors::{load, store};
use crate::simd::{Isa, Kernel, MOST_LANES, Simd, dispatch};

/// One row of the output of one image.
pub(super) fn forward_row(
    isa: Isa,
    (shape, kind): (&PoolShape, PoolKind),
    x: &[f32],
    y: usize,
    to: &mut [f32],
) {
    dispatch(isa, ForwardRow { shape, kind, x, y, to });
}

/// Adds the input's gradient of one image to `dx`, which is zero before.
pub(super) fn backward_image(
    isa: Isa,
    (shape, kind): (&PoolShape, PoolKind),
    x: &[f32],
    dy: &[f32],
    dx: &mut [f32],
) {
    dispatch(isa, BackwardImage { shape, kind, x, dy, dx });
}

/// The pixels of a window that lie in the image.
struct Window<'a> {
    shape: &'a PoolShape,
    /// Where it is in the output, row and column.
    at: (usize, usize),
    rows: Range<usize>,
    columns: Range<usize>,
    /// Floats from one row to the next, and from one pixel.
    row: usize,
    pixel: usize,
    /// Whether zeros of the padding take part.
    has_zeros: bool,
}

impl<'a> Window<'a> {
    fn of(shape: &'a PoolShape, kind: PoolKind, y: usize, x: usize) -> Self {
        let (rows, columns) = (shape.axis(y, shape.in_h), shape.axis(x, shape.in_w));
        let has_zeros = kind == PoolKind::ZeroPaddedMax && shape.is_padded(y, x);
        let (row, pixel) = (shape.in_w * shape.channels, shape.channels);
        Window { shape, at: (y, x), rows, columns, row, pixel, has_zeros }
    }

    /// The largest value of each of `n` channels, and whether there may be a NaN in one.
    ///
    /// # Safety
    /// `x` must be valid for reading `n` channels of the window's pixels.
    #[inline(always)]
    unsafe fn maxima<S: Simd>(&self, simd: S, x: *const f32, n: usize) -> (S::V, bool) {
        let (mut largest, mut sum, mut is_first) = (simd.splat(0.0), simd.splat(0.0), !self.has_zeros);
        for row in self.rows.clone() {
            for column in self.columns.clone() {
                // SAFETY: the caller's promise.
                let value = unsafe { load(simd, x.add(row * self.row + column * self.pixel), n) };
                largest = if is_first { value } else { simd.max(largest, value) };
                (sum, is_first) = (simd.add(sum, value), false);
            }
        }
        let mut sums = [0.0f32; MOST_LANES];
        // SAFETY: there is room for the widest vector.
        unsafe { simd.store(sums.as_mut_ptr(), sum) };
        (largest, sums.iter().any(|sum| sum.is_nan()))
    }

    /// Where the first of the largest values of channel `c` lies; `None` if zeros of the padding win.
    fn first_maximum(&self, x: &[f32], c: usize) -> Option<usize> {
        let first = self.shape.window(self.at.0, self.at.1).map(|at| at + c).reduce(|best, at| {
            if x[at] > x[best] || (x[at].is_nan() && !x[best].is_nan()) { at } else { best }
        });
        // Not `x > 0`: NaN wins.
        first.filter(|at| !(self.has_zeros && x[*at] <= 0.0))
    }
}

struct ForwardRow<'a> {
    shape: &'a PoolShape,
    kind: PoolKind,
    x: &'a [f32],
    y: usize,
    to: &'a mut [f32],
}

impl Kernel for ForwardRow<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let channels = self.shape.channels;
        assert!(self.x.len() >= self.shape.in_h * self.shape.in_w * channels);
        for (column, to) in self.to.chunks_exact_mut(channels).enumerate() {
            let window = Window::of(self.shape, self.kind, self.y, column);
            for c in (0..channels).step_by(S::LANES) {
                let n = S::LANES.min(channels - c);
                // SAFETY: the window lies in the image, c + n inside the channels.
                let has_nan = unsafe {
                    let (largest, has_nan) = window.maxima(simd, self.x.as_ptr().add(c), n);
                    store(simd, to.as_mut_ptr().add(c), largest, n);
                    has_nan
                };
                if has_nan {
                    for c in c..c + n {
                        to[c] = window.first_maximum(self.x, c).map_or(0.0, |at| self.x[at]);
                    }
                }
            }
        }
    }
}

struct BackwardImage<'a> {
    shape: &'a PoolShape,
    kind: PoolKind,
    x: &'a [f32],
    dy: &'a [f32],
    dx: &'a mut [f32],
}

impl Kernel for BackwardImage<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (channels, out_w) = (self.shape.channels, self.shape.out_w());
        let image = self.shape.in_h * self.shape.in_w * channels;
        assert!(self.x.len() >= image && self.dx.len() >= image);
        for (index, dy) in self.dy.chunks_exact(channels).enumerate() {
            let window = Window::of(self.shape, self.kind, index / out_w, index % out_w);
            for c in (0..channels).step_by(S::LANES) {
                let n = S::LANES.min(channels - c);
                // SAFETY: the window lies in the image, c + n inside the channels.
                unsafe {
                    let (largest, has_nan) = window.maxima(simd, self.x.as_ptr().add(c), n);
                    if has_nan {
                        for c in c..c + n {
                            if let Some(at) = window.first_maximum(self.x, c) {
                                self.dx[at] += dy[c];
                            }
                        }
                        continue;
                    }
                    let mut left = load(simd, dy.as_ptr().add(c), n);
                    if window.has_zeros {
                        left = simd.where_positive(largest, left);
                    }
                    for row in window.rows.clone() {
                        for column in window.columns.clone() {
                            let at = row * window.row + column * window.pixel + c;
                            let x = load(simd, self.x.as_ptr().add(at), n);
                            // The first pixel as large as the maximum takes the gradient, which leaves
                            // nothing for later ones.
                            let later = simd.where_positive(simd.sub(largest, x), left);
                            let dx = self.dx.as_mut_ptr().add(at);
                            let sum = simd.add(load(simd, dx.cast_const(), n), simd.sub(left, later));
                            store(simd, dx, sum, n);
                            left = later;
                        }
                    }
                }
            }
        }
    }
}
