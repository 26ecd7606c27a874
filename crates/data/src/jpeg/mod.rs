//! JPEG, to the bit as libjpeg decodes it by default, and only the part that is wanted.
//!
//! Checkpoints were trained on what libjpeg makes of a photograph, and a random crop shows about half of it.
//! So this decoder does libjpeg's arithmetic (the accurate integer transform, triangle filters for reduced
//! colour, colour conversion in 16 bits after the point) and skips what lies outside a window: below it
//! nothing is read, beside and above it codes are read, but not transformed. Sequential and progressive
//! Huffman-coded files of 8 bits are its own; of others, and of damaged ones, it says so, and a decoder of
//! more patience may try.

mod coefficients;
mod colour;
mod headers;
mod huffman;
mod idct;
mod planes;
mod scan;

use std::ops::Range;

pub(crate) use headers::exif;
use headers::{Coding, Headers};

/// Columns and rows of a picture.
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

    /// The pixels in `window`; it must not be empty and must lie within the picture.
    ///
    /// They are the same as those of the whole picture there.
    pub(crate) fn decode(&self, window: &Window) -> Result<Vec<Pixel>, Damaged> {
        let planes = match self.headers.coding() {
            Coding::OneScan => scan::planes(&self.headers, window)?,
            Coding::SeveralScans => coefficients::planes(&self.headers, window)?,
        };
        Ok(colour::rgb(&self.headers.frame, &planes, window))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILES: [&[u8]; 6] = [
        include_bytes!("../../tests/pillow/subsampled.jpg"),
        include_bytes!("../../tests/pillow/progressive.jpg"),
        include_bytes!("../../tests/pillow/half-height.jpg"),
        include_bytes!("../../tests/pillow/quarter-width.jpg"),
        include_bytes!("../../tests/pillow/restarts.jpg"),
        include_bytes!("../../tests/pillow/ycck.jpg"),
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..Default::default() })]

        /// Without the net that `picture` spreads below.
        #[test]
        fn changed_bytes_never_panic(
            file in 0..FILES.len(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
            keep in 0.5f64..=1.0,
            corner in (0.0f64..1.0, 0.0f64..1.0),
        ) {
            let mut bytes = FILES[file].to_vec();
            for (place, value) in changes {
                let place = place.index(bytes.len());
                bytes[place] = value;
            }
            bytes.truncate((bytes.len() as f64 * keep) as usize);
            if let Ok(jpeg) = Jpeg::open(&bytes) {
                let (width, height) = jpeg.size();
                // A changed header may tell of a large picture; a part of it will do.
                let (left, top) = ((corner.0 * width as f64) as usize, (corner.1 * height as f64) as usize);
                let window = (left..width.min(left + 40), top..height.min(top + 40));
                if let Ok(pixels) = jpeg.decode(&window) {
                    prop_assert_eq!(pixels.len(), window.0.len() * window.1.len());
                }
            }
        }
    }
}
