//! The samples of a component, as far as a window needs them.

use super::grid::Samples;
use crate::pixels::Window;

/// Samples of one component: those of whole units of the scan.
#[derive(Debug)]
pub(super) struct Plane {
    samples: Vec<u8>,
    pub(super) stride: usize,
    /// Column and row of the first sample in the component.
    left: usize,
    top: usize,
    pub(super) grid: Samples,
}

impl Plane {
    pub(super) fn new(grid: Samples, units: &Window) -> Self {
        let (across, down) = (grid.side * grid.across, grid.side * grid.down);
        let stride = across * units.0.len();
        Self {
            samples: vec![0; stride * down * units.1.len()],
            stride,
            left: across * units.0.start,
            top: down * units.1.start,
            grid,
        }
    }

    /// The samples from the first one of a block on; `column` and `row` count the blocks of the whole
    /// component.
    #[inline(always)]
    pub(super) fn block(&mut self, column: usize, row: usize) -> &mut [u8] {
        let side = self.grid.side;
        &mut self.samples[(side * row - self.top) * self.stride + side * column - self.left..]
    }

    /// The row of samples number `row`, or the nearest that the image has.
    #[inline(always)]
    pub(super) fn row(&self, row: usize) -> &[u8] {
        let row = row.min(self.grid.height - 1) - self.top;
        &self.samples[row * self.stride..][..self.stride]
    }

    /// The place in [`row`](Self::row) of the sample in `column`.
    pub(super) fn place(&self, column: usize) -> usize {
        column - self.left
    }
}
