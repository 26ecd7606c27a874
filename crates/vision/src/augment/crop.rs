//! Which part of an image a training step sees, and at which size.

use std::ops::{Range, RangeInclusive};

use super::key::Key;
use super::purposes;
use crate::jpeg::{Scale, Window};
use crate::random::RandomStream;
use crate::resample::{self, Stretch};
use crate::{Error, Interpolation};

/// How a square is cut from an image.
#[derive(Clone, Debug, PartialEq)]
pub enum Crop {
    /// A part of random area and shape, brought to the square's size: the augmentation of Inception, and
    /// since then of nearly every checkpoint for ImageNet. Ten parts are drawn until one lies within the
    /// image; failing that it is the largest one in its middle with a shape allowed.
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
    /// Areas from 8 % on, shapes from 3:4 to 4:3.
    pub const INCEPTION: Self = Self::RandomResized { area: 0.08..=1.0, ratio: 3.0 / 4.0..=4.0 / 3.0 };
    /// Shorter sides from 256 to 480 pixels.
    pub const PAPER: Self = Self::RandomScale { shorter: 256..=480 };

    /// Checks that there is something to draw for squares of `side` pixels.
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

    /// The columns and rows of an image of `size` (width, height) that are seen at `key` in a square of
    /// `side` pixels.
    ///
    /// # Panics
    /// If a side is 0, or `side` exceeds the shorter side of a random scale.
    pub fn part(&self, size: (usize, usize), side: usize, key: Key) -> Window {
        let cut = self.draw(size, side, &mut key.stream(purposes::CROP));
        cut.at(Scale::Full).needed(&cut, Interpolation::Bilinear)
    }

    /// What is cut from an image of `size`.
    pub(super) fn draw(&self, size: (usize, usize), side: usize, stream: &mut RandomStream) -> Cut {
        match self {
            Crop::RandomResized { area, ratio } => {
                let part = random_part(size, area, ratio, stream);
                Cut { part, to: (side, side), window: (0..side, 0..side) }
            }
            Crop::RandomScale { shorter } => {
                let shorter = shorter.start() + stream.below(shorter.end() - shorter.start() + 1);
                let to = resample::resized_size(size, shorter);
                let mut place = |length: usize| {
                    let start = stream.below(length - side + 1);
                    start..start + side
                };
                let window = (place(to.0), place(to.1));
                Cut { part: (0..size.0, 0..size.1), to, window }
            }
        }
    }
}

/// A part of an image, the size that it is brought to, and what of that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) part: Window,
    pub(super) to: (usize, usize),
    pub(super) window: Window,
}

/// The part of an image, decoded at some scale, that a cut is made of.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ScaledCut {
    /// Column and row of the first pixel that has a part in it.
    start: (usize, usize),
    /// Where it lies, counted from there.
    pub(super) part: (Stretch, Stretch),
}

impl ScaledCut {
    /// The columns and rows of the image that are these, counted from the part's first.
    pub(super) fn window(&self, (columns, rows): &Window) -> Window {
        let (left, top) = self.start;
        (left + columns.start..left + columns.end, top + rows.start..top + rows.end)
    }

    /// The columns and rows of the image that `cut`, which this is of, is made of.
    pub(super) fn needed(&self, cut: &Cut, interpolation: Interpolation) -> Window {
        self.window(&resample::needed(self.part, cut.to, &cut.window, interpolation))
    }
}

/// An image is decoded at a scale only if its pixels are to be shrunk so many times further. As each is
/// the mean of those that it stands for, what the filter adds then is nearly all there is to see.
const SHRUNK_FURTHER: usize = 2;

impl Cut {
    /// The scale with the fewest pixels that the result can be made of.
    pub(super) fn scale(&self) -> Scale {
        let times = (self.part.0.len() / self.to.0).min(self.part.1.len() / self.to.1);
        let fits = |scale: &Scale| SHRUNK_FURTHER * scale.divisor() <= times;
        Scale::ALL.into_iter().find(fits).unwrap_or(Scale::Full)
    }

    /// Where it lies in the image decoded at `scale`.
    pub(super) fn at(&self, scale: Scale) -> ScaledCut {
        let ((left, columns), (top, rows)) = (scaled(&self.part.0, scale), scaled(&self.part.1, scale));
        ScaledCut { start: (left, top), part: (columns, rows) }
    }
}

/// The first pixel at `scale` that has a part in `range`, and where from there on it lies.
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
