//! A split in tar shards in WebDataset's convention ([`resnet_formats::webdataset`]): the index of their
//! samples, and the reading of them.
//!
//! The names of the classes come from a class list, else from the labels.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use resnet_formats::class_list::MAX_CLASSES;
use resnet_formats::label_list::base;
use resnet_formats::names::escaped;
use resnet_formats::tar_headers::{self, Kind, UNIT};
use resnet_formats::webdataset::{Known, Label, Listed, Sample, describe_odd_ends, scan};

use resnet_formats::classes;

use super::cache::{self, IndexCache};
use super::class_list::ClassList;
use super::index::Entry;
use super::{Broken, Index, Layout, MAX_RECORD_BYTES, Source, scanners};
use crate::Error;
use crate::prefetch::Prefetch;

/// Bytes read from a shard at once.
const BUFFER: usize = 1 << 18;

/// A split in tar shards.
#[derive(Debug)]
pub(crate) struct Shards {
    pub(crate) index: Index,
}

impl Source for Shards {
    fn index(&self) -> &Index {
        &self.index
    }

    fn read(&self, records: Range<usize>) -> Vec<Result<Vec<u8>, Broken>> {
        let Some(first) = records.clone().next() else { return Vec::new() };
        let file = self.index.file[first];
        let opened = cache::reopen(&self.index, file);
        // A record that is read by itself needs no read-ahead.
        let buffer = if self.index.layout.is_read_singly() { UNIT as usize } else { BUFFER };
        let mut opened = opened.map(|shard| BufReader::with_capacity(buffer, shard));
        let mut read = |record| {
            let entry = self.index.entry(record);
            assert_eq!(entry.file, file, "a range of records inside one block is in one shard");
            let shard = opened.as_mut().map_err(|cause| cause.clone());
            shard
                .and_then(|shard| member(shard, &entry))
                .map_err(|cause| Broken::new(self.index.place(record), cause))
        };
        records.map(&mut read).collect()
    }
}

/// The bytes of a record, after a second look at its header.
fn member(shard: &mut BufReader<File>, entry: &Entry<'_>) -> Result<Vec<u8>, String> {
    let failed = |cause: std::io::Error| format!("cannot read it: {cause}");
    let here = shard.stream_position().map_err(failed)?;
    // Relative, so that what the buffer holds is not read twice.
    shard.seek_relative(entry.offset as i64 - here as i64).map_err(failed)?;
    let mut unit = [0; UNIT as usize];
    shard.read_exact(&mut unit).map_err(failed)?;
    match tar_headers::parse(&unit) {
        // Where pax tells the size, the header may have none.
        Ok(Some(header))
            if header.kind == Kind::File
                && may_be_of(&header.name, entry.name)
                && [0, u64::from(entry.bytes)].contains(&header.bytes)
                && u64::from(entry.bytes) <= MAX_RECORD_BYTES => {}
        _ => return Err("its header in the shard is damaged, or another's".to_owned()),
    }
    let mut bytes = vec![0; entry.bytes as usize];
    shard.read_exact(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Whether a header with this name may be that of the record called `name`. A name that may not have fitted
/// into the header, because it is long or not ASCII, stands in an extended header before it, which is not
/// read again. Folders do not count: an archive's record has its class before its name.
fn may_be_of(header: &[u8], name: &str) -> bool {
    let is_plain = header.len() < 100 && name.len() <= 100 && name.is_ascii();
    !is_plain || base(&escaped(header)) == base(name)
}

/// Opens the split that is in these files of `root`, in this order.
pub(crate) fn open(
    root: &Path,
    split: &str,
    files: &[String],
    (list, cache): (Option<&ClassList>, &IndexCache),
) -> Result<Index, Error> {
    let is_fresh = |index: &Index| {
        cache::is_fresh(index, Layout::Shards, files)
            && index.others.iter().eq(list.iter().map(|list| &list.stamp))
    };
    cache::load_or_build(cache, root, split, is_fresh, || build(root, files, list))
}

fn build(root: &Path, files: &[String], list: Option<&ClassList>) -> Result<Index, Error> {
    let mut index = Index::new(Layout::Shards, root, cache::stamps(root, files)?);
    index.others = list.map(|list| list.stamp.clone()).into_iter().collect();

    let known = known(list);
    let (owned_root, owned_files, threads) = (root.to_owned(), files.to_vec(), scanners());
    let shards = Prefetch::new(0..files.len(), threads, 4 * threads, move |file| {
        scan(&owned_root, &owned_files[file], &known)
    });
    // Names get numbers in the order in which they turn up, until all are known.
    let mut names: HashMap<Arc<str>, u32> = HashMap::new();
    let (mut a_number, mut a_name) = (None, None);
    let mut odd_ends = Vec::new();
    for (file, scanned) in (0..).zip(shards) {
        let scanned = scanned?;
        for Sample { member, label } in &scanned.samples {
            let place = match label {
                Label::Number(_) => &mut a_number,
                Label::Name(_) => &mut a_name,
            };
            place.get_or_insert_with(|| member.name.clone());
            let next = names.len() as u32;
            let label = match label {
                Label::Number(label) => *label,
                Label::Name(name) => *names.entry(Arc::clone(name)).or_insert(next),
            };
            let bytes = u32::try_from(member.bytes).unwrap_or(u32::MAX);
            index.push(&Entry { file, offset: member.header, bytes, label, name: &member.name });
        }
        index.faults.extend(scanned.faults);
        index.left_out.merge(&scanned.left_out);
        odd_ends.extend(scanned.odd_end.map(|odd| (files[file as usize].as_str(), odd)));
    }
    let bad = |cause: String| {
        let mend = "write the classes beside the shards, one name per line in the order of their labels, as classes.txt";
        Err(Error::bad_file(root.display().to_string(), cause, mend))
    };
    if let (Some(number), Some(name)) = (a_number, a_name) {
        return bad(format!(
            "the label of {number} is a number and that of {name} a name, and no list tells which number a name has"
        ));
    }
    if names.len() > MAX_CLASSES {
        return bad(format!("its labels have {} different names", names.len()));
    }
    index.classes = match list {
        Some(list) => Arc::clone(&list.names),
        None if names.is_empty() => {
            let highest = index.label.iter().max();
            classes::numbered(highest.map_or(0, |&label| label as usize + 1))
        }
        None => sorted(&names, &mut index.label),
    };
    index.warnings.extend(describe_odd_ends(&odd_ends));
    index.cut_blocks(&[]);
    Ok(index)
}

/// The labels that are valid: those of the class list, else numbers below a limit and any name.
fn known(list: Option<&ClassList>) -> Known {
    let limit = list.map_or(MAX_CLASSES, |list| list.names.len());
    let list = list.map(|list| Listed {
        file: list.file.display().to_string(),
        labels: list.labels().into_iter().map(|(name, label)| (name.to_owned(), label)).collect(),
    });
    Known { limit, list }
}

/// The names, sorted as text. `labels`, which are numbers in `names`, become places in that order.
fn sorted(names: &HashMap<Arc<str>, u32>, labels: &mut [u32]) -> Arc<[String]> {
    let mut sorted: Vec<(&Arc<str>, u32)> = names.iter().map(|(name, number)| (name, *number)).collect();
    sorted.sort_unstable();
    let mut ranks = vec![0; sorted.len()];
    (0..).zip(&sorted).for_each(|(rank, (_, number))| ranks[*number as usize] = rank);
    labels.iter_mut().for_each(|label| *label = ranks[*label as usize]);
    sorted.into_iter().map(|(name, _)| name.to_string()).collect()
}
