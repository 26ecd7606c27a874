//! Where PNG and WebP files keep EXIF and XMP data, found as Pillow finds them.

use std::io::Read as _;

use flate2::read::ZlibDecoder;

/// The longest unpacked text in bytes; Pillow's limit.
const MAX_TEXT: u64 = 1 << 20;

/// EXIF and XMP data.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    pub(super) exif: Option<Vec<u8>>,
    pub(super) xmp: Option<Vec<u8>>,
}

impl Metadata {
    /// The data of a PNG file: the last of several chunks, before or after the image data.
    pub(super) fn of_png(bytes: &[u8]) -> Self {
        let mut found = Self::default();
        // Texts with EXIF data, as older software stores them, and with XMP data. Only the last of each kind
        // is unpacked.
        let (mut profile, mut xmp) = (None, None);
        let (mut animated, mut behind) = (false, false);
        for (name, data) in png_chunks(bytes) {
            match name {
                b"acTL" => animated |= !behind,
                b"IDAT" => behind = true,
                // The next frame of an animation; what follows belongs to it.
                b"fcTL" if animated && behind => break,
                b"eXIf" => found.exif = Some(data.to_vec()),
                b"tEXt" => match split(data) {
                    Some((b"Raw profile type exif", text)) => profile = Some(Text::Plain(text)),
                    Some((b"exif", text)) => found.exif = Some(text.to_vec()),
                    _ => {}
                },
                b"zTXt" => {
                    if let Some((b"Raw profile type exif", [0, text @ ..])) = split(data) {
                        profile = Some(Text::Packed(text));
                    }
                }
                b"iTXt" => xmp = international(data).or(xmp),
                _ => {}
            }
        }
        found.exif = found.exif.or_else(|| from_hexadecimal(&profile?.read()?));
        found.xmp = xmp.and_then(Text::read);
        found
    }

    /// The data of a WebP file, if its header says that it has some.
    pub(super) fn of_webp(bytes: &[u8]) -> Self {
        let mut found = Self::default();
        let mut rest = bytes.get(12..).unwrap_or_default();
        let mut flags = 0;
        while let Some((head, body)) = rest.split_first_chunk::<8>() {
            let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
            let Some(data) = body.get(..size) else { break };
            let first = |known: Option<Vec<u8>>| known.or_else(|| Some(data.to_vec()));
            match &head[..4] {
                b"VP8X" => flags = data.first().copied().unwrap_or(0),
                b"EXIF" if flags & 8 != 0 => found.exif = first(found.exif),
                b"XMP " if flags & 4 != 0 => found.xmp = first(found.xmp),
                _ => {}
            }
            rest = body.get(size.next_multiple_of(2)..).unwrap_or_default();
        }
        found
    }
}

/// Name and data of each chunk.
fn png_chunks(bytes: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    let mut rest = bytes.get(8..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk()?;
        let (name, after) = after.split_first_chunk()?;
        let (data, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        // A checksum follows the data.
        rest = after.get(4..).unwrap_or_default();
        Some((name, data))
    })
}

/// What comes before and after the first zero byte.
fn split(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let zero = data.iter().position(|&byte| byte == 0)?;
    Some((&data[..zero], &data[zero + 1..]))
}

/// A text as it is stored.
#[derive(Clone, Copy)]
enum Text<'a> {
    Plain(&'a [u8]),
    Packed(&'a [u8]),
}

impl Text<'_> {
    fn read(self) -> Option<Vec<u8>> {
        match self {
            Text::Plain(text) => Some(text.to_vec()),
            Text::Packed(packed) => {
                let mut text = Vec::new();
                ZlibDecoder::new(packed).take(MAX_TEXT).read_to_end(&mut text).ok()?;
                Some(text)
            }
        }
    }
}

/// The XMP data in an `iTXt` chunk.
fn international(data: &[u8]) -> Option<Text<'_>> {
    let (b"XML:com.adobe.xmp", [packed, method, rest @ ..]) = split(data)? else { return None };
    let (_language, rest) = split(rest)?;
    let (_keyword, text) = split(rest)?;
    match (packed, method) {
        (0, _) => Some(Text::Plain(text)),
        (_, 0) => Some(Text::Packed(text)),
        _ => None,
    }
}

/// EXIF data written as text: three lines of something else, then hexadecimal digits.
fn from_hexadecimal(text: &[u8]) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.split(|&byte| byte == b'\n').skip(3).flatten().copied().collect();
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|value| value as u8);
    let digits: Vec<u8> = digits.into_iter().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect()
}
