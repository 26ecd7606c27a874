//! Average, maximum and global average pooling in NHWC, forward and backward.
//!
//! As in PyTorch, an average counts the padding's zeros, and a maximum never falls on padding (but for
//! [`PoolKind::MaximumOrZero`]); its gradient goes to the first maximum in row-major order. Reference:
//! `resnet_reference::{avg_pool, max_pool, max_pool_zeros, global_avg_pool}`.

use crate::conv::extent;
use crate::parallel::{self, Shared};

/// The geometry of a square pooling window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolShape {
    /// Pictures.
    pub images: usize,
    /// Input height.
    pub in_h: usize,
    /// Input width.
    pub in_w: usize,
    /// Channels.
    pub channels: usize,
    /// Height and width of the window.
    pub kernel: usize,
    /// Input pixels from one window to the next.
    pub stride: usize,
    /// Rows and columns of padding on each side; less than `kernel`.
    pub padding: usize,
}

/// What a window yields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolKind {
    /// The mean over `kernel * kernel` values, padding included.
    Average,
    /// The largest value, never of padding.
    Maximum,
    /// The largest value, padding counted as zeros (which win against other zeros), as in BiT's stem.
    MaximumOrZero,
}

impl PoolShape {
    /// Output height.
    pub fn out_h(&self) -> usize {
        extent(self.in_h, self.kernel, self.stride, self.padding)
    }
    /// Output width.
    pub fn out_w(&self) -> usize {
        extent(self.in_w, self.kernel, self.stride, self.padding)
    }
    /// Floats of the input.
    pub fn input_len(&self) -> usize {
        self.images * self.in_h * self.in_w * self.channels
    }
    /// Floats of the output.
    pub fn output_len(&self) -> usize {
        self.images * self.out_h() * self.out_w() * self.channels
    }

    /// Whether the window at `(y, x)` overlaps padding.
    fn is_padded(&self, y: usize, x: usize) -> bool {
        let outside = |at: usize, size: usize| {
            let start = at * self.stride;
            start < self.padding || start + self.kernel > size + self.padding
        };
        outside(y, self.in_h) || outside(x, self.in_w)
    }

    /// Offsets, in one picture, of the pixels of the window at `(y, x)`, in row-major order.
    fn window(&self, y: usize, x: usize) -> impl Iterator<Item = usize> + use<> {
        let axis = |at: usize, size: usize| {
            let start = at * self.stride;
            start.saturating_sub(self.padding)..(start + self.kernel).saturating_sub(self.padding).min(size)
        };
        let (rows, columns, in_w, channels) =
            (axis(y, self.in_h), axis(x, self.in_w), self.in_w, self.channels);
        rows.flat_map(move |row| columns.clone().map(move |column| (row * in_w + column) * channels))
    }
}

/// Pools `x` into `out`.
///
/// # Panics
/// If lengths don't fit `shape`.
pub fn forward(shape: &PoolShape, kind: PoolKind, x: &[f32], out: &mut [f32]) {
    assert_eq!(x.len(), shape.input_len(), "pool: input of another shape");
    assert_eq!(out.len(), shape.output_len(), "pool: output of another shape");
    let (picture, row_len) = (shape.in_h * shape.in_w * shape.channels, shape.out_w() * shape.channels);
    let area = (shape.kernel * shape.kernel) as f32;
    let shared = Shared::new(out);
    parallel::for_each(
        shape.images * shape.out_h(),
        || (),
        |_, row| {
            let (image, y) = (row / shape.out_h(), row % shape.out_h());
            let x = &x[image * picture..][..picture];
            // SAFETY: each task has its own row.
            let to = unsafe { shared.slice(row * row_len, row_len) };
            for (column, to) in to.chunks_exact_mut(shape.channels).enumerate() {
                to.fill(match kind {
                    PoolKind::Average => 0.0,
                    PoolKind::MaximumOrZero if shape.is_padded(y, column) => 0.0,
                    PoolKind::Maximum | PoolKind::MaximumOrZero => f32::NEG_INFINITY,
                });
                for at in shape.window(y, column) {
                    let from = &x[at..at + shape.channels];
                    match kind {
                        PoolKind::Average => to.iter_mut().zip(from).for_each(|(to, x)| *to += x),
                        // NaN wins, as in PyTorch.
                        PoolKind::Maximum | PoolKind::MaximumOrZero => {
                            to.iter_mut()
                                .zip(from)
                                .for_each(|(to, &x)| *to = if x > *to || x.is_nan() { x } else { *to });
                        }
                    }
                }
                if kind == PoolKind::Average {
                    to.iter_mut().for_each(|to| *to /= area);
                }
            }
        },
    );
}

/// The input's gradient from `dy`; `x` is the input (only maxima look at it).
///
/// # Panics
/// If lengths don't fit `shape`.
pub fn backward(shape: &PoolShape, kind: PoolKind, x: &[f32], dy: &[f32], dx: &mut [f32]) {
    assert_eq!(x.len(), shape.input_len(), "pool: input of another shape");
    assert_eq!(dx.len(), shape.input_len(), "pool: input gradient of another shape");
    assert_eq!(dy.len(), shape.output_len(), "pool: output gradient of another shape");
    let (picture, out_len) =
        (shape.in_h * shape.in_w * shape.channels, shape.out_h() * shape.out_w() * shape.channels);
    let area = (shape.kernel * shape.kernel) as f32;
    let shared = Shared::new(dx);
    // Windows overlap, so a picture is one task.
    parallel::for_each(
        shape.images,
        || (),
        |_, image| {
            // SAFETY: each task has its own picture.
            let dx = unsafe { shared.slice(image * picture, picture) };
            let (x, dy) = (&x[image * picture..][..picture], &dy[image * out_len..][..out_len]);
            dx.fill(0.0);
            for (index, dy) in dy.chunks_exact(shape.channels).enumerate() {
                let (y, column) = (index / shape.out_w(), index % shape.out_w());
                match kind {
                    PoolKind::Average => {
                        for at in shape.window(y, column) {
                            dx[at..at + shape.channels]
                                .iter_mut()
                                .zip(dy)
                                .for_each(|(dx, dy)| *dx += dy / area);
                        }
                    }
                    PoolKind::Maximum | PoolKind::MaximumOrZero => {
                        let zero = kind == PoolKind::MaximumOrZero && shape.is_padded(y, column);
                        for (c, dy) in dy.iter().enumerate() {
                            let first_maximum =
                                shape.window(y, column).map(|at| at + c).reduce(|best, at| {
                                    if x[at] > x[best] || (x[at].is_nan() && !x[best].is_nan()) {
                                        at
                                    } else {
                                        best
                                    }
                                });
                            // Not `x > 0`: NaN wins.
                            if let Some(at) = first_maximum.filter(|&at| !(zero && x[at] <= 0.0)) {
                                dx[at] += dy;
                            }
                        }
                    }
                }
            }
        },
    );
}

/// Mean over all pixels of each picture: `[images, pixels, channels]` to `[images, channels]`.
///
/// # Panics
/// If lengths don't agree.
pub fn global_average(x: &[f32], images: usize, channels: usize, out: &mut [f32]) {
    assert_eq!(out.len(), images * channels, "global_average: output of another shape");
    let picture = x.len() / images.max(1);
    assert!(
        x.len() == picture * images && picture.is_multiple_of(channels),
        "global_average: input of another shape"
    );
    let pixels = (picture / channels) as f32;
    let shared = Shared::new(out);
    parallel::for_each(
        images,
        || (),
        |_, image| {
            // SAFETY: each task has its own picture.
            let to = unsafe { shared.slice(image * channels, channels) };
            to.fill(0.0);
            for from in x[image * picture..][..picture].chunks_exact(channels) {
                to.iter_mut().zip(from).for_each(|(to, x)| *to += x);
            }
            to.iter_mut().for_each(|to| *to /= pixels);
        },
    );
}

/// Spreads `dy: [images, channels]` evenly over the pixels of `dx`.
///
/// # Panics
/// If lengths don't agree.
pub fn global_average_backward(dy: &[f32], images: usize, channels: usize, dx: &mut [f32]) {
    assert_eq!(dy.len(), images * channels, "global_average: gradient of another shape");
    let picture = dx.len() / images.max(1);
    assert!(
        dx.len() == picture * images && picture.is_multiple_of(channels),
        "global_average: input of another shape"
    );
    let pixels = (picture / channels) as f32;
    let shared = Shared::new(dx);
    parallel::for_each(
        images,
        || (),
        |_, image| {
            // SAFETY: each task has its own picture.
            let dx = unsafe { shared.slice(image * picture, picture) };
            for to in dx.chunks_exact_mut(channels) {
                to.iter_mut().zip(&dy[image * channels..]).for_each(|(to, dy)| *to = dy / pixels);
            }
        },
    );
}
