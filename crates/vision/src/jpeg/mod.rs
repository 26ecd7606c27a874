//! JPEG decoding: to the bit as libjpeg does it by default, and only the part that is needed.
//!
//! Checkpoints were trained on libjpeg's pixels, and a random crop shows about half of an image. So this
//! decoder does libjpeg's arithmetic (the accurate integer transform, triangle filters for subsampled colour,
//! colour conversion with 16 fractional bits) and skips what lies outside a window: below it nothing is read;
//! above and beside it codes are read, but not transformed.
//!
//! It decodes sequential and progressive Huffman-coded files of 8 bits. Other files, and damaged ones, are
//! refused as [`Damaged`]; the caller may then try the `image` crate's decoder, and must report that the
//! pixels may differ from libjpeg's.

mod block;
mod coefficients;
mod colour;
mod grid;
mod headers;
mod huffman;
mod metadata;
mod pairs;
mod planes;
mod reduced;
mod scan;

pub(crate) use grid::Scale;
pub(crate) use headers::is_cut;
pub(crate) use metadata::{Metadata, kind};

use grid::Grid;
use headers::{Coding, Colour, Headers};
use planes::Plane;

use crate::pixels::{Pixel, Window};

/// The file is damaged, or of a kind that is not decoded here.
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

    /// The samples that the pixels in `window` are computed from.
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
