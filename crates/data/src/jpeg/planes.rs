//! The samples of a component, as far as a window needs them.

use std::ops::Range;

use super::Window;
use super::headers::{Component, Frame};

/// Samples of one component: those of whole units of the scan.
#[derive(Debug)]
pub(super) struct Plane {
    samples: Vec<u8>,
    pub(super) stride: usize,
    /// Column and row of the first sample in the component.
    left: usize,
    top: usize,
    /// Columns and rows of the component that are part of the picture; what lies beyond pads blocks.
    pub(super) width: usize,
    height: usize,
}

/// The columns and rows of units that `window` needs, a pixel's width of neighbours included, which the
/// filters of reduced colour look at.
pub(super) fn needed(frame: &Frame, window: &Window) -> Window {
    let axis = |wanted: &Range<usize>, size: usize, blocks: usize| {
        let (from, to) = (wanted.start.saturating_sub(blocks), (wanted.end + blocks).min(size));
        from / (8 * blocks)..to.div_ceil(8 * blocks)
    };
    (axis(&window.0, frame.width, frame.across), axis(&window.1, frame.height, frame.down))
}

impl Plane {
    pub(super) fn new(frame: &Frame, component: &Component, units: &Window) -> Self {
        let (width, height) = frame.samples(component);
        let stride = 8 * component.across * units.0.len();
        Self {
            samples: vec![0; stride * 8 * component.down * units.1.len()],
            stride,
            left: 8 * component.across * units.0.start,
            top: 8 * component.down * units.1.start,
            width,
            height,
        }
    }

    /// The samples from the first of a block on; the block is counted in the component.
    #[inline(always)]
    pub(super) fn block(&mut self, column: usize, row: usize) -> &mut [u8] {
        &mut self.samples[(8 * row - self.top) * self.stride + 8 * column - self.left..]
    }

    /// The row of samples number `row`, or the nearest that the picture has.
    #[inline(always)]
    pub(super) fn row(&self, row: usize) -> &[u8] {
        let row = row.min(self.height - 1) - self.top;
        &self.samples[row * self.stride..][..self.stride]
    }

    /// The place in [`row`](Self::row) of the sample in `column`.
    pub(super) fn place(&self, column: usize) -> usize {
        column - self.left
    }
}
