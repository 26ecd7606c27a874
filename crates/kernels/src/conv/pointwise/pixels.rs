//! Where the pixels of one side of a 1x1 convolution lie.

use crate::conv::ConvShape;

/// The pixels that a 1x1 convolution looks at on one of its sides, in the order of its output.
#[derive(Debug, Clone, Copy)]
pub(super) struct PixelLayout {
    /// How many pixels.
    pub(super) count: usize,
    /// Floats of a pixel.
    pub(super) channels: usize,
    /// Columns and rows of the output, if not every pixel is looked at.
    grid: (usize, usize),
    /// Columns and rows of the image.
    size: (usize, usize),
    step: usize,
}

impl PixelLayout {
    /// Every pixel of a tensor.
    pub(super) fn dense(count: usize, channels: usize) -> Self {
        PixelLayout { count, channels, grid: (1, 1), size: (1, 1), step: 1 }
    }

    /// The input's pixels.
    pub(super) fn input(shape: &ConvShape) -> Self {
        PixelLayout {
            count: shape.images * shape.out_h() * shape.out_w(),
            channels: shape.in_channels,
            grid: (shape.out_w(), shape.out_h()),
            size: (shape.in_w, shape.in_h),
            step: shape.stride,
        }
    }

    /// Whether one pixel follows the other.
    pub(super) fn is_dense(&self) -> bool {
        self.step == 1
    }

    /// Offset of the `index`-th pixel.
    #[inline(always)]
    pub(super) fn offset(&self, index: usize) -> usize {
        if self.step == 1 {
            return index * self.channels;
        }
        let (row, column) = (index / self.grid.0, index % self.grid.0);
        let (image, row) = (row / self.grid.1, row % self.grid.1);
        ((image * self.size.1 + row * self.step) * self.size.0 + column * self.step) * self.channels
    }

    /// Floats that a tensor needs to hold all of them.
    pub(super) fn reach(&self) -> usize {
        if self.count == 0 { 0 } else { self.offset(self.count - 1) + self.channels }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_those_of_every_other_pixel() {
        let shape = ConvShape {
            images: 2,
            in_h: 5,
            in_w: 4,
            in_channels: 3,
            out_channels: 1,
            kernel: 1,
            stride: 2,
            padding: 0,
        };
        let rows = PixelLayout::input(&shape);
        let pixels: Vec<usize> = (0..rows.count).map(|index| rows.offset(index) / 3).collect();
        assert_eq!(pixels, [0, 2, 8, 10, 16, 18, 20, 22, 28, 30, 36, 38]);
        assert_eq!(rows.reach(), 39 * 3);
    }
}
