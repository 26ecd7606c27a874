//! `Encoded`: the bytes of an image file, with the header read, so that any part can be decoded.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use image::ImageFormat;

use super::decode_time::DecodeTime;
use super::elsewhere::{self, Header};
use super::exif;
use super::orientation::{Orientation, Turn};
use super::part::{Content, Part};
use super::{Image, MAX_PIXELS, MEND};
use crate::jpeg::{self, Jpeg, Samples, Scale};
use crate::pixels::{Window, append_rgb, whole};
use crate::resample::{self, Interpolation};
use crate::{Direction, Error};

/// Rows that are turned into RGB at once: few, so that their pixels stay in a first-level cache.
const STRIP: usize = 16;

/// An image file whose size is known and whose pixels are not decoded yet.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use resnet_vision::image::Encoded;
///
/// let bytes = std::fs::read("cat.jpg")?;
/// let cat = Encoded::open(&bytes, "cat.jpg")?;
/// let (width, height) = cat.size();
/// let middle = cat.decode_window(width / 4..width / 2, height / 4..height / 2)?;
/// # Ok(())
/// # }
/// ```
pub struct Encoded<'a> {
    bytes: &'a [u8],
    name: Cow<'a, str>,
    /// Width and height as stored.
    size: (usize, usize),
    turn: Turn,
    turned_by: TurnedBy,
    form: Form<'a>,
    time: DecodeTime,
}

/// What asks for the image to be turned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TurnedBy {
    Nothing,
    Exif,
    /// A TIFF file's own header, which Pillow always follows.
    Format,
}

/// Where the pixels come from.
enum Form<'a> {
    /// Our own decoder.
    Jpeg(Box<Jpeg<'a>>),
    /// Interleaved RGB, which needs no decoding.
    Rgb(&'a [u8]),
    /// The image crate.
    Other(Header),
}

impl fmt::Debug for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoded")
            .field("name", &self.name)
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

impl<'a> Encoded<'a> {
    /// Reads the header of the image in `bytes`; `name` stands in messages for the file.
    ///
    /// # Errors
    /// If the bytes are not a JPEG, PNG, WebP, GIF, BMP or TIFF image, or the header is corrupt or announces
    /// more than [`MAX_PIXELS`].
    pub fn open(bytes: &'a [u8], name: &'a str) -> Result<Self, Error> {
        if jpeg::is_cut(bytes) || is_cut_webp(bytes) {
            // Decoders would invent the missing pixels. Ours would not even notice if it decodes a window
            // above them.
            let cause = format!("it is cut off: its data end at byte {}, before the image does", bytes.len());
            return Err(Error::bad_image(name, cause, "fetch it again"));
        }
        if let Ok(jpeg) = Jpeg::open(bytes) {
            let size = checked(jpeg.size(), name)?;
            // EXIF data that make no sense are no reason to refuse an image.
            let jpeg::Metadata { exif, xmp } = jpeg::Metadata::read(bytes);
            let turn = Turn::of(exif::orientation(exif.as_deref(), xmp));
            return Ok(Self::of(bytes, name, size, turn, Form::Jpeg(Box::new(jpeg))));
        }
        guarded(name, || {
            let header = Header::read(bytes, name)?;
            let size = checked(header.size, name)?;
            Ok(Self::of(bytes, name, size, header.turn, Form::Other(header)))
        })
    }

    /// An image that needs no decoding: `pixels` are interleaved RGB, shape `[height, width, 3]`.
    ///
    /// # Errors
    /// If a side is 0, there are more than [`MAX_PIXELS`], or `pixels` are not `3 * width * height` bytes.
    pub fn of_rgb(pixels: &'a [u8], (width, height): (usize, usize), name: &'a str) -> Result<Self, Error> {
        let size = checked((width, height), name)?;
        if pixels.len() != 3 * width * height {
            let bytes = pixels.len();
            return Err(Error::bad_image(
                name,
                format!("{bytes} bytes are no RGB image of {width} x {height}"),
                MEND,
            ));
        }
        Ok(Self::of(pixels, name, size, Turn::default(), Form::Rgb(pixels)))
    }

    fn of(bytes: &'a [u8], name: &'a str, size: (usize, usize), turn: Turn, form: Form<'a>) -> Self {
        let turned_by = match &form {
            _ if turn == Turn::default() => TurnedBy::Nothing,
            Form::Other(header) if header.format == ImageFormat::Tiff => TurnedBy::Format,
            _ => TurnedBy::Exif,
        };
        Self { bytes, name: name.into(), size, turn, turned_by, form, time: DecodeTime::default() }
    }

    /// The same image, turned as `orientation` says. Without this call it is turned upright.
    #[must_use]
    pub fn oriented(mut self, orientation: Orientation) -> Self {
        if orientation == Orientation::Ignore && self.turned_by == TurnedBy::Exif {
            self.turn = Turn::default();
        }
        self
    }

    /// Whether EXIF data ask for a turn, [ignored](Orientation::Ignore) or not.
    pub fn has_exif_orientation(&self) -> bool {
        self.turned_by == TurnedBy::Exif
    }

    /// Whether EXIF data turn it.
    pub fn is_turned(&self) -> bool {
        self.turned_by == TurnedBy::Exif && self.turn != Turn::default()
    }

    /// Width and height in pixels of the image as it is shown, after any turn.
    pub fn size(&self) -> (usize, usize) {
        self.turn.size(self.size)
    }

    /// The whole image.
    ///
    /// # Errors
    /// If the file is corrupt.
    pub fn decode(&self) -> Result<Image, Error> {
        let (width, height) = self.size();
        self.decode_window(0..width, 0..height)
    }

    /// Decodes everything, and refuses what might differ from what Pillow decodes.
    ///
    /// # Errors
    /// If anything is damaged or might differ from what Pillow decodes.
    pub fn verify(&self) -> Result<(), Error> {
        match &self.form {
            Form::Rgb(_) => self.decode().map(drop),
            Form::Jpeg(_) if self.decode_here(&whole(self.size()), Scale::Full).is_some() => Ok(()),
            Form::Jpeg(_) => {
                self.decode_elsewhere()?;
                let cause =
                    "its JPEG data are damaged or incomplete, and decoders would invent the missing pixels";
                Err(Error::bad_image(&*self.name, cause, "fetch it again"))
            }
            Form::Other(header) => {
                self.decode_elsewhere()?;
                let Some(doubt) = &header.doubt else { return Ok(()) };
                let cause = format!("{doubt}, so its pixels may differ from Pillow's");
                Err(Error::bad_image(&*self.name, cause, "write it again as an ordinary JPEG or PNG file"))
            }
        }
    }

    /// The part of the image in these columns and rows: the same pixels as the whole image has there.
    ///
    /// Of a JPEG file little more than that part is decoded; of uncompressed pixels only that part is read.
    ///
    /// # Errors
    /// If the file is corrupt, or the part is empty or does not lie within the image.
    pub fn decode_window(&self, columns: Range<usize>, rows: Range<usize>) -> Result<Image, Error> {
        let (width, height) = self.size();
        if columns.is_empty() || rows.is_empty() || columns.end > width || rows.end > height {
            let name = &self.name;
            return Err(Error::Invalid(format!(
                "columns {columns:?} and rows {rows:?} are no part of {name}, which has {width} x {height} pixels"
            )));
        }
        let part = self.part(&(columns.clone(), rows.clone()))?;
        let mut rgb = Vec::with_capacity(3 * columns.len() * rows.len());
        for start in rows.clone().step_by(STRIP) {
            let strip = start..rows.end.min(start + STRIP);
            append_rgb(&part.pixels(&(columns.clone(), strip)), &mut rgb);
        }
        Image::new(columns.len(), rows.len(), rgb)
    }

    /// Width and height that [`decode_shrunk`](Self::decode_shrunk) gives the image.
    pub fn shrunk_size(&self, side: usize) -> (usize, usize) {
        let (width, height) = self.size();
        match width.min(height) > side.max(1) {
            true => resample::resized_size((width, height), side.max(1)),
            false => (width, height),
        }
    }

    /// The whole image with its shorter side shrunk to `side` pixels, as Pillow resizes it. An image whose
    /// shorter side is no longer than that stays as it is. A `side` of 0 counts as 1.
    ///
    /// # Errors
    /// If the file is corrupt.
    pub fn decode_shrunk(&self, side: usize, interpolation: Interpolation) -> Result<Image, Error> {
        let (from, to) = (self.size(), self.shrunk_size(side));
        if from == to {
            return self.decode();
        }
        let part = self.part(&whole(from))?;
        let window = (&whole(to), Direction::Forward);
        let pixels = resample::resize_bands(|window| part.pixels(window), from, to, window, interpolation);
        let mut rgb = Vec::new();
        append_rgb(&pixels, &mut rgb);
        Image::new(to.0, to.1, rgb)
    }

    /// Decodes `window`, which must not be empty and must lie within the image.
    pub(crate) fn part(&self, window: &Window) -> Result<Part<'_>, Error> {
        let begun = Instant::now();
        let content = match &self.form {
            Form::Rgb(pixels) => Content::Rgb((*pixels).into()),
            Form::Jpeg(_) => match self.decode_here(window, Scale::Full) {
                Some(samples) => Content::Samples(samples),
                // The other decoder decodes what it can, or says what is wrong.
                None => {
                    let pixels = self.decode_elsewhere()?;
                    tracing::warn!("{} is damaged; it is used as far as it decodes", self.name);
                    Content::Rgb(pixels.into())
                }
            },
            Form::Other(header) => {
                let pixels = self.decode_elsewhere()?;
                if let Some(doubt) = &header.doubt {
                    tracing::warn!("{}: {doubt}; its pixels may differ from Pillow's", self.name);
                }
                Content::Rgb(pixels.into())
            }
        };
        self.time.add_since(begun);
        Ok(Part { turn: self.turn, time: &self.time, size: self.size, content })
    }

    /// Decodes `window` of the image at `scale`, where each pixel is the mean of several; the window must not
    /// be empty and must lie within the image. `None` if our JPEG decoder cannot decode it, or if the image
    /// is turned and a side is no multiple of the scale.
    pub(crate) fn scaled_part(&self, window: &Window, scale: Scale) -> Option<Part<'_>> {
        // If a side is no multiple of the scale, the last pixel of a row stands for fewer stored ones. In a
        // turned image it could come first, and the grid would not match.
        let is_whole = |side: usize| side.is_multiple_of(scale.divisor());
        let turned = self.turn != Turn::default();
        if turned && !(is_whole(self.size.0) && is_whole(self.size.1)) {
            return None;
        }
        let begun = Instant::now();
        let content = Content::Samples(self.decode_here(window, scale)?);
        self.time.add_since(begun);
        Some(Part { turn: self.turn, time: &self.time, size: scale.of(self.size), content })
    }

    /// The samples of `window` of the upright image, by our own decoder; `None` if it cannot decode them.
    fn decode_here(&self, window: &Window, scale: Scale) -> Option<Samples> {
        let Form::Jpeg(jpeg) = &self.form else { return None };
        let window = self.turn.stored(window, scale.of(self.size));
        catch_unwind(AssertUnwindSafe(|| jpeg.samples(&window, scale).ok())).ok().flatten()
    }

    /// How long decoding has taken so far, summed over all parts and threads.
    pub fn decoding(&self) -> Duration {
        self.time.total()
    }

    /// All stored pixels as interleaved RGB, by the image crate.
    fn decode_elsewhere(&self) -> Result<Vec<u8>, Error> {
        guarded(&self.name, || match &self.form {
            Form::Other(header) => elsewhere::decode(self.bytes, &self.name, header),
            _ => elsewhere::decode(self.bytes, &self.name, &Header::read(self.bytes, &self.name)?),
        })
    }
}

/// Turns a panic of a decoder on corrupt data, should there be one, into an error.
fn guarded<T>(name: &str, decode: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(decode))
        .unwrap_or_else(|_| Err(Error::bad_image(name, "the decoder gave up on it", MEND)))
}

fn checked(size: (usize, usize), name: &str) -> Result<(usize, usize), Error> {
    let (width, height) = size;
    let (cause, mend) = if width as u64 * height as u64 > MAX_PIXELS {
        (format!("its {width} x {height} pixels are more than {MAX_PIXELS}"), "shrink it first")
    } else if width == 0 || height == 0 {
        (format!("it has {width} x {height} pixels"), MEND)
    } else {
        return Ok(size);
    };
    Err(Error::bad_image(name, cause, mend))
}

/// Whether a WebP file has fewer bytes than its header says.
fn is_cut_webp(bytes: &[u8]) -> bool {
    let is_webp = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
    let size = bytes.get(4..).and_then(|rest| rest.first_chunk()).map(|size| u32::from_le_bytes(*size));
    is_webp && size.is_some_and(|size| (bytes.len() as u64) < 8 + u64::from(size))
}
