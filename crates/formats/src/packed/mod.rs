//! Packed files: images shrunk once and kept as pixels, so that no epoch decodes them again.
//!
//! A split is files like `train-00000.pack`, each complete in itself. Numbers are little-endian.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `RESNPAK` and the version, 1 |
//! | ... | records one behind the other, see [`Record`] |
//! | ... | the table, for each record: first byte (8), length (4), label (4), length of the name (4), name |
//! | 8 | the table's first byte |
//! | 8 | number of records |
//! | 4 | CRC-32 of the table and the 16 bytes behind it |
//! | 8 | `RESNEND` and the version |
//!
//! So a file is listed by two short reads, at its start and its end. Every byte is under a checksum or
//! compared with what it must be.

mod record;

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};

use resnet_vision::Image;

use crate::MAX_RECORD_BYTES;

pub use self::record::{MAX_NAME, MEND, Record, to_bytes};

const VERSION: u8 = 1;

const START: [u8; 8] = *b"RESNPAK\x01";

const END: [u8; 8] = *b"RESNEND\x01";

/// Bytes after the table.
const TAIL: u64 = 28;

/// Bytes of an entry of the table without its name.
const ENTRY: usize = 20;

/// Bytes read from the end of a file at first: room for the table of some hundred records.
const GUESS: u64 = 1 << 16;

/// The largest table: of a million records with names of some forty bytes.
const MAX_TABLE_BYTES: u64 = 1 << 26;

/// Appends exactly `length` bytes of `file`, from `offset` on, to `out`.
///
/// # Errors
/// If the file ends earlier or cannot be read.
pub fn read_at(file: &mut File, offset: u64, length: u64, out: &mut Vec<u8>) -> io::Result<()> {
    file.seek(SeekFrom::Start(offset))?;
    out.reserve_exact(length as usize);
    let read = file.take(length).read_to_end(out)?;
    if read as u64 == length { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// What the table says of a record.
#[derive(Debug, PartialEq)]
pub struct Row {
    /// Its first byte.
    pub offset: u64,
    /// Its length.
    pub bytes: u32,
    /// Its label.
    pub label: u32,
    /// Its name.
    pub name: String,
}

/// Reads the table of a packed file: a row per record, in the file's order.
///
/// # Errors
/// What is wrong with the file, as half a sentence, if it cannot be read or its table is damaged.
pub fn table(file: &mut File) -> Result<Vec<Row>, String> {
    let failed = |cause: io::Error| format!("cannot read it: {cause}");
    let length = file.metadata().map_err(failed)?.len();
    let least = START.len() as u64 + TAIL;
    if length < least {
        return Err(format!("its {length} bytes are fewer than the {least} of an empty packed file"));
    }
    let mut start = Vec::new();
    read_at(file, 0, START.len() as u64, &mut start).map_err(failed)?;
    if start != START {
        return Err(match start.split_last() {
            Some((version, name)) if name == &START[..7] => {
                format!("it is of version {version} of packed files, where {VERSION} is known here")
            }
            _ => "it does not begin as a packed file does, at byte 0".to_owned(),
        });
    }
    let guess = length.min(GUESS);
    let mut end = Vec::new();
    read_at(file, length - guess, guess, &mut end).map_err(failed)?;
    let (_, tail) = end.split_at(end.len() - TAIL as usize);
    let at_tail = length - TAIL;
    if tail[20..] != END {
        let byte = at_tail + 20;
        return Err(format!(
            "it does not end as a packed file does, at byte {byte}: it is cut off or damaged"
        ));
    }
    let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| tail[at + i]));
    let (first, records) = (number(0), number(8));
    if first < START.len() as u64 || first > at_tail || at_tail - first > MAX_TABLE_BYTES {
        return Err(format!("its table cannot begin at byte {first}, as byte {at_tail} says: it is damaged"));
    }
    let wanted = length - first;
    if wanted > guess {
        end.clear();
        read_at(file, first, wanted, &mut end).map_err(failed)?;
    }
    let end = &end[end.len() - wanted as usize..];
    // The checksum covers all but itself and the end mark after it.
    let (summed, rest) = end.split_at(end.len() - 12);
    if rest[..4] != crc32fast::hash(summed).to_le_bytes() {
        return Err(format!("the checksum of its table, from byte {first} on, does not fit: it is damaged"));
    }
    rows(&summed[..summed.len() - 16], records, first)
        .map_err(|cause| format!("its table from byte {first} on is not sound: {cause}"))
}

/// Parses a table of `records` rows from `bytes`. The records must fill the file from its start to the byte
/// `until`, without gaps.
fn rows(mut bytes: &[u8], records: u64, until: u64) -> Result<Vec<Row>, String> {
    // Each record takes some bytes of the table, so a wrong number of records allocates nothing.
    if records > (bytes.len() / ENTRY) as u64 {
        return Err(format!("{} bytes are no {records} entries", bytes.len()));
    }
    let mut rows = Vec::with_capacity(records as usize);
    let mut next = START.len() as u64;
    for number in 0..records {
        let bad = |cause: &str| format!("entry {number}: {cause}");
        let (head, rest) = bytes.split_at_checked(ENTRY).ok_or_else(|| bad("it is cut off"))?;
        let offset = u64::from_le_bytes(std::array::from_fn(|i| head[i]));
        let words = head[8..].as_chunks::<4>().0;
        let [length, label, name] = [0, 1, 2].map(|i: usize| u32::from_le_bytes(words[i]));
        let (name, rest) = rest
            .split_at_checked(name as usize)
            .filter(|(name, _)| name.len() <= MAX_NAME)
            .ok_or_else(|| bad("its name is cut off or too long"))?;
        let name = std::str::from_utf8(name).map_err(|_| bad("its name is not UTF-8"))?;
        let is_size = (record::LEAST as u64..=MAX_RECORD_BYTES).contains(&u64::from(length));
        // `next` is at most `until`, so neither side can overflow.
        if offset != next || !is_size || u64::from(length) > until - next {
            return Err(bad(&format!("{length} bytes at byte {offset}, where {next} to {until} are left")));
        }
        next += u64::from(length);
        rows.push(Row { offset, bytes: length, label, name: name.to_owned() });
        bytes = rest;
    }
    match (bytes.len(), next == until) {
        (0, true) => Ok(rows),
        _ => Err(format!("its entries end {} bytes early, their records at byte {next}", bytes.len())),
    }
}

/// Writes a packed file.
///
/// ```
/// use resnet_formats::packed::PackWriter;
/// use resnet_vision::Image;
///
/// let mut file = PackWriter::new(Vec::new())?;
/// file.push(&Image::new(2, 1, vec![255, 0, 0, 0, 0, 255])?, 3, "red and blue")?;
/// assert_eq!(file.finish()?.len(), 8 + (24 + 12 + 6 + 4) + (20 + 12) + 28);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PackWriter<W> {
    out: W,
    table: Vec<u8>,
    records: u64,
    /// Bytes written so far.
    offset: u64,
}

impl<W: Write> PackWriter<W> {
    /// Begins a file in `out`, which is best buffered.
    ///
    /// # Errors
    /// If `out` cannot be written.
    pub fn new(mut out: W) -> io::Result<Self> {
        out.write_all(&START)?;
        Ok(Self { out, table: Vec::new(), records: 0, offset: START.len() as u64 })
    }

    /// Appends a record; `name` is for messages and for lists of records to be skipped.
    ///
    /// # Errors
    /// If `out` cannot be written; with [`io::ErrorKind::InvalidInput`], and nothing written, if the image
    /// or the name is larger than a record can hold ([`MAX_RECORD_BYTES`]) or the table is full.
    ///
    /// # Panics
    /// If the image's fields contradict each other.
    pub fn push(&mut self, image: &Image, label: u32, name: &str) -> io::Result<()> {
        image.check();
        let invalid = |cause: String| io::Error::new(io::ErrorKind::InvalidInput, cause);
        let bytes = record::to_bytes(image, label, name, MAX_RECORD_BYTES).map_err(invalid)?;
        if (self.table.len() + ENTRY + name.len()) as u64 > MAX_TABLE_BYTES {
            return Err(invalid(format!("{} records are too many for one file", self.records)));
        }
        self.out.write_all(&bytes)?;
        self.table.extend(self.offset.to_le_bytes());
        for number in [bytes.len() as u32, label, name.len() as u32] {
            self.table.extend(number.to_le_bytes());
        }
        self.table.extend(name.as_bytes());
        self.records += 1;
        self.offset += bytes.len() as u64;
        Ok(())
    }

    /// How many bytes the file has so far.
    pub fn bytes(&self) -> u64 {
        self.offset
    }

    /// Writes the table, without which the file cannot be read, and gives `out` back, flushed.
    ///
    /// # Errors
    /// If `out` cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.table.extend(self.offset.to_le_bytes());
        self.table.extend(self.records.to_le_bytes());
        let sum = crc32fast::hash(&self.table);
        self.table.extend(sum.to_le_bytes());
        self.table.extend(END);
        self.out.write_all(&self.table)?;
        self.out.flush()?;
        Ok(self.out)
    }
}
