//! Which files are images by their names.

/// Ends of file names that are taken for images, in lower case. Windows saves JPEG files as `.jfif`.
pub const IMAGE_ENDS: [&str; 10] = ["jpg", "jpeg", "jfif", "jpe", "png", "webp", "bmp", "gif", "tif", "tiff"];

/// Whether a file of this name or path is an image: its name's [ending](is_image_end) is an image's.
pub fn is_image_name(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, end)| is_image_end(end))
}

/// Whether `end`, what follows a name's last dot, is an image's.
pub fn is_image_end(end: &str) -> bool {
    IMAGE_ENDS.iter().any(|known| known.eq_ignore_ascii_case(end))
}
