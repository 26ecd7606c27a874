//! A split in packed files: images shrunk once and kept as pixels ([`resnet_formats::packed`]), so that no
//! epoch decodes them again.
//!
//! A file is listed by two short reads, so no index is kept of it. The names of the classes come from
//! `classes.json` beside the files, as with shards.

use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use resnet_formats::class_list::MAX_CLASSES;
use resnet_formats::names::name_of;
use resnet_formats::packed::{MEND, Record, Row, read_at, table};
use resnet_vision::image::Encoded;

use resnet_formats::classes;

use super::class_list::ClassList;
use super::index::Entry;
use super::{Broken, Index, Layout, Source, cache, scanners};
use crate::Error;
use crate::prefetch::Prefetch;

/// A split in packed files.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) index: Index,
}

impl Source for Packed {
    fn index(&self) -> &Index {
        &self.index
    }

    fn read(&self, records: Range<usize>) -> Vec<Result<Vec<u8>, Broken>> {
        let Some(first) = records.clone().next() else { return Vec::new() };
        let file = self.index.file[first];
        let mut opened = cache::reopen(&self.index, file);
        let mut read = |record| {
            let entry = self.index.entry(record);
            assert_eq!(entry.file, file, "a range of records inside one block is in one file");
            let file = opened.as_mut().map_err(|cause| cause.clone());
            file.and_then(|file| fetch(file, &entry))
                .map_err(|cause| Broken::new(self.index.place(record), cause))
        };
        records.map(&mut read).collect()
    }
}

/// The bytes of a record, if it has the name that the table gives it. [`open_image`] checks its checksum.
fn fetch(file: &mut File, entry: &Entry<'_>) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    read_at(file, entry.offset, u64::from(entry.bytes), &mut bytes)
        .map_err(|cause| format!("cannot read it: {cause}"))?;
    match Record::parse(&bytes)?.name == entry.name {
        true => Ok(bytes),
        false => Err("the record there has another name: it is damaged, or another record".to_owned()),
    }
}

/// Opens the split that is in these files of `root`, in this order.
pub(crate) fn open(root: &Path, files: &[String], list: Option<&ClassList>) -> Result<Index, Error> {
    // The stamps come first: a file that changes while it is listed is another one when it is read.
    let stamps = cache::stamps(root, files)?;
    let names = list.map(|list| Arc::clone(&list.names));
    let limit = names.as_ref().map_or(MAX_CLASSES, |names| names.len());
    let mut index = Index::new(Layout::Packed, root, stamps);
    let (owned_root, owned_files, threads) = (root.to_owned(), files.to_vec(), scanners());
    let tables = Prefetch::new(0..files.len(), threads, 4 * threads, move |file| {
        let path = owned_root.join(name_of(&owned_files[file]));
        let mut opened = File::open(&path).map_err(|cause| Error::io("open", &path, cause))?;
        let bad = |cause: String| Error::bad_file(path.display().to_string(), cause, MEND);
        table(&mut opened).map_err(bad)
    });
    for (file, rows) in (0..).zip(tables) {
        for Row { offset, bytes, label, name } in rows? {
            if (label as usize) < limit {
                index.push(&Entry { file, offset, bytes, label, name: &name });
                continue;
            }
            let place = format!("{}: {name} at byte {offset}", files[file as usize]);
            let cause = format!("its label is {label}, but labels are below {limit}");
            index.faults.push(Broken::new(place, cause));
        }
    }
    if u32::try_from(index.len()).is_err() {
        let cause = format!("its packed files have {} records, too many for one split", index.len());
        return Err(Error::bad_file(root.display().to_string(), cause, "divide it"));
    }
    index.classes = names.unwrap_or_else(|| {
        let highest = index.label.iter().max();
        classes::numbered(highest.map_or(0, |&label| label as usize + 1))
    });
    index.cut_blocks(&[]);
    Ok(index)
}

/// The image in `bytes` that a [`Source`](crate::sources::Source) has read: an encoded image, or a record of
/// a packed file, whose checksum is verified. `name` names it in messages.
///
/// # Errors
/// If a record is damaged, or [`Encoded::open`] refuses the bytes.
pub fn open_image<'a>(bytes: &'a [u8], name: &'a str) -> Result<Encoded<'a>, Error> {
    if !Record::is_one(bytes) {
        return Ok(Encoded::open(bytes, name)?);
    }
    let bad = |cause: String| Error::bad_file(name, cause, MEND);
    let record = Record::parse(bytes).map_err(bad)?;
    let image = Encoded::of_rgb(record.pixels, record.size, name)?;
    record.verify().map_err(bad)?;
    Ok(image)
}
