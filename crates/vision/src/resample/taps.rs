//! The input pixels along an axis that an output pixel depends on, and their weights: Pillow's, to the bit.

use std::ops::Range;

use resnet_kernels::pixels::FRACTION;

use crate::random::RandomStream;

/// The filter that resizing weights pixels with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interpolation {
    /// A triangle: torchvision's checkpoints were trained with it.
    Bilinear,
    /// Keys' cubic with a = -1/2: most of timm's checkpoints were trained with it.
    Bicubic,
}

/// The filter that training images are resized with, and that timm's RandAugment shears, shifts and rotates
/// them with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InterpolationChoice {
    /// Always bilinear.
    Bilinear,
    /// Always bicubic.
    Bicubic,
    /// One of them, drawn each time with equal probability.
    Random,
}

impl InterpolationChoice {
    pub(crate) fn draw(self, stream: &mut RandomStream) -> Interpolation {
        match self {
            InterpolationChoice::Bilinear => Interpolation::Bilinear,
            InterpolationChoice::Bicubic => Interpolation::Bicubic,
            InterpolationChoice::Random if stream.below(2) == 0 => Interpolation::Bilinear,
            InterpolationChoice::Random => Interpolation::Bicubic,
        }
    }
}

impl Interpolation {
    /// How far from its centre the filter reaches, in pixels.
    fn support(self) -> f64 {
        match self {
            Interpolation::Bilinear => 1.0,
            Interpolation::Bicubic => 2.0,
        }
    }

    fn weight(self, x: f64) -> f64 {
        const A: f64 = -0.5;
        let x = x.abs();
        match self {
            Interpolation::Bilinear if x < 1.0 => 1.0 - x,
            Interpolation::Bicubic if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
            Interpolation::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
            _ => 0.0,
        }
    }
}

/// The input pixels and weights of some output pixels along an axis.
pub(super) struct Taps {
    /// The first input pixel of each output pixel.
    pub(super) firsts: Vec<usize>,
    /// How many input pixels each output pixel has.
    counts: Vec<usize>,
    /// The weights, with room for `most` of them per output pixel.
    weights: Vec<i32>,
    most: usize,
}

impl Taps {
    /// The taps of the outputs in `wanted` when `input` becomes `output` pixels.
    pub(super) fn new(
        input: Stretch,
        output: usize,
        wanted: &Range<usize>,
        interpolation: Interpolation,
    ) -> Self {
        let axis = Axis::new(input, output, interpolation);
        let most = wanted.clone().map(|o| axis.inputs(o).len()).max().unwrap_or(0);
        let mut taps = Self {
            firsts: Vec::with_capacity(wanted.len()),
            counts: Vec::with_capacity(wanted.len()),
            weights: vec![0; most * wanted.len()],
            most,
        };
        let mut row = Vec::with_capacity(most);
        for (o, fixed) in wanted.clone().zip(taps.weights.chunks_exact_mut(most.max(1))) {
            let inputs = axis.inputs(o);
            taps.firsts.push(inputs.start);
            taps.counts.push(inputs.len());
            row.clear();
            row.extend(inputs.map(|i| axis.weight(i, o)));
            let sum: f64 = row.iter().sum();
            for (fixed, w) in fixed.iter_mut().zip(&row) {
                let w = if sum == 0.0 { *w } else { w / sum };
                // Rounds halves away from zero.
                *fixed = (w * f64::from(1u32 << FRACTION) + 0.5f64.copysign(w)) as i32;
            }
        }
        taps
    }

    /// The weights of output pixel `i`, counted from the first one wanted.
    #[inline(always)]
    pub(super) fn weights(&self, i: usize) -> &[i32] {
        &self.weights[i * self.most..][..self.counts[i]]
    }
}

/// Part of an axis, which may begin and end within a pixel.
///
/// The first and the last pixel count in proportion to the part that is covered; pixels outside are not read.
/// Pillow calls it a box.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stretch {
    pub(crate) start: f64,
    pub(crate) end: f64,
    /// How many pixels can be read, from 0 on.
    pub(crate) pixels: usize,
}

impl From<usize> for Stretch {
    /// An axis of this many pixels, all of it.
    fn from(pixels: usize) -> Self {
        Stretch { start: 0.0, end: pixels as f64, pixels }
    }
}

/// How one axis is resized.
pub(super) struct Axis {
    input: Stretch,
    scale: f64,
    /// How far the filter reaches from an output pixel's centre, in input pixels.
    support: f64,
    interpolation: Interpolation,
}

impl Axis {
    pub(super) fn new(input: Stretch, output: usize, interpolation: Interpolation) -> Self {
        let scale = (input.end - input.start) / output as f64;
        Self { input, scale, support: interpolation.support() * scale.max(1.0), interpolation }
    }

    fn centre(&self, o: usize) -> f64 {
        self.input.start + (o as f64 + 0.5) * self.scale
    }

    /// The input pixels that output pixel `o` depends on.
    pub(super) fn inputs(&self, o: usize) -> Range<usize> {
        // Casts truncate, and a negative number becomes 0.
        let first = (self.centre(o) - self.support + 0.5) as usize;
        let last = ((self.centre(o) + self.support + 0.5) as usize).min(self.input.pixels);
        first.min(last)..last
    }

    fn weight(&self, i: usize, o: usize) -> f64 {
        self.interpolation.weight((i as f64 - self.centre(o) + 0.5) * (1.0 / self.scale.max(1.0)))
    }
}
