//! Pictures from files: JPEG, PNG and WebP to upright 8-bit RGB, as Pillow's `convert("RGB")` gives it.

use std::fmt;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Cursor, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use crate::Error;

/// The most pixels a picture may have: a hundred million, 300 MB of RGB.
pub const MAX_PIXELS: u64 = 100_000_000;
/// What decoding may allocate on the way, in bytes.
const MAX_DECODER_BYTES: u64 = 1 << 30;
const MEND: &str = "give a JPEG, PNG or WebP picture";

/// A decoded picture: interleaved RGB, one byte a channel.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    /// Width in pixels, at least 1.
    pub width: usize,
    /// Height in pixels, at least 1.
    pub height: usize,
    /// Shape `[height, width, 3]`.
    pub pixels: Vec<u8>,
}

impl Picture {
    /// A picture from its pixels, shape `[height, width, 3]`.
    ///
    /// # Errors
    /// If a side is 0 or the number of bytes is not `3 * width * height`.
    pub fn new(width: usize, height: usize, pixels: Vec<u8>) -> Result<Self, Error> {
        let bytes = width.checked_mul(height).and_then(|area| area.checked_mul(3));
        if bytes == Some(pixels.len()) && !pixels.is_empty() {
            return Ok(Self { width, height, pixels });
        }
        Err(Error::Invalid(format!("{} bytes are no RGB picture of {width} x {height}", pixels.len())))
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture {{ {} x {} }}", self.width, self.height)
    }
}

/// Decodes the picture in the file at `path`.
///
/// The format is told by the first bytes, not by the name. The picture is turned upright as its EXIF data says.
/// Grey becomes three equal channels, alpha is dropped without blending, CMYK and 16-bit channels become
/// 8-bit RGB.
///
/// # Errors
/// If the file cannot be read, is no JPEG, PNG or WebP, is corrupt, or has more than [`MAX_PIXELS`].
///
/// ```no_run
/// let picture = resnet_data::picture::decode("cat.jpg".as_ref())?;
/// assert_eq!(picture.pixels.len(), picture.height * picture.width * 3);
/// # Ok::<(), resnet_data::Error>(())
/// ```
pub fn decode(path: &Path) -> Result<Picture, Error> {
    let metadata = fs::metadata(path).map_err(|cause| Error::io("open", path, cause))?;
    if !metadata.is_file() {
        return Err(Error::bad_file(path.display().to_string(), "it is not a file", MEND));
    }
    let file = File::open(path).map_err(|cause| Error::io("open", path, cause))?;
    guarded(&path.display().to_string(), BufReader::new(file))
}

/// [`decode`] for bytes in memory; `name` stands in messages for the file.
///
/// # Errors
/// As [`decode`].
pub fn decode_bytes(bytes: &[u8], name: &str) -> Result<Picture, Error> {
    guarded(name, Cursor::new(bytes))
}

/// Decodes, and turns a panic of a decoder on corrupt data, should there be one, into an error.
fn guarded(name: &str, reader: impl BufRead + Seek) -> Result<Picture, Error> {
    catch_unwind(AssertUnwindSafe(|| decode_reader(reader, name)))
        .unwrap_or_else(|_| Err(Error::bad_file(name, "the decoder gave up on it", MEND)))
}

fn decode_reader(reader: impl BufRead + Seek, name: &str) -> Result<Picture, Error> {
    let corrupt = |cause: image::ImageError| {
        Error::bad_file(
            name,
            format!("it does not decode ({cause})"),
            "open it elsewhere to see whether it is whole",
        )
    };
    let mut reader = ImageReader::new(reader)
        .with_guessed_format()
        .map_err(|cause| Error::bad_file(name, format!("reading it failed ({cause})"), MEND))?;
    if !matches!(reader.format(), Some(ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP)) {
        return Err(Error::bad_file(name, "its first bytes are of no picture format known here", MEND));
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(corrupt)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        let cause = format!("its {width} x {height} pixels are more than {MAX_PIXELS}");
        return Err(Error::bad_file(name, cause, "shrink it first"));
    }
    // EXIF data that make no sense are no reason to refuse a picture.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let colour = decoder.color_type();
    let mut decoded = DynamicImage::from_decoder(decoder).map_err(corrupt)?;
    decoded.apply_orientation(orientation);
    let (width, height) = (decoded.width() as usize, decoded.height() as usize);
    let pixels = match colour {
        // Pillow keeps the high byte, where the image crate would round.
        ColorType::L16 | ColorType::La16 | ColorType::Rgb16 | ColorType::Rgba16 => {
            decoded.into_rgb16().into_raw().into_iter().map(|value| (value >> 8) as u8).collect()
        }
        _ => decoded.into_rgb8().into_raw(),
    };
    Picture::new(width, height, pixels)
        .map_err(|_| Error::bad_file(name, format!("it has {width} x {height} pixels"), MEND))
}
