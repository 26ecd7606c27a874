//! `Part`: a part of an image, decoded to samples, whose pixels can be read window by window.
//!
//! As pixels of four bytes, a part of an image of many megapixels would take more memory than everything else
//! in a loader's thread. As samples it takes half or less, and the pixels of one window are few.

use std::borrow::Cow;
use std::time::Instant;

use super::decode_time::DecodeTime;
use super::orientation::Turn;
use crate::jpeg::Samples;
use crate::pixels::{Pixel, Window, cut};

/// A part of an image, at some scale.
pub(crate) struct Part<'a> {
    /// How the stored image is turned.
    pub(super) turn: Turn,
    /// Decoding is timed here.
    pub(super) time: &'a DecodeTime,
    /// Width and height of the stored image at that scale.
    pub(super) size: (usize, usize),
    pub(super) content: Content<'a>,
}

/// The decoded data, in the orientation of the file.
pub(super) enum Content<'a> {
    /// Samples of the part.
    Samples(Samples),
    /// Interleaved RGB of the whole image.
    Rgb(Cow<'a, [u8]>),
}

impl Part<'_> {
    /// The pixels in `window` of the upright image, which must not be empty and must lie within the part.
    pub(crate) fn pixels(&self, window: &Window) -> Vec<Pixel> {
        let begun = Instant::now();
        let stored = self.turn.stored(window, self.size);
        let pixels = match &self.content {
            Content::Samples(samples) => samples.pixels(&stored),
            Content::Rgb(pixels) => cut(pixels, self.size.0, &stored),
        };
        let upright = self.turn.upright(pixels, (stored.0.len(), stored.1.len()));
        self.time.add_since(begun);
        upright
    }
}
