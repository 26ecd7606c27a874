//! Elementwise passes over tensors of any shape (ReLU, its backward, sums), and option A's zero-padding
//! shortcut.
//!
//! ```text
//! relu   y = max(x, 0)      relu_backward   dx = dy where y > 0, else 0
//! add    y = a + b          add_relu        y = max(a + b, 0)
//! scale  y = factor x
//! zero_pad   y[n, y, x, before + c] = x[n, y s, x s, c], zero in the other channels
//! ```
//!
//! Plain loops: these passes run at the memory's speed, and compilers vectorise them. Reference:
//! `resnet_reference::{relu, relu_backward, add, zero_pad_shortcut}`.

use crate::parallel::for_each_chunk;
use crate::size::floats;

/// Floats in a task: 64 KiB.
pub(crate) const CHUNK: usize = 16 << 10;

/// Runs `work(range, out[range])` over chunks of `out`.
pub(crate) fn chunked(out: &mut [f32], work: impl Fn(std::ops::Range<usize>, &mut [f32]) + Sync) {
    for_each_chunk(out, CHUNK, |index, out| work(index * CHUNK..index * CHUNK + out.len(), out));
}

/// `out = max(x, 0)`
///
/// # Panics
/// If lengths differ, as in all functions here.
pub fn relu(x: &[f32], out: &mut [f32]) {
    assert_eq!(x.len(), out.len(), "relu: output of another shape");
    chunked(out, |range, out| {
        for (out, &x) in out.iter_mut().zip(&x[range]) {
            // NaN stays NaN, as in PyTorch.
            *out = if x < 0.0 { 0.0 } else { x };
        }
    });
}

/// `dx = dy` where `y > 0` (or is NaN, as in PyTorch), else 0; `y` is ReLU's output, or its input, which is
/// positive at the same elements.
pub fn relu_backward(y: &[f32], dy: &[f32], dx: &mut [f32]) {
    assert!(y.len() == dx.len() && dy.len() == dx.len(), "relu_backward: shapes differ");
    chunked(dx, |range, dx| {
        for ((dx, &y), &dy) in dx.iter_mut().zip(&y[range.clone()]).zip(&dy[range]) {
            *dx = if y <= 0.0 { 0.0 } else { dy };
        }
    });
}

/// `out = a + b`
pub fn add(a: &[f32], b: &[f32], out: &mut [f32]) {
    assert!(a.len() == out.len() && b.len() == out.len(), "add: shapes differ");
    chunked(out, |range, out| {
        for ((out, &a), &b) in out.iter_mut().zip(&a[range.clone()]).zip(&b[range]) {
            *out = a + b;
        }
    });
}

/// `out = max(a + b, 0)`
pub fn add_relu(a: &[f32], b: &[f32], out: &mut [f32]) {
    assert!(a.len() == out.len() && b.len() == out.len(), "add_relu: shapes differ");
    chunked(out, |range, out| {
        for ((out, &a), &b) in out.iter_mut().zip(&a[range.clone()]).zip(&b[range]) {
            let sum = a + b;
            // NaN stays NaN, as in [`relu`].
            *out = if sum < 0.0 { 0.0 } else { sum };
        }
    });
}

/// `out = factor x`
pub fn scale(x: &[f32], factor: f32, out: &mut [f32]) {
    assert_eq!(x.len(), out.len(), "scale: output of another shape");
    chunked(out, |range, out| {
        for (out, &x) in out.iter_mut().zip(&x[range]) {
            *out = x * factor;
        }
    });
}

/// `to += x`
pub fn add_assign(to: &mut [f32], x: &[f32]) {
    assert_eq!(x.len(), to.len(), "add_assign: shapes differ");
    chunked(to, |range, to| {
        for (to, &x) in to.iter_mut().zip(&x[range]) {
            *to += x;
        }
    });
}

/// The shapes of option A's shortcut: it takes every `stride`-th pixel and adds channels of zeros, half
/// before and half after the input's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ZeroPad {
    /// Images.
    pub images: usize,
    /// Input height.
    pub in_h: usize,
    /// Input width.
    pub in_w: usize,
    /// Input channels.
    pub in_channels: usize,
    /// Output channels, at least as many.
    pub out_channels: usize,
    /// Input pixels from one output pixel to the next.
    pub stride: usize,
}

impl ZeroPad {
    /// Output height.
    ///
    /// # Panics
    /// If the stride is 0.
    pub fn out_h(&self) -> usize {
        assert!(self.stride > 0, "zero_pad: a stride of 0");
        self.in_h.div_ceil(self.stride)
    }
    /// Output width.
    ///
    /// # Panics
    /// If the stride is 0.
    pub fn out_w(&self) -> usize {
        assert!(self.stride > 0, "zero_pad: a stride of 0");
        self.in_w.div_ceil(self.stride)
    }
    /// Zero channels before the first that is copied.
    ///
    /// # Panics
    /// If there are fewer output than input channels.
    pub fn before(&self) -> usize {
        assert!(
            self.in_channels <= self.out_channels,
            "zero_pad: {} channels don't fit {}",
            self.in_channels,
            self.out_channels
        );
        (self.out_channels - self.in_channels) / 2
    }
    fn check(&self, small: usize, large: usize) {
        assert!(self.in_channels > 0, "zero_pad: no channels");
        let input = floats("zero_pad", &[self.images, self.in_h, self.in_w, self.in_channels]);
        assert_eq!(small, input, "zero_pad: input of another shape");
        let output = floats("zero_pad", &[self.images, self.out_h(), self.out_w(), self.out_channels]);
        assert_eq!(large, output, "zero_pad: output of another shape");
    }
}

/// Option A forward: `[N, H, W, in_channels]` to `[N, H/s, W/s, out_channels]`, sides rounded up.
///
/// # Panics
/// If lengths don't fit `shape`, its stride or number of channels is 0, or it has fewer output than input
/// channels.
pub fn zero_pad(shape: &ZeroPad, x: &[f32], out: &mut [f32]) {
    shape.check(x.len(), out.len());
    let (out_h, out_row, before) = (shape.out_h(), shape.out_w() * shape.out_channels, shape.before());
    for_each_chunk(out, out_row, |row, to| {
        let (image, y) = (row / out_h, row % out_h);
        let from = &x[(image * shape.in_h + y * shape.stride) * shape.in_w * shape.in_channels..]
            [..shape.in_w * shape.in_channels];
        for (to, from) in to
            .chunks_exact_mut(shape.out_channels)
            .zip(from.chunks_exact(shape.in_channels).step_by(shape.stride))
        {
            to[..before].fill(0.0);
            to[before..before + shape.in_channels].copy_from_slice(from);
            to[before + shape.in_channels..].fill(0.0);
        }
    });
}

/// Option A backward: the gradient of the pixels and channels that were copied, zero elsewhere.
///
/// # Panics
/// As [`zero_pad`].
pub fn zero_pad_backward(shape: &ZeroPad, dy: &[f32], dx: &mut [f32]) {
    shape.check(dx.len(), dy.len());
    let (in_row, out_row, before) =
        (shape.in_w * shape.in_channels, shape.out_w() * shape.out_channels, shape.before());
    let out_h = shape.out_h();
    for_each_chunk(dx, in_row, |row, to| {
        let (image, y) = (row / shape.in_h, row % shape.in_h);
        to.fill(0.0);
        if y % shape.stride == 0 {
            let from = &dy[(image * out_h + y / shape.stride) * out_row..][..out_row];
            for (to, from) in to
                .chunks_exact_mut(shape.in_channels)
                .step_by(shape.stride)
                .zip(from.chunks_exact(shape.out_channels))
            {
                to.copy_from_slice(&from[before..before + shape.in_channels]);
            }
        }
    });
}
