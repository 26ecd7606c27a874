//! The geometry of a convolution.

use crate::size::{MOST_FLOATS, checked_floats, floats};

/// The geometry of a square convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConvShape {
    /// Images in the batch.
    pub images: usize,
    /// Input height in pixels.
    pub in_h: usize,
    /// Input width in pixels.
    pub in_w: usize,
    /// Input channels.
    pub in_channels: usize,
    /// Output channels, the number of filters.
    pub out_channels: usize,
    /// Height and width of a filter.
    pub kernel: usize,
    /// Input pixels from one output pixel to the next.
    pub stride: usize,
    /// Rows and columns of zeros on each side.
    pub padding: usize,
}

impl ConvShape {
    /// Output height; 0 if the filter is larger than the padded input.
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
        floats("conv2d", &[self.images, self.in_h, self.in_w, self.in_channels])
    }
    /// Floats of the output.
    pub fn output_len(&self) -> usize {
        floats("conv2d", &[self.images, self.out_h(), self.out_w(), self.out_channels])
    }
    /// Floats of the weights.
    pub fn weight_len(&self) -> usize {
        floats("conv2d", &[self.out_channels, self.in_channels, self.kernel, self.kernel])
    }
    /// Multiply-adds of one pass over one image, by the definition (what the literature counts); at most
    /// `u64::MAX`.
    pub fn multiply_adds_per_image(&self) -> u64 {
        let ConvShape { in_channels, out_channels, kernel, .. } = *self;
        let sides = [self.out_h(), self.out_w(), out_channels, in_channels, kernel, kernel];
        sides.iter().fold(1, |product: u64, side| product.saturating_mul(*side as u64))
    }

    /// Whether memory could hold its input, output and weights, and the padded ones that strips are parts of.
    /// If not, kernels refuse it, and the functions above may panic.
    pub fn has_lengths(&self) -> bool {
        let ConvShape { images, in_h, in_w, in_channels, out_channels, kernel, stride, padding } = *self;
        let strip = |size: usize| checked_padded(size, padding)?.checked_add(kernel);
        let (Some(strip_h), Some(strip_w)) = (strip(in_h), strip(in_w)) else { return false };
        let out = |size: usize| extent(size, kernel, stride.max(1), padding);
        let tensors = [
            [images, in_h, in_w, in_channels],
            [images, out(in_h), out(in_w), out_channels],
            [out_channels, in_channels, kernel, kernel],
            [1, strip_h, strip_w, in_channels.max(out_channels)],
        ];
        stride <= MOST_FLOATS && tensors.iter().all(|sides| checked_floats(sides).is_some())
    }

    /// Panics if this is no convolution, or if no memory holds its padded input or padded output gradient, of
    /// which strips are parts. For a shape that passes, sums and products of a few of its lengths don't wrap
    /// around.
    pub(super) fn check(&self) {
        let ConvShape { in_h, in_w, in_channels, out_channels, kernel, stride, padding, .. } = *self;
        assert!(
            in_channels > 0 && out_channels > 0 && kernel > 0,
            "conv2d: no channels, or a filter without taps: {self:?}"
        );
        self.input_len();
        self.output_len();
        self.weight_len();
        let padded = |size: usize| padded(size, padding) + kernel;
        floats("conv2d", &[padded(in_h), padded(in_w), in_channels.max(out_channels)]);
        assert!(stride <= MOST_FLOATS, "conv2d: a stride of {stride} pixels");
    }
}

/// Output pixels along one axis; 0 if the window is larger than the padded input.
///
/// # Panics
/// If the stride is 0, or the padded input larger than any memory.
pub(crate) fn extent(size: usize, kernel: usize, stride: usize, padding: usize) -> usize {
    assert!(stride > 0, "a window moves on by one pixel at least, not by a stride of 0");
    padded(size, padding).checked_sub(kernel).map_or(0, |span| span / stride + 1)
}

/// Pixels along one axis, with padding on both sides; `None` if that is more than any memory holds.
pub(crate) fn checked_padded(size: usize, padding: usize) -> Option<usize> {
    let padded = padding.checked_mul(2)?.checked_add(size)?;
    (padded <= MOST_FLOATS).then_some(padded)
}

/// Pixels along one axis, with padding on both sides.
fn padded(size: usize, padding: usize) -> usize {
    match checked_padded(size, padding) {
        Some(padded) => padded,
        None => panic!("no memory holds {size} pixels padded by {padding} on each side"),
    }
}
