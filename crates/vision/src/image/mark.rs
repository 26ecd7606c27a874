//! Marks in PNG files: they tell pictures that a program wrote from those it must not replace.

use std::io::Read;

use super::{Image, encode_png};
use crate::Error;

/// Bytes of a PNG file before its second chunk: the signature and the first one, IHDR.
const HEADER: usize = 8 + 25;

/// A text chunk that is the second one of every PNG file of some kind: its length, `tEXt`, a keyword with its
/// text, its CRC-32.
#[derive(Debug, Clone, Copy)]
pub struct PngMark(pub &'static [u8]);

impl PngMark {
    /// `image` as the bytes of a PNG file that has the mark.
    ///
    /// # Errors
    /// As [`encode_png`].
    pub fn encode(self, image: &Image) -> Result<Vec<u8>, Error> {
        let mut png = encode_png(image)?;
        png.splice(HEADER..HEADER, self.0.iter().copied());
        Ok(png)
    }

    /// Whether what is read is a PNG file that has the mark.
    pub fn is_in(self, mut png: impl Read) -> bool {
        let mut start = vec![0; HEADER + self.0.len()];
        png.read_exact(&mut start).is_ok() && start.ends_with(self.0)
    }
}
