//! What a file is by its first bytes, whatever its name says: a format that is decoded here, or something
//! else and what to do about it.

use image::ImageFormat;

use super::tiff;

/// The format of an encoded image, if it is one that is decoded here.
pub(super) fn format(bytes: &[u8]) -> Option<ImageFormat> {
    use ImageFormat::{Bmp, Gif, Jpeg, Png, Tiff, WebP};
    match image::guess_format(bytes) {
        Ok(format @ (Jpeg | Png | WebP | Gif | Bmp | Tiff)) => Some(format),
        // A BigTIFF file, which the image crate decodes but does not recognise.
        _ => tiff::is_big(bytes).then_some(Tiff),
    }
}

/// The usual extension for the file of an encoded image, without a dot: `png`, `webp`, `gif`, `tif`, `bmp`,
/// or else `jpg`.
///
/// The first bytes decide. Bytes that are no image of these formats are called `jpg` too: ask
/// [`Encoded::open`](super::Encoded::open) whether they are one.
///
/// ```
/// use resnet_vision::image;
///
/// assert_eq!(image::extension(b"GIF89a"), "gif");
/// assert_eq!(image::extension(b"\xff\xd8\xff\xe0"), "jpg");
/// ```
pub fn extension(bytes: &[u8]) -> &'static str {
    match format(bytes) {
        Some(ImageFormat::Png) => "png",
        Some(ImageFormat::WebP) => "webp",
        Some(ImageFormat::Gif) => "gif",
        Some(ImageFormat::Tiff) => "tif",
        Some(ImageFormat::Bmp) => "bmp",
        _ => "jpg",
    }
}

/// What a file is if it is not decoded here, and what to do about it, each as part of a sentence.
pub(super) struct Foreign {
    pub(super) cause: String,
    pub(super) mend: &'static str,
}

/// Formats that are read, for messages.
pub(super) const FORMATS: &str = "a JPEG, PNG, WebP, GIF, BMP or TIFF image";
const CONVERT: &str = "convert it to JPEG or PNG";
const REPLACE: &str = "give a JPEG, PNG, WebP, GIF, BMP or TIFF image";
const FETCH: &str = "fetch the image itself";

/// First bytes, what a file that begins so is, what to do.
const SIGNATURES: [(&[u8], &str, &str); 26] = [
    (b"version https://git-lfs", "a Git LFS pointer, not the image that it stands for", "run `git lfs pull`"),
    (b"%PDF-", "a PDF document", CONVERT),
    (b"\x1f\x8b", "a gzip archive", "unpack it"),
    (b"PK\x03\x04", "a zip archive", "unpack it"),
    (b"BZh", "a bzip2 archive", "unpack it"),
    (b"\xfd7zXZ\0", "an xz archive", "unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", "unpack it"),
    (b"Rar!\x1a\x07", "a RAR archive", "unpack it"),
    (b"\xff\x0a", "a JPEG XL image", CONVERT),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL image", CONVERT),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 image", CONVERT),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 image", CONVERT),
    (b"8BPS", "a Photoshop document", CONVERT),
    (b"\0\0\x01\0", "a Windows icon", CONVERT),
    (b"qoif", "a QOI image", CONVERT),
    (b"DDS ", "a DDS texture", CONVERT),
    (b"\x76\x2f\x31\x01", "an OpenEXR image", CONVERT),
    (b"#?RADIANCE", "a Radiance HDR image", CONVERT),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM video", REPLACE),
    (b"\0\0\x01\xba", "an MPEG video", REPLACE),
    (b"OggS", "an Ogg file", REPLACE),
    (b"ID3", "an MP3 file", REPLACE),
    (b"\x93NUMPY", "a NumPy array", REPLACE),
    (b"PAR1", "a Parquet file", REPLACE),
    (b"\x89HDF", "an HDF5 file", REPLACE),
];

/// What `bytes` are, given that no decoder here accepts them.
pub(super) fn foreign(bytes: &[u8]) -> Foreign {
    let is = |what: &str, mend: &'static str| Foreign { cause: format!("it is {what}"), mend };
    if bytes.is_empty() {
        return is("empty", FETCH);
    }
    if bytes.iter().all(|&byte| byte == 0) {
        return Foreign { cause: format!("its {} bytes are all zero", bytes.len()), mend: FETCH };
    }
    if let Some((_, what, mend)) = SIGNATURES.iter().find(|(first, ..)| bytes.starts_with(first)) {
        return is(what, mend);
    }
    if bytes.get(4..8) == Some(b"ftyp") {
        return match bytes.get(8..12) {
            Some(b"avif" | b"avis") => is("an AVIF image", CONVERT),
            Some(b"heic" | b"heix" | b"hevc" | b"heim" | b"heis" | b"mif1" | b"msf1") => {
                is("an HEIF image (HEIC or AVIF)", CONVERT)
            }
            Some(b"qt  ") => is("a QuickTime video", REPLACE),
            _ => is("an MP4 video", REPLACE),
        };
    }
    if bytes.starts_with(b"RIFF") {
        return match bytes.get(8..12) {
            Some(b"AVI ") => is("an AVI video", REPLACE),
            Some(b"WAVE") => is("a WAV file", REPLACE),
            _ => is("a RIFF file, but no WebP image", REPLACE),
        };
    }
    if matches!(bytes, [b'P', b'1'..=b'7', b' ' | b'\t' | b'\r' | b'\n' | b'#', ..]) {
        return is("a Netpbm image (PBM, PGM or PPM)", CONVERT);
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return is("a tar archive", "unpack it");
    }
    if let Some(text) = text(bytes) {
        return text;
    }
    Foreign { cause: format!("its first bytes are not those of {FORMATS}"), mend: REPLACE }
}

/// What kind of text the bytes are, if they are text.
fn text(bytes: &[u8]) -> Option<Foreign> {
    let head = &bytes[..bytes.len().min(1024)];
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    // A byte order mark or an empty line stands in front of many images that went through a text editor.
    if head.starts_with(b"\xff\xd8\xff") || head.starts_with(b"\x89PNG") {
        let cause = "other bytes stand before the image, as a text editor or a web server leaves them";
        return Some(Foreign { cause: cause.to_owned(), mend: FETCH });
    }
    let is_text = |&byte: &u8| byte >= 0x20 && byte != 0x7f || matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c);
    if !head.iter().all(is_text) || std::str::from_utf8(head).is_err_and(|error| error.error_len().is_some())
    {
        return None;
    }
    let lower = head.to_ascii_lowercase();
    let has = |name: &[u8]| lower.windows(name.len()).any(|part| part == name);
    let is = |what: &str, mend: &'static str| Some(Foreign { cause: format!("it is {what}"), mend });
    if lower.starts_with(b"<!doctype html") || lower.starts_with(b"<html") || has(b"<html") {
        return is("a web page, not an image", FETCH);
    }
    if lower.starts_with(b"<svg") || has(b"<svg") {
        return is("an SVG drawing", "draw it into a PNG image");
    }
    if lower.starts_with(b"<?xml") || lower.starts_with(b"<") {
        return is("an XML document or a web page, not an image", FETCH);
    }
    if lower.starts_with(b"{") || lower.starts_with(b"[") {
        return is("a JSON text, not an image", FETCH);
    }
    is("a text, not an image", FETCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_follow_the_first_bytes() {
        let cases: [(&[u8], &str); 12] = [
            (b"\xff\xd8\xff\xe0\0\x10JFIF", "jpg"),
            (b"\xff\xd8\xff\xe1", "jpg"),
            (b"\x89PNG\r\n\x1a\n", "png"),
            (b"RIFF\x24\0\0\0WEBPVP8 ", "webp"),
            (b"GIF87a", "gif"),
            (b"GIF89a", "gif"),
            (b"BM\x46\0\0\0", "bmp"),
            (b"II*\0\x08\0\0\0", "tif"),
            (b"MM\0*\0\0\0\x08", "tif"),
            (b"II+\0\x08\0\0\0", "tif"),
            (b"MM\0+\0\x08\0\0", "tif"),
            (b"RIFF\x24\0\0\0WAVEfmt ", "jpg"),
        ];
        for (bytes, wanted) in cases {
            assert_eq!(extension(bytes), wanted, "{bytes:?}");
        }
    }

    #[test]
    fn files_are_called_what_they_are() {
        let cases: [(&[u8], &str); 20] = [
            (b"", "it is empty"),
            (b"\0\0\0\0\0", "its 5 bytes are all zero"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n", "a Git LFS pointer"),
            (b"\xef\xbb\xbf\r\n<!DOCTYPE html><title>404</title>", "a web page"),
            (b"<!-- made by hand --><html>", "a web page"),
            (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
            (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "an XML document"),
            (b"{\"error\": \"not found\"}", "a JSON text"),
            (b"404: Not Found", "a text, not an image"),
            (b"%PDF-1.4\n", "a PDF document"),
            (b"\x1f\x8b\x08\0", "a gzip archive"),
            (b"PK\x03\x04", "a zip archive"),
            (b"\0\0\0\x1cftypavif\0\0\0\0", "an AVIF image"),
            (b"\0\0\0\x18ftypheic\0\0\0\0", "an HEIF image"),
            (b"\0\0\0\x20ftypisom\0\0\x02\0", "an MP4 video"),
            (b"RIFF\x24\0\0\0WAVEfmt ", "a WAV file"),
            (b"P6\n2 2\n255\n", "a Netpbm image"),
            (b"\xff\x0a\xfa\x1f", "a JPEG XL image"),
            (b"\n\xff\xd8\xff\xe0", "other bytes stand before the image"),
            (b"\x01\x02\x03\xfe\xff", "its first bytes are not those of a JPEG"),
        ];
        for (bytes, wanted) in cases {
            let Foreign { cause, mend } = foreign(bytes);
            assert!(cause.contains(wanted) && !mend.is_empty(), "{cause:?} should contain {wanted:?}");
        }
    }
}
