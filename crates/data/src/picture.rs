//! Pictures from files: JPEG, PNG and WebP to upright 8-bit RGB, as Pillow's `convert("RGB")` gives it.

mod orientation;
pub(crate) mod record;

use std::borrow::Cow;
use std::fmt;
use std::fs::{self, File};
use std::io::{Cursor, Read as _};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use image::codecs::png::PngEncoder;
use image::{
    ColorType, DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder as _, ImageFormat, ImageReader,
    Limits, metadata,
};

use crate::jpeg::{self, Jpeg, Pixel};
use crate::resample::{self, Columns, Interpolation};
use crate::{Error, preprocess};
use orientation::Orientation;
use record::Record;

/// The most pixels a picture may have: a hundred million, 300 MB of RGB.
pub const MAX_PIXELS: u64 = 100_000_000;
/// The most bytes a picture's file may have.
pub const MAX_FILE_BYTES: u64 = 512 << 20;
/// What decoding may allocate beside pixels, for instance for a colour profile.
const MAX_OTHER_BYTES: u64 = 64 << 20;
/// What decoding may allocate for a pixel: four channels of 16 bits, and two bytes for the filters.
const MAX_BYTES_A_PIXEL: u64 = 10;
const MEND: &str = "give a JPEG, PNG or WebP picture";
/// What to do about a damaged record of a packed file.
pub(crate) const MEND_RECORD: &str = "fetch the packed file again, or convert the photographs again";

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

impl Picture {
    /// # Panics
    /// If the fields contradict each other; [`Picture::new`] and [`decode`] make none of these.
    pub(crate) fn check(&self) {
        let bytes = self.pixels.len();
        assert!(bytes > 0 && bytes == 3 * self.width * self.height, "{self:?} has {bytes} bytes");
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture {{ {} x {} }}", self.width, self.height)
    }
}

/// Decodes the picture in the file at `path`.
///
/// The format is told by the first bytes, not by the name. The picture is turned upright as its EXIF data
/// says. Grey becomes three equal channels, alpha is dropped without blending, CMYK and 16-bit channels
/// become 8-bit RGB. JPEG comes out as libjpeg decodes it, to the bit.
///
/// # Errors
/// If the file cannot be read, is no JPEG, PNG or WebP, is corrupt, or has more than [`MAX_PIXELS`] or
/// [`MAX_FILE_BYTES`].
///
/// ```no_run
/// let picture = resnet_data::picture::decode("cat.jpg".as_ref())?;
/// assert_eq!(picture.pixels.len(), picture.height * picture.width * 3);
/// # Ok::<(), resnet_data::Error>(())
/// ```
pub fn decode(path: &Path) -> Result<Picture, Error> {
    decode_bytes(&read(path)?, &path.display().to_string())
}

/// The bytes of a picture's file, for [`Encoded`].
///
/// # Errors
/// If it cannot be read, is no file or has more than [`MAX_FILE_BYTES`].
pub fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let metadata = fs::metadata(path).map_err(|cause| Error::io("open", path, cause))?;
    let bad = |cause: String| Err(Error::bad_file(path.display().to_string(), cause, MEND));
    if !metadata.is_file() {
        return bad("it is not a file".to_owned());
    }
    let file = File::open(path).map_err(|cause| Error::io("open", path, cause))?;
    let mut bytes = Vec::with_capacity(metadata.len().min(MAX_FILE_BYTES) as usize + 1);
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|cause| Error::io("read", path, cause))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return bad(format!("it has more than {} MiB", MAX_FILE_BYTES >> 20));
    }
    Ok(bytes)
}

/// [`decode`] for bytes in memory; `name` stands in messages for the file.
///
/// # Errors
/// As [`decode`].
pub fn decode_bytes(bytes: &[u8], name: &str) -> Result<Picture, Error> {
    Encoded::open(bytes, name)?.decode()
}

/// `picture` as the bytes of a PNG file.
///
/// # Errors
/// If it is too large for the format.
///
/// # Panics
/// If the picture's fields contradict each other.
pub fn encode_png(picture: &Picture) -> Result<Vec<u8>, Error> {
    picture.check();
    let too_large = |cause: String| Error::Invalid(format!("{picture:?} cannot be written as PNG: {cause}"));
    let side = |side: usize| u32::try_from(side).map_err(|cause| too_large(cause.to_string()));
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes)
        .write_image(&picture.pixels, side(picture.width)?, side(picture.height)?, ExtendedColorType::Rgb8)
        .map_err(|cause| too_large(cause.to_string()))?;
    Ok(bytes)
}

/// A picture's file whose size is known and whose pixels are not decoded yet.
///
/// ```no_run
/// # fn main() -> Result<(), resnet_data::Error> {
/// use resnet_data::picture::{self, Encoded};
///
/// let bytes = picture::read("cat.jpg".as_ref())?;
/// let cat = Encoded::open(&bytes, "cat.jpg")?;
/// let (width, height) = cat.size();
/// let middle = cat.decode_window(width / 4..width / 2, height / 4..height / 2)?;
/// # Ok(())
/// # }
/// ```
pub struct Encoded<'a> {
    bytes: &'a [u8],
    name: Cow<'a, str>,
    /// As stored.
    size: (usize, usize),
    orientation: Orientation,
    form: Form<'a>,
    /// Nanoseconds that decoding has taken.
    decoding: AtomicU64,
}

/// Who knows the pixels.
enum Form<'a> {
    /// Our own decoder.
    Jpeg(Box<Jpeg<'a>>),
    /// Nobody has to: they are these, of a packed file.
    Rgb(&'a [u8]),
    /// The image crate.
    Other,
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
    /// Reads the header of the picture in `bytes`; `name` stands in messages for the file.
    ///
    /// The bytes may also be a record of a packed file, as its [`Source`](crate::sources::Source) reads it;
    /// of that all bytes are held against its checksum.
    ///
    /// # Errors
    /// If the bytes are of no JPEG, PNG or WebP and no record, the header is corrupt or tells of more than
    /// [`MAX_PIXELS`], or a record is damaged.
    pub fn open(bytes: &'a [u8], name: &'a str) -> Result<Self, Error> {
        if Record::is_one(bytes) {
            let bad = |cause: String| Error::bad_file(name, cause, MEND_RECORD);
            let record = Record::parse(bytes).map_err(bad)?;
            let size = checked(record.size, name)?;
            record.verify().map_err(bad)?;
            let (orientation, form) = (Orientation::default(), Form::Rgb(record.pixels));
            return Ok(Self::of(bytes, name, size, orientation, form));
        }
        if let Ok(jpeg) = Jpeg::open(bytes) {
            let size = checked(jpeg.size(), name)?;
            // EXIF data that make no sense are no reason to refuse a picture.
            let exif = jpeg::exif(bytes).and_then(metadata::Orientation::from_exif_chunk);
            let orientation = exif.map(Orientation::from).unwrap_or_default();
            return Ok(Self::of(bytes, name, size, orientation, Form::Jpeg(Box::new(jpeg))));
        }
        guarded(name, || {
            let mut decoder = decoder(bytes, name, MAX_OTHER_BYTES)?;
            let (width, height) = decoder.dimensions();
            let size = checked((width as usize, height as usize), name)?;
            let orientation = decoder.orientation().map(Orientation::from).unwrap_or_default();
            Ok(Self::of(bytes, name, size, orientation, Form::Other))
        })
    }

    fn of(
        bytes: &'a [u8],
        name: &'a str,
        size: (usize, usize),
        orientation: Orientation,
        form: Form<'a>,
    ) -> Self {
        Self { bytes, name: name.into(), size, orientation, form, decoding: AtomicU64::new(0) }
    }

    /// Width and height in pixels, upright.
    pub fn size(&self) -> (usize, usize) {
        self.orientation.size(self.size)
    }

    /// The whole picture.
    ///
    /// # Errors
    /// If the file is corrupt.
    pub fn decode(&self) -> Result<Picture, Error> {
        let (width, height) = self.size();
        self.decode_window(0..width, 0..height)
    }

    /// The part of the picture in these columns and rows: the same pixels as the whole picture has there.
    ///
    /// Of a JPEG file little more than that part is decoded, of a packed record nothing but that part is
    /// looked at.
    ///
    /// # Errors
    /// If the file is corrupt, or the part is empty or does not lie within the picture.
    pub fn decode_window(&self, columns: Range<usize>, rows: Range<usize>) -> Result<Picture, Error> {
        let (width, height) = self.size();
        if columns.is_empty() || rows.is_empty() || columns.end > width || rows.end > height {
            let name = &self.name;
            return Err(Error::Invalid(format!(
                "columns {columns:?} and rows {rows:?} are no part of {name}, which has {width} x {height} pixels"
            )));
        }
        let pixels = match self.form {
            Form::Rgb(pixels) => {
                let row = |y| &pixels[3 * (y * width + columns.start)..3 * (y * width + columns.end)];
                rows.clone().map(row).collect::<Vec<_>>().concat()
            }
            _ => without_fourth(&self.decode_pixels(&(columns.clone(), rows.clone()))?),
        };
        Picture::new(columns.len(), rows.len(), pixels)
    }

    /// Width and height that [`decode_shrunk`](Self::decode_shrunk) gives the picture.
    pub fn shrunk_size(&self, side: usize) -> (usize, usize) {
        let (width, height) = self.size();
        match width.min(height) > side.max(1) {
            true => preprocess::resized((width, height), side.max(1)),
            false => (width, height),
        }
    }

    /// The whole picture with its shorter side brought to `side` pixels, as Pillow resizes it; as it is where
    /// that side has no more. A `side` of 0 counts as 1.
    ///
    /// # Errors
    /// If the file is corrupt.
    pub fn decode_shrunk(&self, side: usize, interpolation: Interpolation) -> Result<Picture, Error> {
        let (from, to) = (self.size(), self.shrunk_size(side));
        if from == to {
            return self.decode();
        }
        let (all, wanted) = (resample::whole(from), resample::whole(to));
        let pixels = self.decode_pixels(&all)?;
        let window = (&wanted, Columns::Forward);
        let pixels = resample::resize_window(&pixels, &all, from, to, window, interpolation);
        Picture::new(to.0, to.1, without_fourth(&pixels))
    }

    /// The pixels in `window`, which must not be empty and must lie within the picture.
    pub(crate) fn decode_pixels(&self, window: &jpeg::Window) -> Result<Vec<Pixel>, Error> {
        let begun = Instant::now();
        let window = self.orientation.stored(window, self.size);
        let own = match &self.form {
            Form::Jpeg(jpeg) => catch_unwind(AssertUnwindSafe(|| jpeg.decode(&window).ok())).ok().flatten(),
            Form::Rgb(pixels) => Some(cut(pixels, self.size.0, &window)),
            Form::Other => None,
        };
        let stored = match own {
            Some(pixels) => pixels,
            // Not for our decoder, or damaged: the other one makes the best of it or says what is wrong.
            None => guarded(&self.name, || self.decode_elsewhere(&window))?,
        };
        let upright = self.orientation.upright(stored, (window.0.len(), window.1.len()));
        self.decoding.fetch_add(begun.elapsed().as_nanos() as u64, Relaxed);
        Ok(upright)
    }

    /// How long decoding has taken so far.
    pub(crate) fn decoding(&self) -> Duration {
        Duration::from_nanos(self.decoding.load(Relaxed))
    }

    /// The stored pixels in `window`, by the image crate.
    fn decode_elsewhere(&self, window: &jpeg::Window) -> Result<Vec<Pixel>, Error> {
        let (width, height) = self.size;
        let most = MAX_OTHER_BYTES + MAX_BYTES_A_PIXEL * (width * height) as u64;
        let decoder = decoder(self.bytes, &self.name, most)?;
        let colour = decoder.color_type();
        let decoded = DynamicImage::from_decoder(decoder).map_err(|cause| corrupt(&self.name, &cause))?;
        let pixels: Vec<u8> = match colour {
            // Pillow keeps the high byte, where the image crate would round.
            ColorType::L16 | ColorType::La16 | ColorType::Rgb16 | ColorType::Rgba16 => {
                decoded.into_rgb16().into_raw().into_iter().map(|value| (value >> 8) as u8).collect()
            }
            _ => decoded.into_rgb8().into_raw(),
        };
        if pixels.len() != 3 * width * height {
            return Err(Error::bad_file(&*self.name, "its pixels are not as many as its header says", MEND));
        }
        Ok(cut(&pixels, width, window))
    }
}

/// The part in `window` of interleaved RGB of that width.
pub(crate) fn cut(pixels: &[u8], width: usize, (columns, rows): &jpeg::Window) -> Vec<Pixel> {
    let mut out = Vec::with_capacity(columns.len() * rows.len());
    for y in rows.clone() {
        let row = &pixels[3 * (y * width + columns.start)..3 * (y * width + columns.end)];
        out.extend(row.as_chunks::<3>().0.iter().map(|&[r, g, b]| [r, g, b, 0]));
    }
    out
}

/// Interleaved RGB, as [`Picture`] has it.
fn without_fourth(pixels: &[Pixel]) -> Vec<u8> {
    pixels.iter().flat_map(|&[r, g, b, _]| [r, g, b]).collect()
}

/// Turns a panic of a decoder on corrupt data, should there be one, into an error.
fn guarded<T>(name: &str, decode: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(decode))
        .unwrap_or_else(|_| Err(Error::bad_file(name, "the decoder gave up on it", MEND)))
}

fn checked(size: (usize, usize), name: &str) -> Result<(usize, usize), Error> {
    let (width, height) = size;
    let cause = if width as u64 * height as u64 > MAX_PIXELS {
        format!("its {width} x {height} pixels are more than {MAX_PIXELS}")
    } else if width == 0 || height == 0 {
        format!("it has {width} x {height} pixels")
    } else {
        return Ok(size);
    };
    Err(Error::bad_file(name, cause, "shrink it first"))
}

fn corrupt(name: &str, cause: &image::ImageError) -> Error {
    Error::bad_file(
        name,
        format!("it does not decode ({cause})"),
        "open it elsewhere to see whether it is whole",
    )
}

/// The image crate's decoder of `bytes`, which may allocate so many bytes.
fn decoder<'a>(bytes: &'a [u8], name: &str, most: u64) -> Result<impl ImageDecoder + 'a, Error> {
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|cause| Error::bad_file(name, format!("reading it failed ({cause})"), MEND))?;
    if !matches!(reader.format(), Some(ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP)) {
        return Err(Error::bad_file(name, "its first bytes are of no picture format known here", MEND));
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(most);
    reader.limits(limits);
    reader.into_decoder().map_err(|cause| corrupt(name, &cause))
}
