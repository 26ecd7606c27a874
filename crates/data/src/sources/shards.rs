//! Tar shards in WebDataset's convention: consecutive members that share a name up to its first dot are a
//! sample.
//!
//! A sample is a picture (`0017.jpg`, .jpeg, .png or .webp) and a label: `0017.cls`, a whole number in
//! digits, or the number `label` (or `cls`) in `0017.json`; where both are there they must agree. Other
//! members are passed over. The classes' names come from `classes.json`, `imagenet_class_index.json` or
//! `classes.txt` beside the shards.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _};
use std::ops::Range;
use std::path::Path;

use super::cache::{self, IndexCache};
use super::index::{Entry, Stamp};
use super::tar_headers::{self, Cut, Kind, Member, Members, UNIT};
use super::{Broken, Index, Layout, MAX_RECORD_BYTES, Source, classes, is_picture_end, scanners};
use crate::Error;
use crate::prefetch::Prefetch;

/// The longest `.cls` or `.json` that is read.
const MAX_TEXT_BYTES: u64 = 1 << 20;
/// Read from a shard at once.
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
        let mut opened = opened.map(|shard| BufReader::with_capacity(BUFFER, shard));
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
        Ok(Some(header)) if header.kind == Kind::File && u64::from(entry.bytes) <= MAX_RECORD_BYTES => {}
        _ => return Err("its header in the shard is damaged".to_owned()),
    }
    let mut bytes = vec![0; entry.bytes as usize];
    shard.read_exact(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Opens the split that is in these files of `root`, in this order.
pub(crate) fn open(root: &Path, split: &str, files: &[String], cache: &IndexCache) -> Result<Index, Error> {
    let map = classes::map_in(root);
    let is_fresh = |index: &Index| {
        cache::is_fresh(index, Layout::Shards, files)
            && index.others.iter().map(|stamp| stamp.path.as_str()).eq(map)
    };
    cache::load_or_build(cache, root, split, is_fresh, || build(root, files, map))
}

fn build(root: &Path, files: &[String], map: Option<&str>) -> Result<Index, Error> {
    let stamp =
        |path: &str| cache::stamp(root, path).map_err(|cause| Error::io("open", &root.join(path), cause));
    let stamps = files.iter().map(|path| stamp(path)).collect::<Result<Vec<Stamp>, Error>>()?;
    let names = map.map(|name| classes::read_map(&root.join(name))).transpose()?;
    let limit = names.as_ref().map_or(classes::MAX_CLASSES, |names| names.len());
    let mut index = Index::new(Layout::Shards, root, stamps);
    index.others = map.map(stamp).transpose()?.into_iter().collect();

    let (owned_root, owned_files, threads) = (root.to_owned(), files.to_vec(), scanners());
    let shards = Prefetch::new(0..files.len(), threads, 4 * threads, move |file| {
        scan(&owned_root, &owned_files[file], limit)
    });
    for (file, scanned) in (0..).zip(shards) {
        let scanned = scanned?;
        for Sample { member, label } in &scanned.samples {
            let bytes = u32::try_from(member.bytes).unwrap_or(u32::MAX);
            let (label, name) = (*label, member.name.as_str());
            index.push(&Entry { file, offset: member.header, bytes, label, name });
        }
        index.faults.extend(scanned.faults);
        index.ignored += scanned.ignored;
    }
    index.classes = names.unwrap_or_else(|| {
        let highest = index.label.iter().max();
        classes::numbered(highest.map_or(0, |&label| label as usize + 1))
    });
    index.cut_blocks(&[]);
    Ok(index)
}

/// A picture with its label.
struct Sample {
    member: Member,
    label: u32,
}

/// What is in one shard.
#[derive(Default)]
struct Scanned {
    samples: Vec<Sample>,
    faults: Vec<Broken>,
    ignored: u64,
}

/// The members of a sample so far.
#[derive(Default)]
struct Parts {
    key: String,
    pictures: Vec<Member>,
    /// By the member that said it: a label, or why it is none.
    labels: BTreeMap<&'static str, Result<u64, String>>,
    others: u64,
}

/// Looks through a shard in `root`; an error only if it cannot be opened at all.
fn scan(root: &Path, shard: &str, classes: usize) -> Result<Scanned, Error> {
    let path = root.join(shard);
    let io = |cause| Error::io("open", &path, cause);
    let file = File::open(&path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    let mut members = Members::new(BufReader::with_capacity(1 << 13, file), length);
    let mut scanned = Scanned::default();
    let mut parts = Parts::default();
    loop {
        match members.next_file() {
            Ok(Some(member)) => {
                let (key, end) = split(&member.name);
                if key != parts.key {
                    std::mem::take(&mut parts).finish(shard, classes, &mut scanned);
                    key.clone_into(&mut parts.key);
                }
                let end = end.to_ascii_lowercase();
                parts.add(member, &end, &mut members);
            }
            Ok(None) => {
                parts.finish(shard, classes, &mut scanned);
                return Ok(scanned);
            }
            Err(cut) => {
                // A sample that the cut goes through is part of what is lost.
                if !parts.pictures.is_empty() && !parts.labels.is_empty() {
                    parts.finish(shard, classes, &mut scanned);
                }
                scanned.lose_rest(shard, &cut, length);
                return Ok(scanned);
            }
        }
    }
}

/// A member's name up to the first dot of its last part, and what follows that dot.
fn split(name: &str) -> (&str, &str) {
    let file = name.rfind('/').map_or(0, |slash| slash + 1);
    match name[file..].find('.') {
        Some(dot) => (&name[..file + dot], &name[file + dot + 1..]),
        None => (name, ""),
    }
}

impl Parts {
    fn add(&mut self, member: Member, end: &str, members: &mut Members<BufReader<File>>) {
        let mut text = |parse: fn(&str) -> Result<u64, String>| {
            let bytes = members.contents(member.header, member.bytes, MAX_TEXT_BYTES);
            let bytes = bytes.map_err(|cause| format!("its .{end} cannot be read: {cause}"))?;
            parse(&String::from_utf8_lossy(&bytes))
        };
        match end {
            "cls" => drop(self.labels.insert("cls", text(label_of_text))),
            "json" => match text(label_of_json) {
                // Attributes without a label are attributes, and no fault of the sample.
                Err(cause) if cause.is_empty() => self.others += 1,
                label => drop(self.labels.insert("json", label)),
            },
            _ if is_picture_end(end) => self.pictures.push(member),
            _ => self.others += 1,
        }
    }

    /// Files the sample under what it turned out to be.
    fn finish(self, shard: &str, classes: usize, scanned: &mut Scanned) {
        scanned.ignored += self.others;
        let Parts { key, pictures, labels, .. } = self;
        if pictures.is_empty() && labels.is_empty() {
            return;
        }
        match whole(pictures, labels, classes) {
            Ok(sample) => scanned.samples.push(sample),
            Err((at, cause)) => {
                let at = at.map_or(String::new(), |byte| format!(" at byte {byte}"));
                scanned.faults.push(Broken::new(format!("{shard}: {key}{at}"), cause));
            }
        }
    }
}

/// The sample of these parts, or where and why there is none.
fn whole(
    mut pictures: Vec<Member>,
    labels: BTreeMap<&'static str, Result<u64, String>>,
    classes: usize,
) -> Result<Sample, (Option<u64>, String)> {
    let at = pictures.first().map(|member| member.header);
    let labels = labels.into_values().collect::<Result<Vec<u64>, String>>().map_err(|cause| (at, cause))?;
    let fault = |cause: String| Err((at, cause));
    match labels[..] {
        [] => return fault("it has no label, neither .cls nor a number `label` in .json".to_owned()),
        [cls, json] if cls != json => {
            return fault(format!("its .cls says {cls}, but its .json says {json}"));
        }
        [label, ..] if label >= classes as u64 => {
            return fault(format!("its label is {label}, but labels are below {classes}"));
        }
        _ => {}
    }
    match (pictures.pop(), pictures.len()) {
        (None, _) => fault("it has a label but no picture".to_owned()),
        (Some(member), 0) if member.bytes == 0 => fault("its picture is empty".to_owned()),
        (Some(member), 0) => Ok(Sample { member, label: labels[0] as u32 }),
        (Some(_), others) => fault(format!("it has {} pictures", others + 1)),
    }
}

fn label_of_text(text: &str) -> Result<u64, String> {
    text.trim().parse().map_err(|_| {
        let start: String = text.chars().take(20).collect();
        format!("its .cls is {start:?}, which is no label")
    })
}

/// The label in a sample's attributes; an empty message where they have none.
fn label_of_json(text: &str) -> Result<u64, String> {
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|cause| format!("its .json is damaged ({cause})"))?;
    match ["label", "cls"].iter().find_map(|key| value.get(key)) {
        Some(label) => label.as_u64().ok_or_else(|| format!("its .json has {label} for a label")),
        None => Err(String::new()),
    }
}

impl Scanned {
    /// Takes down that from `cut` on nothing can be found, and how many records that may be.
    fn lose_rest(&mut self, shard: &str, cut: &Cut, length: u64) {
        let lost = length.saturating_sub(cut.offset);
        let records = match self.samples.len() as u64 {
            0 => 1,
            known => (lost * known / cut.offset.max(1)).max(1),
        };
        let place = format!("{shard} at byte {}", cut.offset);
        let cause = format!("the shard is damaged or cut off: {}", cut.cause);
        self.faults.push(Broken { place, cause, records });
    }
}

/// Refuses what is compressed, which cannot be read from the middle.
pub(crate) fn refuse_compressed(root: &Path, name: &str) -> Error {
    let cause = "a compressed shard cannot be read from the middle";
    Error::bad_file(
        root.join(name).display().to_string(),
        cause,
        "unpack it to .tar first; pictures hardly compress",
    )
}

#[cfg(test)]
mod tests;
