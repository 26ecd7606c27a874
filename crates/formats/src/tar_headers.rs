//! Tar files as a list of members with their places, without reading what the members hold.
//!
//! ustar, GNU's long names and pax's `path` and `size` are understood; every header's checksum is checked.
//! Nothing a header says is believed beyond the file's length, and no extended header longer than a megabyte
//! is held. Members behind an end mark count, as `cat a.tar b.tar` leaves them and GNU tar's
//! `--ignore-zeros` reads them.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::Error;
use crate::names::escaped;

/// The size of tar's blocks in bytes: a header is one block, and contents are padded to whole blocks.
pub const UNIT: u64 = 512;
/// The longest extended header or name that is read; macOS keeps a file's attributes there.
const MAX_EXTENSION: u64 = 1 << 20;
/// The most zeros at an archive's end, in bytes, that are taken for an end mark.
const MANY_ZEROS: u64 = 1 << 20;

/// One header of 512 bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Header {
    /// What it announces.
    pub kind: Kind,
    /// Bytes of contents that follow.
    pub bytes: u64,
    /// The name, cut off if it does not fit into the header.
    pub name: Vec<u8>,
}

/// What a header announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file with contents.
    File,
    /// The long name of the next header, GNU's extension.
    LongName,
    /// Attributes of the next header, pax's extension.
    Extended,
    /// A hard or symbolic link, which has no contents.
    Link,
    /// Attributes of the archive or of the next member that are not needed.
    Attributes,
    /// A folder or a device: nothing to be read.
    Other,
}

/// Parses a header; `None` for the zeros at an archive's end.
///
/// # Errors
/// What is wrong with it, as half a sentence.
pub fn parse(unit: &[u8; UNIT as usize]) -> Result<Option<Header>, &'static str> {
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
        b'g' | b'K' => (Kind::Attributes, bytes),
        // Links, devices and folders have no contents, whatever they say.
        b'1' | b'2' => (Kind::Link, 0),
        b'3'..=b'6' => (Kind::Other, 0),
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
pub struct Member {
    /// As [text](crate::names).
    pub name: String,
    /// The byte at which its own header begins; the contents follow [`UNIT`] bytes later.
    pub header: u64,
    /// The size of the contents.
    pub bytes: u64,
}

/// Why an archive cannot be followed any further.
#[derive(Debug)]
pub struct Cut {
    /// The byte up to which it was understood.
    pub offset: u64,
    /// What is wrong there, as half a sentence.
    pub cause: String,
}

/// An end of an archive that is not a short end mark: the archive may have been cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OddEnd {
    /// It ends after a member, without an end mark.
    NoMark,
    /// It ends in so many zero bytes, as an interrupted download may leave it.
    Zeros(u64),
}

/// The files of an archive, one after the other.
#[derive(Debug)]
pub struct Members<R> {
    input: R,
    length: u64,
    /// Where the next header should be.
    next: u64,
    odd_end: Option<OddEnd>,
    links: u64,
}

impl<R: Read + Seek> Members<R> {
    /// Walks through `input`, which has `length` bytes.
    pub fn new(input: R, length: u64) -> Self {
        Self { input, length, next: 0, odd_end: None, links: 0 }
    }

    /// What was odd about the archive's end, once it was reached.
    pub fn odd_end(&self) -> Option<OddEnd> {
        self.odd_end
    }

    /// How many links were passed over so far.
    pub fn links(&self) -> u64 {
        self.links
    }

    /// The next file; `None` at the archive's end.
    ///
    /// # Errors
    /// Where the archive is damaged or cut off.
    pub fn next_file(&mut self) -> Result<Option<Member>, Cut> {
        let (mut long_name, mut long_bytes): (Option<Vec<u8>>, Option<u64>) = (None, None);
        loop {
            let at = self.next;
            let cut = |cause: String| Cut { offset: at, cause };
            let failed = |cause: io::Error| cut(format!("cannot read it: {cause}"));
            let left = self.length.saturating_sub(at);
            if left < UNIT {
                if self.length == 0 {
                    return Err(cut("it is empty".to_owned()));
                }
                if self.zeros_from(at).map_err(failed)? < left {
                    return Err(cut(format!("it ends {left} bytes later, inside a header")));
                }
                self.odd_end = Some(OddEnd::NoMark);
                return Ok(None);
            }
            let mut unit = [0; UNIT as usize];
            self.read_at(at, &mut unit).map_err(failed)?;
            let Some(header) = parse(&unit).map_err(|cause| cut(cause.to_owned()))? else {
                let zeros = self.zeros_from(at).map_err(failed)?;
                if zeros == left {
                    self.odd_end = (zeros > MANY_ZEROS).then_some(OddEnd::Zeros(zeros));
                    return Ok(None);
                }
                self.next = at + zeros / UNIT * UNIT;
                continue;
            };
            let bytes =
                if header.kind == Kind::File { long_bytes.unwrap_or(header.bytes) } else { header.bytes };
            let end = (at + UNIT).checked_add(bytes).filter(|&end| end <= self.length);
            let Some(end) = end else {
                let name = escaped(&header.name);
                let left = self.length - at - UNIT;
                return Err(cut(format!("{name} should have {bytes} bytes, but only {left} are left")));
            };
            // The last member's padding may be missing; then the next header is past the end.
            self.next = end.next_multiple_of(UNIT);
            match header.kind {
                Kind::File => {
                    let name = escaped(&long_name.unwrap_or(header.name)).into_owned();
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
                Kind::Attributes => {}
                Kind::Link | Kind::Other => {
                    self.links += u64::from(header.kind == Kind::Link);
                    (long_name, long_bytes) = (None, None);
                }
            }
        }
    }

    /// The contents of the member with this `header` and this many `bytes`, which must be no more than
    /// `limit`.
    ///
    /// # Errors
    /// If they are longer or cannot be read.
    pub fn contents(&mut self, header: u64, bytes: u64, limit: u64) -> io::Result<Vec<u8>> {
        if bytes > limit {
            return Err(io::Error::other(format!("{bytes} bytes are too many for what it should hold")));
        }
        let mut contents = vec![0; bytes as usize];
        self.read_at(header + UNIT, &mut contents)?;
        Ok(contents)
    }

    /// How many bytes from `offset` on are zeros, up to the first that is not.
    fn zeros_from(&mut self, offset: u64) -> io::Result<u64> {
        self.input.seek(SeekFrom::Start(offset))?;
        let (mut zeros, mut buffer) = (0, [0; 1 << 13]);
        loop {
            let read = match self.input.read(&mut buffer) {
                Ok(0) => return Ok(zeros),
                Ok(read) => read,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
                Err(cause) => return Err(cause),
            };
            let found = buffer[..read].iter().position(|&byte| byte != 0);
            zeros += found.unwrap_or(read) as u64;
            if found.is_some() {
                return Ok(zeros);
            }
        }
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

/// The error for a compressed tar, which cannot be read from the middle.
pub fn refuse_compressed(path: &Path) -> Error {
    let cause = "a compressed tar cannot be read from the middle";
    Error::bad_file(path.display().to_string(), cause, "unpack it to .tar first; images hardly compress")
}

#[cfg(test)]
mod tests;
