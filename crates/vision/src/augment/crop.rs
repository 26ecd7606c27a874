//! Which part of an image a training step sees, and at which size.

use std::ops::{Range, RangeInclusive};

use super::key::Key;
use super::purposes;
use crate::jpeg::Scale;
use crate::pixels::Window;
use crate::random::RandomStream;
use crate::resample::{self, Stretch};
use crate::{Error, Interpolation};

/// How a square is cropped from an image.
#[derive(Clone, Debug, PartialEq)]
pub enum Crop {
    /// A part of random area and aspect ratio, resized to the square: the augmentation of Inception, and
    /// since then of nearly every ImageNet checkpoint. Up to ten parts are drawn, and the first that lies
    /// within the image is taken. If there is none, it is the largest central part with an allowed
    /// aspect ratio.
    RandomResized {
        /// The part's area as a fraction of the image's, uniform.
        area: RangeInclusive<f64>,
        /// Width over height of the part, log-uniform.
        ratio: RangeInclusive<f64>,
    },
    /// The image resized so that its shorter side has a random number of pixels, uniform, and from it a
    /// square at a random place: the papers' scale augmentation (He et al. 2016, after Simonyan and
    /// Zisserman).
    RandomScale {
        /// The shorter side's length in pixels.
        shorter: RangeInclusive<usize>,
    },
}

impl Crop {
    /// Areas from 8 % to 100 %, aspect ratios from 3:4 to 4:3.
    pub const INCEPTION: Self = Self::RandomResized { area: 0.08..=1.0, ratio: 3.0 / 4.0..=4.0 / 3.0 };
    /// Shorter sides from 256 to 480 pixels.
    pub const PAPER: Self = Self::RandomScale { shorter: 256..=480 };

    /// Checks that squares of `side` pixels can be drawn.
    pub(super) fn check(&self, side: usize) -> Result<(), Error> {
        let fits = match self {
            Crop::RandomResized { area, ratio } => {
                let positive = |range: &RangeInclusive<f64>| {
                    *range.start() > 0.0 && range.start() <= range.end() && range.end().is_finite()
                };
                positive(area) && *area.end() <= 1.0 && positive(ratio)
            }
            Crop::RandomScale { shorter } => {
                side <= *shorter.start() && shorter.start() <= shorter.end() && *shorter.end() <= 1 << 16
            }
        };
        if fits && side > 0 {
            return Ok(());
        }
        Err(Error::Invalid(format!(
            "no square of {side} pixels can be drawn by {self:?}: areas must lie in (0, 1], ratios be positive, shorter \
             sides be at least the square's and at most 65536, and no range may be empty"
        )))
    }

    /// The columns and rows of an image of `size` (width, height) from which the crop at `key` is resized to
    /// `side` x `side` pixels by the bilinear filter.
    ///
    /// # Panics
    /// If a side is 0, or `side` exceeds the shorter side of a random scale.
    pub fn part(&self, size: (usize, usize), side: usize, key: Key) -> Window {
        let area = self.draw(size, side, &mut key.stream(purposes::CROP));
        area.at(Scale::Full).needed(&area, Interpolation::Bilinear)
    }

    /// Draws the area to crop from an image of `size`.
    pub(super) fn draw(&self, size: (usize, usize), side: usize, stream: &mut RandomStream) -> CropArea {
        match self {
            Crop::RandomResized { area, ratio } => {
                let part = random_part(size, area, ratio, stream);
                CropArea { part, to: (side, side), window: (0..side, 0..side) }
            }
            Crop::RandomScale { shorter } => {
                let shorter = shorter.start() + stream.below(shorter.end() - shorter.start() + 1);
                let to = resample::resized_size(size, shorter);
                let mut place = |length: usize| {
                    let start = stream.below(length - side + 1);
                    start..start + side
                };
                let window = (place(to.0), place(to.1));
                CropArea { part: (0..size.0, 0..size.1), to, window }
            }
        }
    }
}

/// A part of an image, the size that it is resized to, and the window of the result that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CropArea {
    pub(super) part: Window,
    pub(super) to: (usize, usize),
    pub(super) window: Window,
}

/// A crop area in the image as it is decoded at some scale.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ScaledCropArea {
    /// Column and row of the first pixel that the area touches.
    start: (usize, usize),
    /// The area, in coordinates that begin at that pixel.
    pub(super) part: (Stretch, Stretch),
}

impl ScaledCropArea {
    /// Converts columns and rows that are counted from the area's first pixel to those of the image.
    pub(super) fn window(&self, (columns, rows): &Window) -> Window {
        let (left, top) = self.start;
        (left + columns.start..left + columns.end, top + rows.start..top + rows.end)
    }

    /// The columns and rows of the image that resizing `area` reads; `self` is that area at some scale.
    pub(super) fn needed(&self, area: &CropArea, interpolation: Interpolation) -> Window {
        self.window(&resample::needed(self.part, area.to, &area.window, interpolation))
    }
}

/// An image is decoded at a reduced scale only if resizing then still shrinks it by this factor or more. The
/// pixels of a reduced scale are plain means, and the filter hides the difference.
const SHRUNK_FURTHER: usize = 2;

impl CropArea {
    /// The scale with the fewest pixels that is still fine enough.
    pub(super) fn scale(&self) -> Scale {
        let times = (self.part.0.len() / self.to.0).min(self.part.1.len() / self.to.1);
        let fits = |scale: &Scale| SHRUNK_FURTHER * scale.divisor() <= times;
        Scale::ALL.into_iter().find(fits).unwrap_or(Scale::Full)
    }

    /// The same area in the image decoded at `scale`.
    pub(super) fn at(&self, scale: Scale) -> ScaledCropArea {
        let ((left, columns), (top, rows)) = (scaled(&self.part.0, scale), scaled(&self.part.1, scale));
        ScaledCropArea { start: (left, top), part: (columns, rows) }
    }
}

/// The first pixel at `scale` that `range` touches, and `range` in coordinates that begin there.
fn scaled(range: &Range<usize>, scale: Scale) -> (usize, Stretch) {
    let divisor = scale.divisor();
    let (first, end) = (range.start / divisor, range.end.div_ceil(divisor));
    let place = |pixel: usize| pixel as f64 / divisor as f64 - first as f64;
    (first, Stretch { start: place(range.start), end: place(range.end), pixels: end - first })
}

fn random_part(
    (width, height): (usize, usize),
    area: &RangeInclusive<f64>,
    ratio: &RangeInclusive<f64>,
    stream: &mut RandomStream,
) -> Window {
    let (narrowest, widest) = (*ratio.start(), *ratio.end());
    if let Some(part) = tries((width, height), (*area.start(), *area.end()), (narrowest, widest), stream) {
        return part;
    }
    let shape = width as f64 / height as f64;
    let rounded = |length: f64| length.round_ties_even() as usize;
    let part = if shape < narrowest {
        (width, rounded(width as f64 / narrowest))
    } else if shape > widest {
        (rounded(height as f64 * widest), height)
    } else {
        (width, height)
    };
    let part = (part.0.clamp(1, width), part.1.clamp(1, height));
    let (left, top) = ((width - part.0) / 2, (height - part.1) / 2);
    (left..left + part.0, top..top + part.1)
}

/// The first of ten rectangles that lies within `width` x `height`: its area a uniform fraction of the whole,
/// its width over its height log-uniform, its place uniform.
pub(super) fn tries(
    (width, height): (usize, usize),
    area: (f64, f64),
    ratio: (f64, f64),
    stream: &mut RandomStream,
) -> Option<Window> {
    let rounded = |length: f64| length.round_ties_even() as usize;
    (0..10).find_map(|_| {
        let area = (width * height) as f64 * stream.between_f64(area.0, area.1);
        let ratio = stream.between_f64(ratio.0.ln(), ratio.1.ln()).exp();
        let part = (rounded((area * ratio).sqrt()), rounded((area / ratio).sqrt()));
        if !(1..=width).contains(&part.0) || !(1..=height).contains(&part.1) {
            return None;
        }
        let (left, top) = (stream.below(width - part.0 + 1), stream.below(height - part.1 + 1));
        Some((left..left + part.0, top..top + part.1))
    })
}
