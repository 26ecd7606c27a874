//! The layout of an image's samples, at full size or decoded at a half, a quarter or an eighth of it.
//!
//! At a reduced scale, a block of 8 x 8 pixels is decoded to 4 x 4, 2 x 2 or one pixel, each the mean of
//! those it replaces. An image that is shrunk much further anyway then needs less transforming, conversion
//! and memory. The rules are libjpeg's: subsampled colour keeps as many samples as the scale can use, so that
//! it is filtered less, or not at all.

use std::ops::Range;

use super::headers::{Component, Frame};
use crate::pixels::Window;

/// A scale that a file can be decoded at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    Full,
    Half,
    Quarter,
    Eighth,
}

impl Scale {
    /// All scales, the one with the fewest pixels first.
    pub(crate) const ALL: [Scale; 4] = [Scale::Eighth, Scale::Quarter, Scale::Half, Scale::Full];

    /// How many pixels of the whole image one pixel replaces, along each axis.
    pub(crate) fn divisor(self) -> usize {
        match self {
            Scale::Full => 1,
            Scale::Half => 2,
            Scale::Quarter => 4,
            Scale::Eighth => 8,
        }
    }

    /// Width and height of an image of `size`; pixels at the right and the bottom may replace fewer.
    pub(crate) fn of(self, size: (usize, usize)) -> (usize, usize) {
        (size.0.div_ceil(self.divisor()), size.1.div_ceil(self.divisor()))
    }
}

/// The layout of an image at a scale.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Columns and rows of pixels of a unit of the scan.
    unit: (usize, usize),
    pub(super) components: Vec<Samples>,
}

/// The layout of one component's samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Samples {
    /// Columns and rows of samples that a block has: 8, 4, 2 or 1.
    pub(super) side: usize,
    /// Blocks in a unit of the scan.
    pub(super) across: usize,
    pub(super) down: usize,
    /// Pixels that share a sample, along each axis.
    pub(super) by: (usize, usize),
    /// Columns and rows that are part of the image; what lies beyond pads blocks.
    pub(super) width: usize,
    pub(super) height: usize,
    /// Whether samples that several pixels share are filtered rather than repeated.
    pub(super) filtered: bool,
}

impl Grid {
    pub(super) fn new(frame: &Frame, scale: Scale) -> Self {
        let side = 8 / scale.divisor();
        let samples = |component: &Component| Samples::new(frame, component, side);
        let (width, height) = scale.of((frame.width, frame.height));
        Grid {
            width,
            height,
            unit: (side * frame.across, side * frame.down),
            components: frame.components.iter().map(samples).collect(),
        }
    }

    /// The columns and rows of units that `window` needs, a sample's width of neighbours included, which the
    /// filters of reduced colour look at.
    pub(super) fn needed(&self, window: &Window) -> Window {
        let margin = |by: fn(&Samples) -> usize| self.components.iter().map(by).max().unwrap_or(0);
        let axis = |wanted: &Range<usize>, size: usize, unit: usize, margin: usize| {
            let (from, to) = (wanted.start.saturating_sub(margin), (wanted.end + margin).min(size));
            from / unit..to.div_ceil(unit)
        };
        (
            axis(&window.0, self.width, self.unit.0, margin(|samples| samples.by.0)),
            axis(&window.1, self.height, self.unit.1, margin(|samples| samples.by.1)),
        )
    }
}

impl Samples {
    /// The layout of `component` if a block of a component that is not subsampled is decoded to `least` x
    /// `least` samples.
    fn new(frame: &Frame, component: &Component, least: usize) -> Self {
        let Component { across, down, .. } = *component;
        let mut side = least;
        while side < 8
            && (frame.across * least).is_multiple_of(2 * across * side)
            && (frame.down * least).is_multiple_of(2 * down * side)
        {
            side *= 2;
        }
        let samples = |size: usize, own: usize, most: usize| (size * own * side).div_ceil(8 * most);
        Samples {
            side,
            across,
            down,
            by: (frame.across * least / (across * side), frame.down * least / (down * side)),
            width: samples(frame.width, across, frame.across),
            height: samples(frame.height, down, frame.down),
            filtered: least > 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colour_of(across: usize, down: usize, scale: Scale) -> Samples {
        let component = |across, down| Component { id: 0, across, down, quantisation: 0 };
        let components = vec![component(across, down), component(1, 1), component(1, 1)];
        let (width, height) = (35, 18);
        let frame = Frame { width, height, components, progressive: false, across, down };
        Grid::new(&frame, scale).components[1]
    }

    #[test]
    fn reduced_colour_keeps_the_samples_that_a_scale_has_use_for() {
        let of = |samples: Samples| (samples.side, samples.by, (samples.width, samples.height));
        assert_eq!(of(colour_of(2, 2, Scale::Full)), (8, (2, 2), (18, 9)));
        assert_eq!(of(colour_of(2, 2, Scale::Half)), (8, (1, 1), (18, 9)));
        assert_eq!(of(colour_of(2, 2, Scale::Eighth)), (2, (1, 1), (5, 3)));
        // One axis alone gains nothing: blocks stay square.
        assert_eq!(of(colour_of(2, 1, Scale::Half)), (4, (2, 1), (9, 9)));
        assert_eq!(of(colour_of(4, 1, Scale::Eighth)), (1, (4, 1), (2, 3)));
        assert_eq!(Scale::Quarter.of((35, 18)), (9, 5));
    }
}
