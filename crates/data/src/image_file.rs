//! Images in files of their own: read whole, bounded, and decoded.

use std::fs;
use std::path::Path;

use resnet_vision::{Image, image};

use resnet_formats::names;

use crate::Error;

/// The most bytes an image's file may have: 512 MiB.
pub const MAX_FILE_BYTES: u64 = 512 << 20;
const MEND: &str = "give a JPEG, PNG, WebP, GIF, BMP or TIFF image";

/// Decodes the image in the file at `path`, as [`decode_bytes`](image::decode_bytes) does.
///
/// # Errors
/// If the file cannot be read, has more than [`MAX_FILE_BYTES`] or cannot be decoded.
///
/// ```no_run
/// let image = resnet_data::decode_image("cat.jpg")?;
/// assert_eq!(image.pixels.len(), image.height * image.width * 3);
/// # Ok::<(), resnet_data::Error>(())
/// ```
pub fn decode_image(path: impl AsRef<Path>) -> Result<Image, Error> {
    let path = path.as_ref();
    Ok(image::decode_bytes(&read_image(path)?, &names::shown(path))?)
}

/// The bytes of an image's file, for [`Encoded`](image::Encoded).
///
/// # Errors
/// If it cannot be read, is no file or has more than [`MAX_FILE_BYTES`].
pub fn read_image(path: impl AsRef<Path>) -> Result<Vec<u8>, Error> {
    read_bounded(path.as_ref(), MAX_FILE_BYTES, MEND)
}

/// The bytes of a file. Anything else, such as a pipe, is refused, and so is a file of more than `limit`
/// bytes; `mend` says what to do about either.
pub(crate) fn read_bounded(path: &Path, limit: u64, mend: &str) -> Result<Vec<u8>, Error> {
    let metadata = fs::metadata(path).map_err(|cause| Error::io("open", path, cause))?;
    let bad = |cause: String| Err(Error::bad_file(names::shown(path), cause, mend));
    if !metadata.is_file() {
        return bad("it is not a file".to_owned());
    }
    let read = resnet_files::read_at_most(path, limit).map_err(|cause| Error::io("read", path, cause))?;
    read.map_or_else(|| bad(format!("it has more than {} MiB", limit >> 20)), Ok)
}
