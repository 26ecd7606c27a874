//! Images by the image crate's decoders: everything but the JPEG files that our own decoder reads.
//!
//! Where a decoder's pixels differ from those of Pillow's `convert("RGB")`, they are corrected ([`gif`],
//! [`bmp`], [`tiff`]). Where that is impossible, [`Header::doubt`] says why, and the caller reports it.

use std::io::Cursor;

use image::{ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use super::metadata::Metadata;
use super::orientation::Turn;
use super::{bmp, exif, formats, gif, tiff};
use crate::{Error, jpeg};

/// What decoding may allocate beside pixels, for instance for a colour profile.
const MAX_OTHER_BYTES: u64 = 64 << 20;
/// What decoding may allocate per pixel: four channels of 16 bits, and two bytes for the filters.
const MAX_BYTES_PER_PIXEL: u64 = 10;

/// More pixels than a byte of LZW or deflate can hold: it unpacks to 1,360 bytes at best, of eight pixels
/// each.
const MAX_PIXELS_PER_BYTE: u64 = 16_384;

/// What the header of a file says.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) format: ImageFormat,
    /// Width and height as stored.
    pub(super) size: (usize, usize),
    /// The turn that EXIF data ask for.
    pub(super) turn: Turn,
    /// Why the pixels may differ from Pillow's, as half a sentence.
    pub(super) doubt: Option<String>,
}

impl Header {
    /// Reads the header of `bytes`; no pixel is decoded yet.
    pub(super) fn read(bytes: &[u8], name: &str) -> Result<Self, Error> {
        let (format, decoder) = decoder(bytes, name, MAX_OTHER_BYTES)?;
        let (width, height) = decoder.dimensions();
        let size = (width as usize, height as usize);
        let value = match format {
            ImageFormat::Jpeg => {
                let jpeg::Metadata { exif, xmp } = jpeg::Metadata::read(bytes);
                exif::orientation(exif.as_deref(), xmp)
            }
            ImageFormat::Png => orientation(&Metadata::of_png(bytes)),
            ImageFormat::WebP => orientation(&Metadata::of_webp(bytes)),
            ImageFormat::Tiff => exif::tiff_orientation(bytes),
            _ => 0,
        };
        let doubt = match format {
            ImageFormat::Jpeg => {
                let kind = jpeg::kind(bytes).map_or_else(String::new, |kind| format!(", {kind},"));
                Some(format!("its kind of JPEG{kind} is not decoded exactly here"))
            }
            ImageFormat::Bmp => bmp::doubt(bytes).map(str::to_owned),
            ImageFormat::Gif => gif::doubt(bytes).map(str::to_owned),
            ImageFormat::Tiff => tiff::doubt(bytes).map(str::to_owned),
            _ => None,
        };
        let needed = match format {
            ImageFormat::Bmp => bmp::bytes_of_pixels(bytes),
            ImageFormat::Tiff => tiff::bytes_of_pixels(bytes, size),
            _ => 0,
        };
        if needed > bytes.len() as u64 {
            let length = bytes.len();
            let cause =
                format!("it is cut off: its pixels take {needed} bytes, and its data end at byte {length}");
            return Err(Error::bad_image(name, cause, "fetch it again"));
        }
        // A white row takes one bit in CCITT's coding, an image of one colour a few bytes in WebP.
        let is_bounded = !matches!(format, ImageFormat::Jpeg | ImageFormat::WebP) && !tiff::is_fax(bytes);
        let pixels = width as u64 * height as u64;
        if is_bounded && pixels > MAX_PIXELS_PER_BYTE * bytes.len() as u64 && pixels <= super::MAX_PIXELS {
            let cause = format!("its {} bytes cannot hold {width} x {height} pixels", bytes.len());
            return Err(Error::bad_image(name, cause, "fetch it again"));
        }
        Ok(Self { format, size, turn: Turn::of(value), doubt })
    }
}

fn orientation(metadata: &Metadata) -> u8 {
    exif::orientation(metadata.exif.as_deref(), metadata.xmp.as_deref())
}

/// All stored pixels as interleaved RGB.
pub(super) fn decode(bytes: &[u8], name: &str, header: &Header) -> Result<Vec<u8>, Error> {
    let (width, height) = header.size;
    let most = MAX_OTHER_BYTES + MAX_BYTES_PER_PIXEL * (width * height) as u64;
    let (format, decoder) = decoder(bytes, name, most)?;
    let colour = decoder.color_type();
    let decoded = DynamicImage::from_decoder(decoder).map_err(|cause| unusable(bytes, name, &cause))?;
    let mut pixels: Vec<u8> = match colour {
        // Pillow keeps the high byte, where the image crate would round.
        ColorType::L16 | ColorType::La16 | ColorType::Rgb16 | ColorType::Rgba16 => {
            decoded.into_rgb16().into_raw().into_iter().map(|value| (value >> 8) as u8).collect()
        }
        _ => decoded.into_rgb8().into_raw(),
    };
    if pixels.len() != 3 * width * height {
        return Err(Error::bad_image(name, "its pixels are not as many as its header says", super::MEND));
    }
    match format {
        ImageFormat::Gif => gif::fill_background(bytes, width, &mut pixels),
        ImageFormat::Bmp => bmp::round_as_pillow(bytes, &mut pixels),
        ImageFormat::Tiff => tiff::colour(bytes, &mut pixels),
        _ => {}
    }
    Ok(pixels)
}

/// The image crate's decoder of `bytes`, which may allocate at most `most` bytes.
fn decoder<'a>(
    bytes: &'a [u8],
    name: &str,
    most: u64,
) -> Result<(ImageFormat, impl ImageDecoder + 'a), Error> {
    let Some(format) = formats::format(bytes) else {
        let formats::Foreign { cause, mend } = formats::foreign(bytes);
        return Err(Error::bad_image(name, cause, mend));
    };
    let given = if format == ImageFormat::Tiff { tiff::without_palette(bytes) } else { bytes.into() };
    let mut reader = ImageReader::with_format(Cursor::new(given), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(most);
    reader.limits(limits);
    Ok((format, reader.into_decoder().map_err(|cause| unusable(bytes, name, &cause))?))
}

/// Why a file of a known format cannot be decoded.
fn unusable(bytes: &[u8], name: &str, cause: &ImageError) -> Error {
    if let Some(kind) = jpeg::kind(bytes) {
        let cause = format!("it is a JPEG file of a kind that is not read here: {kind}");
        return Error::bad_image(name, cause, "write it as an ordinary JPEG file, or as PNG");
    }
    match cause {
        ImageError::Unsupported(_) => {
            let cause = format!("it is of a kind that is not read here ({cause})");
            Error::bad_image(name, cause, "convert it to JPEG or PNG")
        }
        _ => {
            let cause = format!("its {} bytes do not decode ({cause})", bytes.len());
            Error::bad_image(name, cause, "open it elsewhere to see whether it is whole")
        }
    }
}
