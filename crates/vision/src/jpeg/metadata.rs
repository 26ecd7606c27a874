//! What a JPEG file holds besides pixels: EXIF data, XMP data, and the coding process.

use super::headers::segment;

/// The identifier of XMP segments.
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";

/// The data of the segments before the first scan.
#[derive(Debug, Default)]
pub(crate) struct Metadata<'a> {
    /// EXIF data of all segments, joined, with the identifier of the first one only.
    pub(crate) exif: Option<Vec<u8>>,
    /// XMP data of the last segment that has some.
    pub(crate) xmp: Option<&'a [u8]>,
}

impl<'a> Metadata<'a> {
    /// Reads `bytes` as far as they make sense.
    pub(crate) fn read(bytes: &'a [u8]) -> Self {
        let mut found = Self::default();
        each(bytes, |marker, body| {
            if marker != 0xe1 {
                return;
            }
            if let Some(more) = body.strip_prefix(b"Exif\0\0") {
                match &mut found.exif {
                    Some(exif) => exif.extend_from_slice(more),
                    none => *none = Some(body.to_vec()),
                }
            } else if let Some(xmp) = body.strip_prefix(XMP) {
                found.xmp = Some(xmp);
            }
        });
        found
    }
}

/// What is unusual about the coding of a JPEG file, as an adjective; `None` if nothing is.
pub(crate) fn kind(bytes: &[u8]) -> Option<String> {
    let mut found = None;
    each(bytes, |marker, body| {
        let is_frame = matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc);
        if !is_frame || found.is_some() {
            return;
        }
        let bits = body.first().copied().unwrap_or(8);
        let components = body.get(5).copied().unwrap_or(3);
        found = Some(match marker {
            0xc3 => Some("lossless".to_owned()),
            0xc9 | 0xca => Some("arithmetic-coded".to_owned()),
            0xcb => Some("arithmetic-coded lossless".to_owned()),
            0xc5.. => Some("hierarchical".to_owned()),
            _ if bits != 8 => Some(format!("{bits}-bit")),
            _ if !matches!(components, 1 | 3 | 4) => Some(format!("{components}-component")),
            _ => None,
        });
    });
    found.flatten()
}

/// Calls a function for each segment before the first scan.
fn each<'a>(bytes: &'a [u8], mut show: impl FnMut(u8, &'a [u8])) {
    let mut rest = bytes.strip_prefix(&[0xff, 0xd8]).unwrap_or_default();
    while let Ok((marker, body, after)) = segment(rest) {
        if matches!(marker, 0xd9 | 0xda) {
            return;
        }
        show(marker, body);
        rest = after;
    }
}
