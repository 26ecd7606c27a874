//! Images in files of their own: read whole, bounded, and decoded.

use std::fs::{self, File};
use std::io::Read as _;
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
/// let image = resnet_data::decode_image("cat.jpg".as_ref())?;
/// assert_eq!(image.pixels.len(), image.height * image.width * 3);
/// # Ok::<(), resnet_data::Error>(())
/// ```
pub fn decode_image(path: &Path) -> Result<Image, Error> {
    Ok(image::decode_bytes(&read_image(path)?, &names::shown(path))?)
}

/// The bytes of an image's file, for [`Encoded`](image::Encoded).
///
/// # Errors
/// If it cannot be read, is no file or has more than [`MAX_FILE_BYTES`].
pub fn read_image(path: &Path) -> Result<Vec<u8>, Error> {
    let metadata = fs::metadata(path).map_err(|cause| Error::io("open", path, cause))?;
    let bad = |cause: String| Err(Error::bad_file(names::shown(path), cause, MEND));
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
