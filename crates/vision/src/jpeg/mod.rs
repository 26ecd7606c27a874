//! JPEG, to the bit as libjpeg decodes it by default, and only the part that is wanted.
//!
//! Checkpoints were trained on what libjpeg makes of an image, and a random crop shows about half of it.
//! So this decoder does libjpeg's arithmetic (the accurate integer transform, triangle filters for reduced
//! colour, colour conversion in 16 bits after the point) and skips what lies outside a window: below it
//! nothing is read, beside and above it codes are read, but not transformed. Sequential and progressive
//! Huffman-coded files of 8 bits are its own; of others, and of damaged ones, it says so, and a decoder of
//! more patience may try, which has to be told to whoever reads the pixels: they may be others.

mod coefficients;
mod colour;
mod grid;
mod headers;
mod huffman;
mod idct;
mod metadata;
mod planes;
mod scan;

use std::ops::Range;

pub(crate) use grid::Scale;
pub(crate) use headers::is_cut;
pub(crate) use metadata::{Metadata, kind};

use grid::Grid;
use headers::{Coding, Colour, Headers};
use planes::Plane;

/// Columns and rows of an image.
pub(crate) type Window = (Range<usize>, Range<usize>);

/// Red, green, blue and nothing: with four bytes a pixel is a number of 32 bits, which vectors hold.
pub(crate) type Pixel = [u8; 4];

/// The file is damaged, or not of the kind that is decoded here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damaged;

/// A file whose headers were read.
#[derive(Debug)]
pub(crate) struct Jpeg<'a> {
    headers: Headers<'a>,
}

impl<'a> Jpeg<'a> {
    /// Reads the headers up to the first scan.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, Damaged> {
        Ok(Self { headers: Headers::read(bytes)? })
    }

    /// Width and height as stored, before it is turned upright; neither is 0.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.headers.frame.width, self.headers.frame.height)
    }

    /// The pixels in `window` of the image at `scale`; it must not be empty and must lie within.
    ///
    /// They are the same as those of the whole image there.
    pub(crate) fn decode(&self, window: &Window, scale: Scale) -> Result<Vec<Pixel>, Damaged> {
        Ok(self.samples(window, scale)?.pixels(window))
    }

    /// What the pixels in `window` are made of.
    pub(crate) fn samples(&self, window: &Window, scale: Scale) -> Result<Samples, Damaged> {
        let frame = &self.headers.frame;
        let grid = Grid::new(frame, scale);
        let planes = match self.headers.coding() {
            Coding::OneScan => scan::planes(&self.headers, &grid, window)?,
            Coding::SeveralScans => coefficients::planes(&self.headers, &grid, window)?,
        };
        Ok(Samples { colour: self.headers.colour, planes })
    }
}

/// The samples of some part of an image at some scale.
#[derive(Debug)]
pub(crate) struct Samples {
    colour: Colour,
    planes: Vec<Plane>,
}

impl Samples {
    /// The pixels in `window`, which must not be empty and must lie within the part.
    pub(crate) fn pixels(&self, window: &Window) -> Vec<Pixel> {
        colour::rgb(self.colour, &self.planes, window)
    }
}

#[cfg(test)]
mod tests;
