//! Images from files: JPEG, PNG, WebP, GIF, BMP and TIFF to 8-bit RGB, as Pillow's `convert("RGB")` gives
//! it.

mod bmp;
mod decode_time;
mod elsewhere;
mod encoded;
mod exif;
mod formats;
mod gif;
mod mark;
mod metadata;
mod orientation;
mod part;
mod picture;
mod tiff;

use std::fmt;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder as _};

use crate::Error;

pub use encoded::Encoded;
pub use formats::extension;
pub use mark::PngMark;
pub use orientation::{Orientation, turned};
pub(crate) use part::Part;
pub use picture::Picture;

/// The most pixels an image may have: a hundred million, 300 MB of RGB.
pub const MAX_PIXELS: u64 = 100_000_000;
const MEND: &str = "give a JPEG, PNG, WebP, GIF, BMP or TIFF image";

/// A decoded image: interleaved RGB, one byte per channel.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    /// Width in pixels, at least 1.
    pub width: usize,
    /// Height in pixels, at least 1.
    pub height: usize,
    /// Shape `[height, width, 3]`.
    pub pixels: Vec<u8>,
}

impl Image {
    /// An image from its pixels, shape `[height, width, 3]`.
    ///
    /// # Errors
    /// If a side is 0 or the number of bytes is not `3 * width * height`.
    pub fn new(width: usize, height: usize, pixels: Vec<u8>) -> Result<Self, Error> {
        let bytes = width.checked_mul(height).and_then(|area| area.checked_mul(3));
        if bytes == Some(pixels.len()) && !pixels.is_empty() {
            return Ok(Self { width, height, pixels });
        }
        Err(Error::Invalid(format!("{} bytes are no RGB image of {width} x {height}", pixels.len())))
    }

    /// Checks that the number of pixels matches width and height.
    ///
    /// # Panics
    /// If the fields contradict each other; [`Image::new`] and [`decode_bytes`] never make such an image.
    pub fn check(&self) {
        let bytes = self.pixels.len();
        assert!(bytes > 0 && bytes == 3 * self.width * self.height, "{self:?} has {bytes} bytes");
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Image {{ {} x {} }}", self.width, self.height)
    }
}

/// Decodes the image in `bytes`; `name` stands in messages for the file.
///
/// The first bytes decide on the format, not the name. The image is turned upright as its EXIF data say
/// ([`Encoded::oriented`] can leave it as stored). Grey becomes three equal channels, alpha is dropped
/// without blending, CMYK and 16-bit channels become 8-bit RGB, and of several frames the first is taken.
/// JPEG files are decoded as by libjpeg, to the bit; a warning names the few kinds that are not.
///
/// # Errors
/// If the bytes are not a JPEG, PNG, WebP, GIF, BMP or TIFF image, are corrupt, or have more than
/// [`MAX_PIXELS`].
pub fn decode_bytes(bytes: &[u8], name: &str) -> Result<Image, Error> {
    Encoded::open(bytes, name)?.decode()
}

/// Decodes the whole image in `bytes`, and accepts no damage.
///
/// [`decode_bytes`] and training warn about a JPEG file that is damaged in the middle, or of a kind that is
/// not decoded exactly here, and use it as far as it decodes, as libjpeg does. This function refuses both.
///
/// # Errors
/// As [`decode_bytes`], and if anything is damaged or might differ from what Pillow decodes.
pub fn verify(bytes: &[u8], name: &str) -> Result<(), Error> {
    Encoded::open(bytes, name)?.verify()
}

/// `image` as the bytes of a PNG file.
///
/// # Errors
/// If it is too large for the format.
///
/// # Panics
/// If the image's fields contradict each other.
pub fn encode_png(image: &Image) -> Result<Vec<u8>, Error> {
    image.check();
    let too_large = |cause: String| Error::Invalid(format!("{image:?} cannot be written as PNG: {cause}"));
    let side = |side: usize| u32::try_from(side).map_err(|cause| too_large(cause.to_string()));
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes)
        .write_image(&image.pixels, side(image.width)?, side(image.height)?, ExtendedColorType::Rgb8)
        .map_err(|cause| too_large(cause.to_string()))?;
    Ok(bytes)
}
