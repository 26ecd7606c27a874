//! The orientation entry of EXIF data, read as Pillow's `ImageOps.exif_transpose` reads it.
//!
//! Whether an image is turned depends on which of several entries counts, on the number types that are
//! accepted, and on where a damaged directory ends. All these rules are Pillow's, even those that look
//! accidental.

use std::ops::Range;

/// The tag of the orientation.
const ORIENTATION: u16 = 0x112;
/// The tag of XMP data in a TIFF file.
const XMP: u16 = 700;

/// One of EXIF's eight orientations, or 0 for none: as `exif` says or, where that has no such entry, `xmp`.
pub(super) fn orientation(exif: Option<&[u8]>, xmp: Option<&[u8]>) -> u8 {
    let entry = exif.and_then(|exif| Directory::of_exif(exif)?.orientation());
    entry.or_else(|| in_xmp(xmp?)).filter(|value| (1..=8).contains(value)).unwrap_or(0)
}

/// The orientation that a TIFF file has for its first image.
pub(super) fn tiff_orientation(file: &[u8]) -> u8 {
    let Some(directory) = Directory::of_tiff(file) else { return 0 };
    let entry = directory.orientation().or_else(|| in_xmp(directory.find(XMP)?.1));
    entry.filter(|value| (1..=8).contains(value)).unwrap_or(0)
}

/// The type of the values of entry `tag` for a TIFF file's first image, and the bytes of the file that hold
/// them.
pub(super) fn tiff_place(file: &[u8], tag: u16) -> Option<(u16, Range<usize>)> {
    let (kind, data) = Directory::of_tiff(file)?.find(tag)?;
    // `data` is a slice of `file`, so the difference is its offset.
    let start = data.as_ptr().addr() - file.as_ptr().addr();
    Some((kind, start..start + data.len()))
}

/// The most numbers that are read from an entry: the length of the palette for samples of 16 bits.
const MOST_NUMBERS: usize = 3 << 16;

/// The values of entry `tag` for a TIFF file's first image, as integers: the first [`MOST_NUMBERS`], or none
/// if there is no such entry.
pub(super) fn tiff_numbers(file: &[u8], tag: u16) -> Vec<u64> {
    let numbers = || -> Option<Vec<u64>> {
        let directory = Directory::of_tiff(file)?;
        let (kind, data) = directory.find(tag)?;
        let number = |one| directory.number(kind, one).unwrap_or(0.0) as u64;
        Some(data.chunks_exact(unit(kind)?).take(MOST_NUMBERS).map(number).collect())
    };
    numbers().unwrap_or_default()
}

/// The first `tiff:Orientation` in XMP data.
fn in_xmp(xmp: &[u8]) -> Option<u8> {
    const NAME: &[u8] = b"tiff:Orientation";
    xmp.windows(NAME.len()).enumerate().filter(|(_, name)| *name == NAME).find_map(|(place, _)| {
        let value = &xmp[place + NAME.len()..];
        let value = value.strip_prefix(b"=\"").or_else(|| value.strip_prefix(b">"))?;
        value.first().filter(|digit| digit.is_ascii_digit()).map(|digit| digit - b'0')
    })
}

/// A list of entries in TIFF's format, which EXIF uses too.
#[derive(Clone, Copy)]
struct Directory<'a> {
    /// The bytes that offsets refer to.
    data: &'a [u8],
    /// The offset of the list in `data`.
    place: u64,
    big_endian: bool,
    /// Whether offsets and counts have eight bytes.
    wide: bool,
}

impl<'a> Directory<'a> {
    /// The first directory of `exif`, which may begin with EXIF's identifier once or twice.
    fn of_exif(exif: &'a [u8]) -> Option<Self> {
        let strip = |data: &'a [u8]| data.strip_prefix(b"Exif\0\0").unwrap_or(data);
        let data = strip(strip(exif));
        let big_endian = match data.first_chunk()? {
            b"MM\0*" | b"MM*\0" => true,
            b"II*\0" | b"II\0*" => false,
            _ => return None,
        };
        let directory = Self { data, place: 0, big_endian, wide: false };
        Some(Self { place: directory.unsigned(data.get(4..8)?), ..directory })
    }

    /// The first directory of a TIFF file.
    fn of_tiff(data: &'a [u8]) -> Option<Self> {
        let (big_endian, wide) = match data.first_chunk()? {
            b"MM\0*" => (true, false),
            b"II*\0" => (false, false),
            b"MM\0+" => (true, true),
            b"II+\0" => (false, true),
            _ => return None,
        };
        let directory = Self { data, place: 0, big_endian, wide };
        Some(Self { place: directory.unsigned(data.get(if wide { 8..16 } else { 4..8 })?), ..directory })
    }

    /// `bytes`, at most eight, as one unsigned number.
    fn unsigned(&self, bytes: &[u8]) -> u64 {
        let join = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        if self.big_endian { bytes.iter().fold(0, join) } else { bytes.iter().rev().fold(0, join) }
    }

    fn bytes(&self, place: u64, count: u64) -> Option<&'a [u8]> {
        let (start, end) = (usize::try_from(place).ok()?, usize::try_from(place.checked_add(count)?).ok()?);
        self.data.get(start..end)
    }

    /// Type and data of the first entry of `tag` that has data. An entry whose data lie outside the file ends
    /// the list. It is skipped instead if the entries so far claim more data than the file has.
    fn find(&self, tag: u16) -> Option<(u16, &'a [u8])> {
        let (head, entry, word) = if self.wide { (8, 20, 8) } else { (2, 12, 4) };
        let count = self.unsigned(self.bytes(self.place, head)?);
        let mut total = 0u64;
        for number in 0..count {
            let place = self.place.checked_add(head)?.checked_add(number.checked_mul(entry)?)?;
            let bytes = self.bytes(place, entry)?;
            let kind = self.unsigned(&bytes[2..4]) as u16;
            let values = 4 + word as usize;
            let (count, inline) = (self.unsigned(&bytes[4..values]), &bytes[values..]);
            let Some(unit) = unit(kind) else { continue };
            let size = count.saturating_mul(unit as u64);
            let data = if size <= word {
                &inline[..size as usize]
            } else {
                let offset = self.unsigned(inline);
                total = total.saturating_add(size);
                if offset >= 1 << 63 || total > self.data.len() as u64 {
                    continue;
                }
                self.bytes(offset, size)?
            };
            if self.unsigned(&bytes[..2]) == u64::from(tag) && !data.is_empty() {
                return Some((kind, data));
            }
        }
        None
    }

    /// The orientation, or 0 if the entry holds none of the eight; `None` if there is no entry.
    fn orientation(&self) -> Option<u8> {
        let (kind, data) = self.find(ORIENTATION)?;
        let value = data.get(..unit(kind)?).and_then(|first| self.number(kind, first));
        Some(value.filter(|value| value.fract() == 0.0 && (1.0..=8.0).contains(value)).map_or(0, |v| v as u8))
    }

    /// A number of one of TIFF's types; `None` for bytes and text, which Pillow does not read as numbers.
    fn number(&self, kind: u16, bytes: &[u8]) -> Option<f64> {
        let whole = self.unsigned(bytes);
        let half = |bytes: &[u8]| self.unsigned(bytes);
        Some(match kind {
            3 | 4 | 13 | 16 => whole as f64,
            5 => half(&bytes[..4]) as f64 / half(&bytes[4..]) as f64,
            6 => f64::from(whole as u8 as i8),
            8 => f64::from(whole as u16 as i16),
            9 => f64::from(whole as u32 as i32),
            10 => f64::from(half(&bytes[..4]) as u32 as i32) / f64::from(half(&bytes[4..]) as u32 as i32),
            11 => f64::from(f32::from_bits(whole as u32)),
            12 => f64::from_bits(whole),
            _ => return None,
        })
    }
}

/// The size in bytes of a value of one of TIFF's types; `None` for types that Pillow does not know.
fn unit(kind: u16) -> Option<usize> {
    Some(match kind {
        1 | 2 | 6 | 7 => 1,
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 | 16 => 8,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_without_an_end_is_read_as_far_as_its_bytes_go() {
        let mut exif = b"II*\0\x08\0\0\0\xff\xff".to_vec();
        assert_eq!(orientation(Some(&exif), None), 0);
        exif.extend(b"\x12\x01\x04\0\x01\0\0\0\x06\0\0\0");
        assert_eq!(orientation(Some(&exif), None), 6);
        for length in 0..exif.len() {
            assert_eq!(orientation(Some(&exif[..length]), None), 0, "{length} bytes");
        }
    }

    #[test]
    fn xmp_counts_where_exif_has_no_entry() {
        let xmp = b"<x tiff:Orientation='8' tiff:Orientation=\"3\"/><tiff:Orientation>6</tiff:Orientation>";
        assert_eq!(orientation(None, Some(xmp)), 3);
        assert_eq!(orientation(Some(b"MM\0*\0\0\0\x08\0\0"), Some(xmp)), 3);
        let one = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x01\0\0";
        assert_eq!(orientation(Some(one), Some(xmp)), 1);
        assert_eq!(orientation(None, Some(b"tiff:Orientation=")), 0);
    }
}
