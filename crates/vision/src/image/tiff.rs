//! TIFF files: the length of their pixel data, their palettes, and where Pillow's pixels differ.

use std::borrow::Cow;

use super::exif::{tiff_numbers, tiff_place};

const BITS: u16 = 258;
const COMPRESSION: u16 = 259;
const PHOTOMETRIC: u16 = 262;
const COLOUR_MAP: u16 = 320;
const EXTRA_SAMPLES: u16 = 338;
const SAMPLE_FORMAT: u16 = 339;

/// Photometric interpretations.
const BLACK_IS_0: u8 = 1;
const PALETTE: u64 = 3;
const CMYK: u64 = 5;

fn first(bytes: &[u8], tag: u16) -> Option<u64> {
    tiff_numbers(bytes, tag).first().copied()
}

/// Whether `bytes` begin a BigTIFF file, whose offsets have eight bytes.
pub(super) fn is_big(bytes: &[u8]) -> bool {
    bytes.starts_with(b"II+\0") || bytes.starts_with(b"MM\0+")
}

/// Whether the pixels are compressed by a fax coding (CCITT).
pub(super) fn is_fax(bytes: &[u8]) -> bool {
    matches!(first(bytes, COMPRESSION), Some(2..=4))
}

/// Why a file's pixels may differ from Pillow's.
pub(super) fn doubt(bytes: &[u8]) -> Option<&'static str> {
    match first(bytes, COMPRESSION) {
        Some(6 | 7 | 34892) => {
            Some("its TIFF data are compressed as JPEG, which is not decoded exactly here")
        }
        _ if first(bytes, EXTRA_SAMPLES) == Some(1) => {
            Some("its colours are multiplied by its alpha, which is not undone here")
        }
        _ if first(bytes, SAMPLE_FORMAT).is_some_and(|format| format != 1) => {
            Some("its TIFF samples are no unsigned integers, which Pillow brings to bytes in another way")
        }
        _ if first(bytes, PHOTOMETRIC) == Some(CMYK) => {
            Some("its colours are CMYK in TIFF, which Pillow converts in another way")
        }
        _ => None,
    }
}

/// How many bytes the pixels take, if they are not compressed; otherwise 0.
pub(super) fn bytes_of_pixels(bytes: &[u8], (width, height): (usize, usize)) -> u64 {
    if first(bytes, COMPRESSION).is_some_and(|compression| compression != 1) {
        return 0;
    }
    let bits = tiff_numbers(bytes, BITS).into_iter().fold(0, u64::saturating_add);
    (width as u64).saturating_mul(height as u64).saturating_mul(bits.max(1)) / 8
}

/// The file without its palette, since the image crate reads none: indices become shades of grey.
pub(super) fn without_palette(bytes: &[u8]) -> Cow<'_, [u8]> {
    let place = tiff_place(bytes, PHOTOMETRIC).filter(|_| palette(bytes).is_some());
    let Some((3, place)) = place else { return bytes.into() };
    let mut changed = bytes.to_vec();
    // In either byte order, the entry's value is in the one byte that is not 0.
    for byte in &mut changed[place] {
        *byte = if *byte == 0 { 0 } else { BLACK_IS_0 };
    }
    changed.into()
}

/// The palette: red, green and blue of each colour, for a file whose pixels are indices of 8 bits.
fn palette(bytes: &[u8]) -> Option<Vec<[u8; 3]>> {
    if first(bytes, PHOTOMETRIC) != Some(PALETTE) || tiff_numbers(bytes, BITS) != [8] {
        return None;
    }
    // All reds, then all greens, then all blues, of 16 bits each.
    let map: Vec<u8> = tiff_numbers(bytes, COLOUR_MAP).into_iter().map(|value| (value >> 8) as u8).collect();
    let channel = |c: usize| map.get(256 * c..256 * (c + 1));
    let (red, green, blue) = (channel(0)?, channel(1)?, channel(2)?);
    Some((0..256).map(|i| [red[i], green[i], blue[i]]).collect())
}

/// Gives pixels of a file [without its palette](without_palette) their colours.
pub(super) fn colour(bytes: &[u8], pixels: &mut [u8]) {
    if let Some(palette) = palette(bytes) {
        for pixel in pixels.as_chunks_mut::<3>().0 {
            *pixel = palette[usize::from(pixel[0])];
        }
    }
}
