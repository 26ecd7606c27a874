//! The zip container as `torch.save` writes it: records side by side, stored as they are, and a table of them
//! at the end. Records that another program has compressed since are unpacked.
//!
//! No more bytes are read than the file has, however often its table names the same ones. A file with
//! compressed records may grow to a multiple of that: each record to the size in the table, and all of them
//! to the limit.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};

use flate2::read::DeflateDecoder;

use super::Fault;
use crate::text::clip;

/// The longest table that is read. ResNet-1001's, with a record for each tensor, has one megabyte.
const LONGEST_TABLE: u64 = 16 << 20;
/// The limit of all unpacked records together: this many times the bytes of the file, or this many bytes in
/// any file. Compression hardly makes weights smaller, unless they are all zero.
const MOST_TIMES: u64 = 64;
const ALLOWED: u64 = 16 << 20;
/// The ways of compression that are read: none, and deflate.
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// Sizes of the fixed parts, in bytes: of the end record, of the locator of its 64-bit form, of that form, of
/// a row of the table, and of a record's own header.
const END: usize = 22;
const LOCATOR: usize = 20;
const END_64: usize = 56;
const ROW: usize = 46;
const HEADER: usize = 30;
/// The longest comment after the end record.
const LONGEST_COMMENT: usize = u16::MAX as usize;

/// An open container.
pub(super) struct Archive<R> {
    reader: R,
    records: BTreeMap<String, Record>,
    /// Where the table begins, and so the last record ends.
    table: u64,
    /// Bytes that its records may have together.
    most: u64,
    /// Bytes that may still be read.
    budget: u64,
}

/// A row of the table.
struct Record {
    header: u64,
    size: u64,
    /// The record's size in the file, compressed or not.
    packed: u64,
    checksum: u32,
    method: u16,
}

impl<R: Read + Seek> Archive<R> {
    /// Reads the table of a file of `len` bytes.
    pub(super) fn open(mut reader: R, len: u64) -> Result<Self, Fault> {
        let longest = (END + LONGEST_COMMENT + LOCATOR) as u64;
        let start = len.saturating_sub(longest);
        let tail = read_at(&mut reader, start, (len - start) as usize)?;
        let at = end_of(&tail).ok_or_else(|| {
            Fault::Damaged("the table of its records is not at its end, as in a file cut short".to_owned())
        })?;
        let end = start + at as u64;
        let bytes = &tail[at..];
        let mut rows = u64::from(u16_at(bytes, 10));
        let (mut size, mut table) = (u64::from(u32_at(bytes, 12)), u64::from(u32_at(bytes, 16)));
        let locator = at.checked_sub(LOCATOR).map(|from| &tail[from..at]);
        if let Some(locator) = locator.filter(|bytes| bytes.starts_with(b"PK\x06\x07")) {
            let place = u64_at(locator, 8);
            if place.checked_add(END_64 as u64).is_none_or(|behind| behind > end) {
                return Err(outside());
            }
            let bytes = read_at(&mut reader, place, END_64)?;
            if !bytes.starts_with(b"PK\x06\x06") {
                return Err(Fault::Damaged("the record of its table has another form".to_owned()));
            }
            (rows, size, table) = (u64_at(&bytes, 32), u64_at(&bytes, 40), u64_at(&bytes, 48));
        }
        if table.checked_add(size).is_none_or(|behind| behind > end) {
            return Err(outside());
        }
        if size > LONGEST_TABLE {
            return Err(Fault::Damaged(format!(
                "a table of {size} bytes is beyond that of any network here"
            )));
        }
        let records = rows_of(&read_at(&mut reader, table, size as usize)?, rows)?;
        let is_packed = records.values().any(|record| record.method == DEFLATED);
        let most = if is_packed { ALLOWED.max(len.saturating_mul(MOST_TIMES)) } else { len };
        Ok(Archive { reader, records, table, most, budget: most })
    }

    /// How many bytes all records together may have.
    pub(super) fn most(&self) -> u64 {
        self.most
    }

    /// Names of the records, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.records.keys().map(String::as_str)
    }

    /// A record's bytes, unpacked; more than `longest` are an error.
    pub(super) fn read(&mut self, name: &str, longest: u64) -> Result<Vec<u8>, Fault> {
        let shown = || clip(name, 80);
        let Some(Record { header, size, packed, checksum, method }) = self.records.get(name) else {
            return Err(Fault::Damaged(format!("the record {} is not there", shown())));
        };
        let packed = match *method {
            STORED => size,
            DEFLATED => packed,
            other => {
                let cause = format!("its record {} is compressed by zip's method {other}", shown());
                return Err(Fault::Refused(cause));
            }
        };
        if *size > longest {
            let cause = format!("its record {} of {size} bytes is beyond that of any network here", shown());
            return Err(Fault::Damaged(cause));
        }
        if header.checked_add(HEADER as u64).is_none_or(|behind| behind > self.table) {
            return Err(outside());
        }
        let bytes = read_at(&mut self.reader, *header, HEADER)?;
        if !bytes.starts_with(b"PK\x03\x04") {
            return Err(Fault::Damaged(format!("the record {} is not where the table says", shown())));
        }
        let names = u64::from(u16_at(&bytes, 26)) + u64::from(u16_at(&bytes, 28));
        let start = header + HEADER as u64 + names;
        if start.checked_add(*packed).is_none_or(|behind| behind > self.table) {
            return Err(outside());
        }
        let cause = match *method {
            STORED => "its records lie over each other: together they are larger than it",
            _ => "its records unpack to far more than it has",
        };
        self.budget = self.budget.checked_sub(*size).ok_or_else(|| Fault::Damaged(cause.to_owned()))?;
        let mut bytes = read_at(&mut self.reader, start, *packed as usize)?;
        if *method == DEFLATED {
            let unpacked = inflated(&bytes, *size);
            bytes = unpacked.ok_or_else(|| {
                Fault::Damaged(format!("its record {} cannot be unpacked to its size", shown()))
            })?;
        }
        if crc32fast::hash(&bytes) != *checksum {
            return Err(Fault::Damaged(format!("the checksum of its record {} is another one", shown())));
        }
        Ok(bytes)
    }
}

/// `packed` decompressed by deflate, if the result has `size` bytes.
fn inflated(packed: &[u8], size: u64) -> Option<Vec<u8>> {
    let mut bytes = vec![];
    DeflateDecoder::new(packed).take(size.checked_add(1)?).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 == size).then_some(bytes)
}

/// Where the end's record begins: the last place with its signature whose comment fills the rest.
fn end_of(tail: &[u8]) -> Option<usize> {
    let last = tail.len().checked_sub(END)?;
    let fits = |at: &usize| {
        let bytes = &tail[*at..];
        bytes.starts_with(b"PK\x05\x06") && END + usize::from(u16_at(bytes, 20)) == bytes.len()
    };
    (0..=last).rev().find(fits)
}

fn rows_of(mut bytes: &[u8], rows: u64) -> Result<BTreeMap<String, Record>, Fault> {
    let cut = || Fault::Damaged("the table of its records ends too early".to_owned());
    let mut records = BTreeMap::new();
    for _ in 0..rows {
        let (row, rest) = bytes.split_at_checked(ROW).ok_or_else(cut)?;
        if !row.starts_with(b"PK\x01\x02") {
            return Err(Fault::Damaged("a row in the table of its records has another form".to_owned()));
        }
        let (name, rest) = rest.split_at_checked(usize::from(u16_at(row, 28))).ok_or_else(cut)?;
        let (extra, rest) = rest.split_at_checked(usize::from(u16_at(row, 30))).ok_or_else(cut)?;
        let (_, rest) = rest.split_at_checked(usize::from(u16_at(row, 32))).ok_or_else(cut)?;
        bytes = rest;
        let name = String::from_utf8_lossy(name).into_owned();
        let shown = clip(&name, 80);
        if u16_at(row, 8) & 1 == 1 {
            return Err(Fault::Refused(format!("its record {shown} is encrypted")));
        }
        let wide = [24, 20, 42].map(|at| u32_at(row, at));
        let [size, packed, header] = widened(wide, extra).ok_or_else(cut)?;
        let record = Record { header, size, packed, checksum: u32_at(row, 16), method: u16_at(row, 10) };
        if records.insert(name, record).is_some() {
            return Err(Fault::Damaged(format!("it has two records {shown}")));
        }
    }
    Ok(records)
}

/// The numbers of a row. Those with all bits set are replaced by the ones in its extra field for 64 bits,
/// which has only these, in the same order.
fn widened(numbers: [u32; 3], mut extra: &[u8]) -> Option<[u64; 3]> {
    let mut wide: &[u8] = &[];
    while let Some((head, rest)) = extra.split_at_checked(4) {
        let (body, rest) = rest.split_at_checked(usize::from(u16_at(head, 2)))?;
        if u16_at(head, 0) == 1 {
            wide = body;
        }
        extra = rest;
    }
    let mut all = [0; 3];
    for (to, number) in all.iter_mut().zip(numbers) {
        *to = u64::from(number);
        if number == u32::MAX {
            let (first, rest) = wide.split_at_checked(8)?;
            (*to, wide) = (u64_at(first, 0), rest);
        }
    }
    Some(all)
}

fn outside() -> Fault {
    Fault::Damaged("it names a place outside itself".to_owned())
}

/// `count` bytes from `place`, which the caller has checked to be inside the file.
fn read_at(reader: &mut (impl Read + Seek), place: u64, count: usize) -> io::Result<Vec<u8>> {
    reader.seek(SeekFrom::Start(place))?;
    let mut bytes = vec![0; count];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    number(bytes, at) as u16
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    number(bytes, at) as u32
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    number(bytes, at)
}

/// The eight bytes at `at`, or those that are there, little-endian.
fn number(bytes: &[u8], at: usize) -> u64 {
    let mut all = [0; 8];
    let there = bytes.get(at..).unwrap_or_default();
    let count = there.len().min(8);
    all[..count].copy_from_slice(&there[..count]);
    u64::from_le_bytes(all)
}
