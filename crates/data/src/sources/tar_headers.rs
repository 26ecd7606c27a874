//! Tar files as a list of members with their places, without reading what the members hold.
//!
//! ustar, GNU's long names and pax's `path` and `size` are understood; every header's checksum is checked.
//! Nothing a header says is believed beyond the file's length, and no name longer than a few kilobytes is
//! held.

use std::io::{self, Read, Seek, SeekFrom};

/// Tar's unit: headers have one, contents are filled up to whole ones.
pub(crate) const UNIT: u64 = 512;
/// The longest extended header or name that is read.
const MAX_EXTENSION: u64 = 1 << 16;

/// One header of 512 bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    /// Bytes of contents that follow.
    pub(crate) bytes: u64,
    /// The name as far as it fits in here.
    pub(crate) name: Vec<u8>,
}

/// What a header announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    /// The next header's name, by GNU.
    LongName,
    /// The next header's attributes, by pax.
    Extended,
    /// A folder, a link, attributes of the archive: nothing to be read.
    Other,
}

/// Parses a header; `None` for the zeros at an archive's end.
pub(crate) fn parse(unit: &[u8; UNIT as usize]) -> Result<Option<Header>, &'static str> {
    if unit.iter().all(|&byte| byte == 0) {
        return Ok(None);
    }
    let sum =
        unit.iter().enumerate().map(|(i, &byte)| if (148..156).contains(&i) { 32 } else { u64::from(byte) });
    if number(&unit[148..156]) != Some(sum.sum()) {
        return Err("there is no tar header where one should be");
    }
    let bytes = number(&unit[124..136]).ok_or("its size is no number")?;
    let (kind, bytes) = match unit[156] {
        b'0' | b'7' | 0 => (Kind::File, bytes),
        b'L' => (Kind::LongName, bytes),
        b'x' => (Kind::Extended, bytes),
        // Links, devices and folders have no contents, whatever they say.
        b'1'..=b'6' => (Kind::Other, 0),
        b'S' => return Err("it is a sparse file, which is not read"),
        _ => (Kind::Other, bytes),
    };
    let text = |range: std::ops::Range<usize>| {
        let field = &unit[range];
        &field[..field.iter().position(|&byte| byte == 0).unwrap_or(field.len())]
    };
    let mut name = Vec::new();
    if unit[257..263] == *b"ustar\0" && unit[345] != 0 {
        name.extend(text(345..500));
        name.push(b'/');
    }
    name.extend(text(0..100));
    Ok(Some(Header { kind, bytes, name }))
}

/// A field's number: octal digits among blanks, or, with the highest bit set, binary.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        let (high, low) = field.split_at(field.len().saturating_sub(8));
        let zero = high.iter().enumerate().all(|(i, &byte)| byte == if i == 0 { 0x80 } else { 0 });
        return (zero && field.len() > 8)
            .then(|| low.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte)));
    }
    let is_blank = |byte: &u8| *byte == b' ' || *byte == 0;
    let start = field.iter().position(|byte| *byte != b' ').unwrap_or(field.len());
    let digits = &field[start..];
    let end = digits.iter().position(is_blank).unwrap_or(digits.len());
    let octal = |byte: &u8| (b'0'..=b'7').contains(byte);
    let whole = digits[..end].iter().all(octal) && digits[end..].iter().all(is_blank);
    whole.then(|| digits[..end].iter().fold(0, |sum, &digit| sum << 3 | u64::from(digit - b'0')))
}

/// A file in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// Where its own header is; the contents follow it.
    pub(crate) header: u64,
    pub(crate) bytes: u64,
}

/// Why an archive cannot be followed any further.
#[derive(Debug)]
pub(crate) struct Cut {
    /// The byte up to which it was understood.
    pub(crate) offset: u64,
    pub(crate) cause: String,
}

/// The files of an archive, one after the other.
#[derive(Debug)]
pub(crate) struct Members<R> {
    input: R,
    length: u64,
    /// Where the next header should be.
    next: u64,
}

impl<R: Read + Seek> Members<R> {
    /// Walks through `input`, which has `length` bytes.
    pub(crate) fn new(input: R, length: u64) -> Self {
        Self { input, length, next: 0 }
    }

    /// The next file; `None` at the archive's end.
    pub(crate) fn next_file(&mut self) -> Result<Option<Member>, Cut> {
        let (mut long_name, mut long_bytes): (Option<Vec<u8>>, Option<u64>) = (None, None);
        loop {
            let at = self.next;
            let cut = |cause: String| Cut { offset: at, cause };
            if at.checked_add(UNIT).is_none_or(|end| end > self.length) {
                return Err(cut(match self.length.saturating_sub(at) {
                    0 => "it ends without tar's end mark".to_owned(),
                    left => format!("it ends {left} bytes later, inside a header"),
                }));
            }
            let mut unit = [0; UNIT as usize];
            self.read_at(at, &mut unit).map_err(|cause| cut(format!("cannot read it: {cause}")))?;
            let Some(header) = parse(&unit).map_err(|cause| cut(cause.to_owned()))? else { return Ok(None) };
            let bytes =
                if header.kind == Kind::File { long_bytes.unwrap_or(header.bytes) } else { header.bytes };
            let end = (at + UNIT).checked_add(bytes).filter(|&end| end <= self.length);
            let Some(end) = end else {
                let name = String::from_utf8_lossy(&header.name).into_owned();
                let left = self.length - at - UNIT;
                return Err(cut(format!("{name} should have {bytes} bytes, but only {left} are left")));
            };
            // The last member's filling may be missing; then the next header is past the end.
            self.next = end.next_multiple_of(UNIT);
            match header.kind {
                Kind::File => {
                    let name = String::from_utf8(long_name.unwrap_or(header.name))
                        .map_err(|_| cut("a name in it is not UTF-8".to_owned()))?;
                    return Ok(Some(Member { name, header: at, bytes }));
                }
                Kind::LongName | Kind::Extended => {
                    let contents =
                        self.contents(at, bytes, MAX_EXTENSION).map_err(|cause| cut(cause.to_string()))?;
                    if header.kind == Kind::LongName {
                        let end = contents.iter().position(|&byte| byte == 0).unwrap_or(contents.len());
                        long_name = Some(contents[..end].to_vec());
                    } else {
                        let attributes = attributes(&contents).ok_or_else(|| cut(DAMAGED.to_owned()))?;
                        for (key, value) in attributes {
                            match key {
                                b"path" => long_name = Some(value.to_vec()),
                                b"size" => {
                                    let text = std::str::from_utf8(value).unwrap_or_default();
                                    let size = text.parse().map_err(|_| cut(DAMAGED.to_owned()))?;
                                    long_bytes = Some(size);
                                }
                                _ => {}
                            }
                        }
                    }
                }
                Kind::Other => (long_name, long_bytes) = (None, None),
            }
        }
    }

    /// The contents of a member, which must be short.
    pub(crate) fn contents(&mut self, header: u64, bytes: u64, limit: u64) -> io::Result<Vec<u8>> {
        if bytes > limit {
            return Err(io::Error::other(format!("{bytes} bytes are too many for what it should hold")));
        }
        let mut contents = vec![0; bytes as usize];
        self.read_at(header + UNIT, &mut contents)?;
        Ok(contents)
    }

    fn read_at(&mut self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.input.seek(SeekFrom::Start(offset))?;
        self.input.read_exact(out)
    }
}

const DAMAGED: &str = "its extended header is damaged";

/// The attributes of a pax header: lines of `LENGTH KEY=VALUE`, the length counting the whole line.
fn attributes(mut text: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut found = Vec::new();
    while text.first().is_some_and(|&byte| byte != 0) {
        let blank = text.iter().position(|&byte| byte == b' ')?;
        let length: usize = std::str::from_utf8(&text[..blank]).ok()?.parse().ok()?;
        let line = text.get(blank + 1..length)?.strip_suffix(b"\n")?;
        let equals = line.iter().position(|&byte| byte == b'=')?;
        found.push((&line[..equals], &line[equals + 1..]));
        text = &text[length..];
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            archive.append_data(&mut header, name, *bytes).unwrap();
        }
        archive.into_inner().unwrap()
    }

    /// All members, and why it ended early, if it did.
    fn walk(bytes: &[u8]) -> (Vec<Member>, Option<Cut>) {
        let mut members = Members::new(Cursor::new(bytes), bytes.len() as u64);
        let mut found = Vec::new();
        loop {
            match members.next_file() {
                Ok(Some(member)) => found.push(member),
                Ok(None) => return (found, None),
                Err(cut) => return (found, Some(cut)),
            }
        }
    }

    #[test]
    fn members_are_where_the_writer_put_them() {
        let long = "folder/".repeat(40) + "picture.jpg";
        let bytes = archive(&[("a.jpg", b"one"), (&long, &[7; 600]), ("a.cls", b"")]);
        let (found, cut) = walk(&bytes);
        assert!(cut.is_none(), "{cut:?}");
        let names: Vec<&str> = found.iter().map(|member| member.name.as_str()).collect();
        assert_eq!(names, ["a.jpg", &long, "a.cls"]);
        for (member, contents) in found.iter().zip([&b"one"[..], &[7; 600], b""]) {
            assert_eq!(&bytes[(member.header + UNIT) as usize..][..member.bytes as usize], contents);
        }
    }

    #[test]
    fn pax_names_and_sizes_are_used() {
        let mut archive = tar::Builder::new(Vec::new());
        let size = 5.to_string();
        archive.append_pax_extensions([("path", &b"long/name.png"[..]), ("size", size.as_bytes())]).unwrap();
        let mut header = tar::Header::new_ustar();
        header.set_size(5);
        archive.append_data(&mut header, "short", &b"12345"[..]).unwrap();
        let (found, cut) = walk(&archive.into_inner().unwrap());
        assert!(cut.is_none());
        assert_eq!((found[0].name.as_str(), found[0].bytes), ("long/name.png", 5));
    }

    #[test]
    fn numbers_are_octal_or_binary() {
        for (field, value) in [
            (&b"0000755\0"[..], Some(0o755)),
            (b"   17 \0 ", Some(0o17)),
            (b"00000089", None),
            (b"        ", Some(0)),
            (&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2], Some(258)),
            (&[0x81, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2], None),
            (&[0xff; 12], None),
        ] {
            assert_eq!(number(field), value, "{field:?}");
        }
    }

    #[test]
    fn a_cut_archive_is_told_wherever_it_is_cut() {
        let whole = archive(&[("a.jpg", &[1; 700]), ("a.cls", b"3")]);
        for length in 0..whole.len() - 2 * UNIT as usize + 1 {
            let (found, cut) = walk(&whole[..length]);
            let cut = cut.unwrap_or_else(|| panic!("{length} bytes seem whole"));
            assert!(cut.offset <= length.next_multiple_of(512) as u64 && !cut.cause.is_empty());
            assert!(found.len() <= 2);
        }
        let (found, cut) = walk(&whole);
        assert!(cut.is_none() && found.len() == 2);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn damaged_archives_end(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..16)) {
            let name = "n/".repeat(80) + "p.jpg";
            let mut bytes = archive(&[("a.jpg", &[1; 700]), (&name, b"x"), ("a.cls", b"3")]);
            for (place, value) in changes {
                let place = place.index(bytes.len());
                bytes[place] = value;
            }
            let (found, _) = walk(&bytes);
            for member in found {
                prop_assert!(member.header + UNIT + member.bytes <= bytes.len() as u64);
            }
        }

        #[test]
        fn arbitrary_bytes_are_no_archive(bytes in prop::collection::vec(any::<u8>(), 0..2048)) {
            let (found, cut) = walk(&bytes);
            prop_assert!(found.is_empty() && (cut.is_some() || bytes.iter().take(512).all(|&byte| byte == 0)));
        }
    }
}
