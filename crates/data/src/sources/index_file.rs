//! An [`Index`] as bytes, to be kept in a file: a checksum over everything, and every number checked on the
//! way in.
//!
//! Numbers are little-endian. A list is its length (u64) and its elements; a text is a list of bytes in
//! UTF-8. What depends on how the data set is opened (`within`, skipped records) is not kept.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::index::Stamp;
use super::{Broken, Index, Layout};
use crate::Fingerprint;
use resnet_formats::Input;
use resnet_formats::tar_headers::UNIT;

/// The first bytes of the file; the last is the version. It is raised with each change of what is written, or
/// of how records and labels are found, so that an index of before is made anew.
const MAGIC: &[u8; 8] = b"RESNIDX\x04";

/// The index as bytes.
pub(crate) fn to_bytes(index: &Index) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + 20 * index.len() + index.names.len());
    out.extend(MAGIC);
    out.extend([0; 8]);
    out.push(match index.layout {
        Layout::Folders => 0,
        Layout::Shards => 1,
        Layout::Tables => 2,
        Layout::Packed => 3,
        Layout::Listed => 4,
        Layout::Archives => 5,
    });
    for stamps in [&index.files, &index.others] {
        put_len(&mut out, stamps.len());
        for stamp in stamps {
            put_text(&mut out, &stamp.path);
            out.extend(stamp.bytes.to_le_bytes());
            out.extend(stamp.modified.to_le_bytes());
        }
    }
    put_len(&mut out, index.classes.len());
    index.classes.iter().for_each(|name| put_text(&mut out, name));
    put_len(&mut out, index.len());
    for column in [&index.file, &index.bytes, &index.label] {
        column.iter().for_each(|value| out.extend(value.to_le_bytes()));
    }
    for column in [&index.offset, &index.name_ends] {
        column.iter().for_each(|value| out.extend(value.to_le_bytes()));
    }
    put_text(&mut out, &index.names);
    put_len(&mut out, index.blocks.len());
    index.blocks.iter().for_each(|value| out.extend(value.to_le_bytes()));
    put_len(&mut out, index.faults.len());
    for fault in &index.faults {
        put_text(&mut out, &fault.place);
        put_text(&mut out, &fault.cause);
        out.extend(fault.records.to_le_bytes());
    }
    put_len(&mut out, index.left_out.kinds().len());
    for (kind, files) in index.left_out.kinds() {
        put_text(&mut out, kind);
        out.extend(files.to_le_bytes());
    }
    put_len(&mut out, index.warnings.len());
    index.warnings.iter().for_each(|warning| put_text(&mut out, warning));
    let sum = checksum(&out[16..]);
    out[8..16].copy_from_slice(&sum.to_le_bytes());
    out
}

/// The index in `bytes`, of the split in `root`; what is wrong if there is none.
pub(crate) fn from_bytes(bytes: &[u8], root: &Path) -> Result<Index, &'static str> {
    let payload = bytes.get(16..).filter(|_| bytes.starts_with(MAGIC)).ok_or("it is no index")?;
    if bytes[8..16] != checksum(payload).to_le_bytes() {
        return Err("its checksum does not fit");
    }
    parse(payload, root).ok_or("its parts contradict each other")
}

/// `payload` with a header and a checksum that fit, so that a fuzz target reaches the parser behind them.
pub(crate) fn sealed(payload: &[u8]) -> Vec<u8> {
    [&MAGIC[..], &checksum(payload).to_le_bytes(), payload].concat()
}

/// What lies behind the checksum; `None` for anything that no index gives.
fn parse(payload: &[u8], root: &Path) -> Option<Index> {
    let mut input = Input::new(payload);
    let layout = match input.take(1)? {
        [0] => Layout::Folders,
        [1] => Layout::Shards,
        [2] => Layout::Tables,
        [3] => Layout::Packed,
        [4] => Layout::Listed,
        [5] => Layout::Archives,
        _ => return None,
    };
    let files = stamps(&mut input)?;
    let mut index = Index::new(layout, root, files);
    index.others = stamps(&mut input)?;
    let classes = input.len(8)?;
    index.classes = (0..classes).map(|_| input.text()).collect::<Option<Arc<[String]>>>()?;
    let records = input.len(28)?;
    index.file = input.u32s(records)?;
    index.bytes = input.u32s(records)?;
    index.label = input.u32s(records)?;
    index.offset = input.u64s(records)?;
    index.name_ends = input.u64s(records)?;
    index.names = input.text()?;
    let blocks = input.len(4)?;
    index.blocks = input.u32s(blocks)?;
    let faults = input.len(24)?;
    let fault = |input: &mut Input<'_>| {
        Some(Broken { place: input.text()?, cause: input.text()?, records: input.u64()? })
    };
    index.faults = (0..faults).map(|_| fault(&mut input)).collect::<Option<_>>()?;
    let (kinds, mut last) = (input.len(16)?, String::new());
    for _ in 0..kinds {
        let (kind, files) = (input.text()?, input.u64()?);
        if kind <= last {
            return None;
        }
        index.left_out.add(&kind, files);
        last = kind;
    }
    // Kinds beyond the limit were counted as one, and would not be written as they were read.
    if index.left_out.kinds().len() != kinds {
        return None;
    }
    let warnings = input.len(8)?;
    index.warnings = (0..warnings).map(|_| input.text()).collect::<Option<_>>()?;
    (input.is_empty() && is_sound(&index)).then_some(index)
}

/// Whether no number leads past the end of anything.
fn is_sound(index: &Index) -> bool {
    let below = |values: &[u32], end: usize| values.iter().all(|&value| (value as usize) < end);
    let names = index.name_ends.iter().try_fold(0, |before, &end| {
        (end >= before && index.names.is_char_boundary(usize::try_from(end).ok()?)).then_some(end)
    });
    below(&index.file, index.files.len())
        && below(&index.label, index.classes.len())
        && u32::try_from(index.len()).is_ok()
        && names == Some(index.names.len() as u64)
        && below(&index.blocks, index.len())
        && index.blocks.is_sorted_by(|a, b| a < b)
        && (index.is_empty() || index.blocks.first() == Some(&0))
        && index.faults.iter().all(|fault| fault.records > 0)
        && (0..index.blocks()).all(|block| is_run(index, index.block(block)))
        && (0..index.len()).all(|record| lies_inside(index, record))
}

/// Whether these records can be read in one go: they are of one file and, of a table, one row behind the
/// other.
fn is_run(index: &Index, mut block: Range<usize>) -> bool {
    let (file, row) = (index.file[block.start], index.offset[block.start]);
    let rows = row..row.saturating_add(block.len() as u64);
    block.clone().all(|record| index.file[record] == file)
        && (index.layout != Layout::Tables || rows.eq(block.by_ref().map(|record| index.offset[record])))
}

/// Whether a record's place is one that its file has; of a folder the files' sizes are not known.
fn lies_inside(index: &Index, record: usize) -> bool {
    let (from, bytes) = (index.offset[record], index.files[index.file[record] as usize].bytes);
    match index.layout {
        Layout::Folders | Layout::Listed => true,
        Layout::Shards | Layout::Archives => {
            from.checked_add(UNIT + u64::from(index.bytes[record])).is_some_and(|end| end <= bytes)
        }
        Layout::Packed => from.checked_add(u64::from(index.bytes[record])).is_some_and(|end| end <= bytes),
        // A row takes a byte at least.
        Layout::Tables => from < bytes,
    }
}

fn put_len(out: &mut Vec<u8>, len: usize) {
    out.extend((len as u64).to_le_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_len(out, text.len());
    out.extend(text.as_bytes());
}

fn checksum(bytes: &[u8]) -> u64 {
    let mut fingerprint = Fingerprint::default();
    fingerprint.add(bytes);
    fingerprint.get()
}

/// The next list of stamps.
fn stamps(input: &mut Input<'_>) -> Option<Vec<Stamp>> {
    let count = input.len(24)?;
    (0..count)
        .map(|_| {
            let (path, bytes) = (input.text()?, input.u64()?);
            Some(Stamp { path, bytes, modified: input.u64()?.cast_signed() })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sources::index::Entry;

    fn index() -> Index {
        let stamp = |path: &str, modified| Stamp { path: path.to_owned(), bytes: 7000, modified };
        let mut index =
            Index::new(Layout::Shards, Path::new("/data"), vec![stamp("a.tar", -5), stamp("b.tar", 9)]);
        index.others.push(stamp("classes.json", 3));
        index.classes = ["cat".to_owned(), "dög".to_owned()].into();
        for (file, label, name) in [(0, 1, "é.jpg"), (0, 0, ""), (1, 1, "z.png")] {
            index.push(&Entry { file, offset: 512, bytes: 99, label, name });
        }
        index.cut_blocks(&[1]);
        index.faults.push(Broken::new("a.tar", "it is cut off"));
        index.left_out.add_file("notes.txt");
        index.left_out.add_file("README");
        index.warnings.push("b.tar ends without tar's end mark".to_owned());
        index
    }

    #[test]
    fn an_index_comes_back_as_it_was() {
        let index = index();
        assert_eq!(index.blocks, [0, 1, 2]);
        assert!(from_bytes(&to_bytes(&index), Path::new("/data")) == Ok(index));
    }

    #[test]
    fn what_cannot_be_read_as_it_says_is_no_index() {
        let damaged = |damage: &dyn Fn(&mut Index)| {
            let mut index = index();
            damage(&mut index);
            from_bytes(&to_bytes(&index), Path::new("/data"))
        };
        assert!(damaged(&|_| ()).is_ok());
        // A block over two files; a record behind its shard's end; one whose end no number can say.
        assert!(damaged(&|index| index.blocks = vec![0, 1]).is_err());
        assert!(damaged(&|index| index.offset[1] = 6500).is_err());
        assert!(damaged(&|index| index.offset[1] = u64::MAX - 3).is_err());
        let rows = |rows: [u64; 3]| {
            damaged(&|index| {
                index.layout = Layout::Tables;
                index.blocks = vec![0, 2];
                index.offset = rows.into();
            })
        };
        assert!(rows([4, 5, 0]).is_ok());
        assert!(
            rows([4, 6, 0]).is_err() && rows([6999, 7000, 0]).is_err() && rows([u64::MAX, 0, 0]).is_err()
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn a_changed_byte_is_noticed(place in any::<prop::sample::Index>(), change in 1u8..) {
            let mut bytes = to_bytes(&index());
            let place = place.index(bytes.len());
            bytes[place] ^= change;
            prop_assert!(from_bytes(&bytes, Path::new("/data")).is_err());
        }

        #[test]
        fn a_cut_file_is_noticed(part in 0.0f64..1.0) {
            let bytes = to_bytes(&index());
            prop_assert!(from_bytes(&bytes[..(bytes.len() as f64 * part) as usize], Path::new("/")).is_err());
        }

        #[test]
        fn what_parses_can_be_used(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4)) {
            // Behind the checksum, as if somebody had made it fit.
            let mut payload = to_bytes(&index())[16..].to_vec();
            for (place, value) in changes {
                let place = place.index(payload.len());
                payload[place] = value;
            }
            if let Some(index) = parse(&payload, Path::new("/data")) {
                for record in 0..index.len() {
                    let _ = (index.place(record), index.name(record), index.bytes(record));
                }
                prop_assert_eq!((0..index.blocks()).map(|b| index.block(b).len()).sum::<usize>(), index.len());
                prop_assert_eq!(index.class_counts().iter().sum::<u64>(), index.len() as u64);
            }
        }
    }
}
