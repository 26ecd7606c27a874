//! Average, maximum and global average pooling in NHWC, forward and backward.
//!
//! ```text
//! y[n, i, j, c] = mean or maximum over ky, kx < k of x[n, i s - p + ky, j s - p + kx, c]
//! ```
//!
//! As in PyTorch, an average counts the padding's zeros, and a maximum never falls on padding (but for
//! [`PoolKind::ZeroPaddedMax`]); its gradient goes to the first maximum in row-major order. Reference:
//! `resnet_reference::{avg_pool, max_pool, max_pool_zeros, global_avg_pool}`.

mod max;

use std::ops::Range;

use crate::Isa;
use crate::conv::{checked_padded, extent};
use crate::parallel::for_each_chunk;
use crate::size::{checked_floats, floats};

/// The geometry of a square pooling window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolShape {
    /// Images.
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
    Max,
    /// The largest value, padding counted as zeros, as in BiT's stem. A zero of the padding wins against a
    /// zero of the image, which then gets no gradient.
    ZeroPaddedMax,
}

impl PoolShape {
    /// Output height.
    ///
    /// # Panics
    /// If the stride is 0, or the padding larger than any memory, as in all of these.
    pub fn out_h(&self) -> usize {
        extent(self.in_h, self.kernel, self.stride, self.padding)
    }
    /// Output width.
    pub fn out_w(&self) -> usize {
        extent(self.in_w, self.kernel, self.stride, self.padding)
    }
    /// Floats of the input.
    pub fn input_len(&self) -> usize {
        floats("pool", &[self.images, self.in_h, self.in_w, self.channels])
    }
    /// Floats of the output.
    pub fn output_len(&self) -> usize {
        floats("pool", &[self.images, self.out_h(), self.out_w(), self.channels])
    }

    /// Whether memory could hold its padded input, its output and a window. If not, kernels refuse it, and
    /// the functions above may panic.
    pub fn has_lengths(&self) -> bool {
        let PoolShape { images, in_h, in_w, channels, kernel, stride, padding } = *self;
        if [in_h, in_w].iter().any(|size| checked_padded(*size, padding).is_none()) {
            return false;
        }
        let out = |size: usize| extent(size, kernel, stride.max(1), padding);
        let (input, output) = ([images, in_h, in_w, channels], [images, out(in_h), out(in_w), channels]);
        [input, output, [1, 1, kernel, kernel]].iter().all(|sides| checked_floats(sides).is_some())
    }

    /// Asserts that input and output have the shape's lengths, and that every window sees a pixel of the
    /// image.
    fn check(&self, input: usize, output: usize) {
        assert!(self.channels > 0 && self.kernel > 0, "pool: no channels, or a window of nothing: {self:?}");
        let has_pixels = output == 0 || (self.in_h > 0 && self.in_w > 0);
        assert!(
            self.padding < self.kernel && has_pixels,
            "pool: a window lies in the padding alone: {self:?}"
        );
        assert_eq!(input, self.input_len(), "pool: input of another shape");
        assert_eq!(output, self.output_len(), "pool: output of another shape");
        floats("pool", &[self.kernel, self.kernel]);
    }

    /// Whether the window at `(y, x)` overlaps padding.
    fn is_padded(&self, y: usize, x: usize) -> bool {
        let outside = |at: usize, size: usize| {
            let start = at * self.stride;
            start < self.padding || start + self.kernel > size + self.padding
        };
        outside(y, self.in_h) || outside(x, self.in_w)
    }

    /// The pixels of the image, along one axis of `size` pixels, that the window at `at` sees.
    fn axis(&self, at: usize, size: usize) -> Range<usize> {
        let start = at * self.stride;
        start.saturating_sub(self.padding)..(start + self.kernel).saturating_sub(self.padding).min(size)
    }

    /// Offsets, in one image, of the pixels of the window at `(y, x)`, in row-major order.
    fn window(&self, y: usize, x: usize) -> impl Iterator<Item = usize> + use<> {
        let (rows, columns) = (self.axis(y, self.in_h), self.axis(x, self.in_w));
        let (in_w, channels) = (self.in_w, self.channels);
        rows.flat_map(move |row| columns.clone().map(move |column| (row * in_w + column) * channels))
    }
}

/// Pools `x: [images, in_h, in_w, channels]` into `out: [images, out_h, out_w, channels]`.
///
/// # Panics
/// If lengths don't fit `shape`, its stride, kernel or number of channels is 0, or its padding is not less
/// than its kernel.
pub fn forward(isa: Isa, shape: &PoolShape, kind: PoolKind, x: &[f32], out: &mut [f32]) {
    shape.check(x.len(), out.len());
    let (image_len, out_h) = (shape.in_h * shape.in_w * shape.channels, shape.out_h());
    let row_len = shape.out_w() * shape.channels;
    let area = (shape.kernel * shape.kernel) as f32;
    for_each_chunk(out, row_len, |row, to| {
        let (image, y) = (row / out_h, row % out_h);
        let x = &x[image * image_len..][..image_len];
        if kind != PoolKind::Average {
            return max::forward_row(isa, (shape, kind), x, y, to);
        }
        for (column, to) in to.chunks_exact_mut(shape.channels).enumerate() {
            to.fill(0.0);
            for at in shape.window(y, column) {
                to.iter_mut().zip(&x[at..at + shape.channels]).for_each(|(to, x)| *to += x);
            }
            to.iter_mut().for_each(|to| *to /= area);
        }
    });
}

/// Writes the input's gradient to `dx`, from `dy`, the output's. `x` is the input, which only maxima read.
///
/// # Panics
/// As [`forward`].
pub fn backward(isa: Isa, shape: &PoolShape, kind: PoolKind, x: &[f32], dy: &[f32], dx: &mut [f32]) {
    shape.check(x.len(), dy.len());
    assert_eq!(dx.len(), x.len(), "pool: input gradient of another shape");
    let (image_len, out_w) = (shape.in_h * shape.in_w * shape.channels, shape.out_w());
    let out_len = shape.out_h() * out_w * shape.channels;
    let area = (shape.kernel * shape.kernel) as f32;
    // Windows overlap, so an image is one task.
    for_each_chunk(dx, image_len, |image, dx| {
        let (x, dy) = (&x[image * image_len..][..image_len], &dy[image * out_len..][..out_len]);
        dx.fill(0.0);
        if kind != PoolKind::Average {
            return max::backward_image(isa, (shape, kind), x, dy, dx);
        }
        for (index, dy) in dy.chunks_exact(shape.channels).enumerate() {
            for at in shape.window(index / out_w, index % out_w) {
                dx[at..at + shape.channels].iter_mut().zip(dy).for_each(|(dx, dy)| *dx += dy / area);
            }
        }
    });
}

/// Mean over all pixels of each image: `[images, pixels, channels]` to `[images, channels]`.
///
/// # Panics
/// If lengths don't agree, or there are no channels.
pub fn global_average(x: &[f32], images: usize, channels: usize, out: &mut [f32]) {
    let image_len = global_image_len(x.len(), images, channels, out.len());
    let pixels = (image_len / channels) as f32;
    for_each_chunk(out, channels, |image, to| {
        to.fill(0.0);
        for from in x[image * image_len..][..image_len].chunks_exact(channels) {
            to.iter_mut().zip(from).for_each(|(to, x)| *to += x);
        }
        to.iter_mut().for_each(|to| *to /= pixels);
    });
}

/// Spreads `dy: [images, channels]` evenly over the pixels of `dx: [images, pixels, channels]`.
///
/// # Panics
/// As [`global_average`].
pub fn global_average_backward(dy: &[f32], images: usize, channels: usize, dx: &mut [f32]) {
    let image_len = global_image_len(dx.len(), images, channels, dy.len());
    let pixels = (image_len / channels) as f32;
    for_each_chunk(dx, image_len, |image, dx| {
        for to in dx.chunks_exact_mut(channels) {
            to.iter_mut().zip(&dy[image * channels..]).for_each(|(to, dy)| *to = dy / pixels);
        }
    });
}

/// Floats of each of `images` images of `input` floats, whose averages are `output` floats.
fn global_image_len(input: usize, images: usize, channels: usize, output: usize) -> usize {
    assert!(channels > 0, "global_average: no channels");
    assert_eq!(
        output,
        floats("global_average", &[images, channels]),
        "global_average: output of another shape"
    );
    let image_len = input / images.max(1);
    assert!(
        input == image_len * images && image_len.is_multiple_of(channels),
        "global_average: input of another shape"
    );
    image_len
}
