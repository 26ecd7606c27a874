//! The geometry of a convolution.

/// The geometry of a square convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConvShape {
    /// Pictures in the batch.
    pub images: usize,
    /// Input height in pixels.
    pub in_h: usize,
    /// Input width in pixels.
    pub in_w: usize,
    /// Input channels.
    pub in_c: usize,
    /// Output channels, the number of filters.
    pub out_c: usize,
    /// Height and width of a filter.
    pub kernel: usize,
    /// Input pixels from one output pixel to the next.
    pub stride: usize,
    /// Rows and columns of zeros on each side.
    pub padding: usize,
}

impl ConvShape {
    /// Output height; 0 if the filter is larger than the padded input.
    pub fn out_h(&self) -> usize {
        extent(self.in_h, self.kernel, self.stride, self.padding)
    }
    /// Output width.
    pub fn out_w(&self) -> usize {
        extent(self.in_w, self.kernel, self.stride, self.padding)
    }
    /// Floats of the input.
    pub fn input_len(&self) -> usize {
        self.images * self.in_h * self.in_w * self.in_c
    }
    /// Floats of the output.
    pub fn output_len(&self) -> usize {
        self.images * self.out_h() * self.out_w() * self.out_c
    }
    /// Floats of the weights.
    pub fn weight_len(&self) -> usize {
        self.out_c * self.in_c * self.kernel * self.kernel
    }
    /// Multiply-adds of one pass over one picture, by the definition (what the literature counts).
    pub fn multiply_adds_per_image(&self) -> u64 {
        (self.out_h() * self.out_w()) as u64 * self.weight_len() as u64
    }
}

/// Output pixels along one axis.
pub(crate) fn extent(size: usize, kernel: usize, stride: usize, padding: usize) -> usize {
    (size + 2 * padding).checked_sub(kernel).map_or(0, |span| span / stride + 1)
}
