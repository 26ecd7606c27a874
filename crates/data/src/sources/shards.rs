//! Tar shards in WebDataset's convention: consecutive members that share a name up to its first dot are a
//! sample.
//!
//! A sample is an image (`0017.jpg` and the other endings) and a label: `0017.cls` or the value `label` (or
//! `cls`) in `0017.json`, a whole number or the name of a class; where both are there they must agree
//! (`shards/labels.rs`). Members whose names webdataset passes over end no sample: those without a dot,
//! hidden ones such as macOS's `._0017.jpg`, folders, links. Other members are counted by their endings. The
//! classes' names come from a class list, else from the labels.

mod labels;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use self::labels::{Known, Label};
use super::cache::{self, IndexCache};
use super::class_list::ClassList;
use super::index::{Entry, Stamp};
use super::tar_headers::{self, Cut, Kind, Member, Members, OddEnd, UNIT};
use super::{Broken, Index, Layout, LeftOut, MAX_RECORD_BYTES, Source, classes, is_image_end, scanners};
use crate::Error;
use crate::names::{is_of_a_system, is_passed_over, name_of};
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
        // Where each is read by itself, no more than it is read.
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
                && [0, u64::from(entry.bytes)].contains(&header.bytes)
                && u64::from(entry.bytes) <= MAX_RECORD_BYTES => {}
        _ => return Err("its header in the shard is damaged, or another's".to_owned()),
    }
    let mut bytes = vec![0; entry.bytes as usize];
    shard.read_exact(&mut bytes).map_err(failed)?;
    Ok(bytes)
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
    let stamp =
        |path: &String| cache::stamp(root, path).map_err(|cause| Error::io("open", &root.join(path), cause));
    let stamps = files.iter().map(stamp).collect::<Result<Vec<Stamp>, Error>>()?;
    let mut index = Index::new(Layout::Shards, root, stamps);
    index.others = list.map(|list| list.stamp.clone()).into_iter().collect();

    let known = Known::new(list);
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
        let mend =
            "write the classes beside the shards, a name a line in the order of their labels, as classes.txt";
        Err(Error::bad_file(root.display().to_string(), cause, mend))
    };
    if let (Some(number), Some(name)) = (a_number, a_name) {
        return bad(format!(
            "the label of {number} is a number and that of {name} a name, and no list tells which number a name has"
        ));
    }
    if names.len() > classes::MAX_CLASSES {
        return bad(format!("its labels have {} different names", names.len()));
    }
    index.classes = match list {
        Some(list) => Arc::clone(&list.names),
        None if names.is_empty() => {
            let highest = index.label.iter().max();
            classes::numbered(highest.map_or(0, |&label| label as usize + 1))
        }
        None => labels::sorted(&names, &mut index.label),
    };
    index.warnings.extend(told_of_ends(&odd_ends));
    index.cut_blocks(&[]);
    Ok(index)
}

/// What the user should know of shards that end in an odd way.
pub(crate) fn told_of_ends(odd_ends: &[(&str, OddEnd)]) -> Option<String> {
    let &(first, odd) = odd_ends.first()?;
    let how = match odd {
        OddEnd::NoMark => "ends without tar's end mark".to_owned(),
        OddEnd::Zeros(bytes) => format!("ends in {bytes} zeros"),
    };
    let others = match odd_ends.len() - 1 {
        0 => String::new(),
        1 => " (and another in such a way)".to_owned(),
        others => format!(" (and {others} others in such a way)"),
    };
    Some(format!("the shard {first} {how}{others}: it is read, but if it was cut off, samples are missing"))
}

/// An image with its label.
struct Sample {
    member: Member,
    label: Label,
}

/// What is in one shard.
#[derive(Default)]
struct Scanned {
    samples: Vec<Sample>,
    faults: Vec<Broken>,
    left_out: LeftOut,
    odd_end: Option<OddEnd>,
}

/// The members of a sample so far.
#[derive(Default)]
struct Parts {
    key: String,
    images: Vec<Member>,
    /// By the member that said it: a label, or why it is none.
    labels: BTreeMap<&'static str, Result<Label, String>>,
    /// Members whose endings have dots and are an image's behind the last: how many, and the first with its
    /// ending.
    dotted: Option<(u64, Member, String)>,
    others: LeftOut,
}

/// Looks through a shard in `root`; an error only if it cannot be opened at all.
fn scan(root: &Path, shard: &str, known: &Known) -> Result<Scanned, Error> {
    let path = root.join(name_of(shard));
    let io = |cause| Error::io("open", &path, cause);
    let file = File::open(&path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    let mut members = Members::new(BufReader::with_capacity(1 << 13, file), length);
    let mut scanned = Scanned::default();
    let mut parts = Parts::default();
    loop {
        match members.next_file() {
            Ok(Some(member)) => {
                let (folders, file) = member.name.rsplit_once('/').unwrap_or(("", &member.name));
                if is_passed_over(file)
                    || folders.split('/').any(|folder| is_of_a_system(folder) || is_meta(folder))
                {
                    continue;
                }
                let Some((key, ending)) = split(&member.name) else {
                    scanned.left_out.add_file(file);
                    continue;
                };
                if key != parts.key {
                    std::mem::take(&mut parts).finish(shard, known, &mut scanned);
                    key.clone_into(&mut parts.key);
                }
                let ending = ending.to_lowercase();
                parts.add(member, &ending, &mut members);
            }
            Ok(None) => {
                parts.finish(shard, known, &mut scanned);
                scanned.odd_end = members.odd_end();
                break;
            }
            Err(cut) => {
                // A sample that the cut goes through is part of what is lost.
                if !parts.images.is_empty() && !parts.labels.is_empty() {
                    parts.finish(shard, known, &mut scanned);
                }
                scanned.lose_rest(shard, &cut, length);
                break;
            }
        }
    }
    if members.links() > 0 {
        scanned.left_out.add("(links in tar files)", members.links());
    }
    Ok(scanned)
}

/// Whether webdataset passes over what lies in a folder of this name.
fn is_meta(folder: &str) -> bool {
    folder.len() > 4 && folder.starts_with("__") && folder.ends_with("__")
}

/// A member's name up to the first dot of its last part, and what follows that dot; nothing without a dot.
fn split(name: &str) -> Option<(&str, &str)> {
    let file = name.rfind('/').map_or(0, |slash| slash + 1);
    let dot = file + name[file..].find('.')?;
    Some((&name[..dot], &name[dot + 1..]))
}

impl Parts {
    fn add(&mut self, member: Member, ending: &str, members: &mut Members<BufReader<File>>) {
        let mut text = || {
            let bytes = members.contents(member.header, member.bytes, MAX_TEXT_BYTES);
            let bytes = bytes.map_err(|cause| format!("its .{ending} cannot be read: {cause}"))?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        match ending {
            "cls" => drop(self.labels.insert("cls", text().and_then(|text| labels::of_text(&text)))),
            "json" => match text().and_then(|text| labels::of_json(&text)).transpose() {
                Some(label) => drop(self.labels.insert("json", label)),
                // Attributes without a label are attributes, and no fault of the sample.
                None => self.others.add_ending(ending),
            },
            _ if is_image_end(ending) => self.images.push(member),
            _ => {
                self.others.add_ending(ending);
                if ending.rsplit_once('.').is_some_and(|(_, last)| is_image_end(last)) {
                    self.dotted.get_or_insert_with(|| (0, member, ending.to_owned())).0 += 1;
                }
            }
        }
    }

    /// Files the sample under what it turned out to be.
    fn finish(self, shard: &str, known: &Known, scanned: &mut Scanned) {
        let Parts { key, images, labels, dotted, others } = self;
        let at = images.first().map(|member| member.header);
        let mut fault = |at: Option<u64>, cause: String, records: u64| {
            let at = at.map_or(String::new(), |byte| format!(" at byte {byte}"));
            scanned.faults.push(Broken { records, ..Broken::new(format!("{shard}: {key}{at}"), cause) });
        };
        match (images.is_empty(), dotted) {
            (true, Some((records, first, ending))) => {
                let cause = format!(
                    "its image {} ends in .{ending}, because names of samples end at their first dot; rename it",
                    first.name
                );
                return fault(Some(first.header), cause, records);
            }
            (true, None) if labels.is_empty() => {}
            _ => match whole(images, labels, known) {
                Ok(sample) => scanned.samples.push(sample),
                Err(cause) => fault(at, cause, 1),
            },
        }
        scanned.left_out.merge(&others);
    }
}

/// The sample of these parts, or why there is none.
fn whole(
    mut images: Vec<Member>,
    labels: BTreeMap<&'static str, Result<Label, String>>,
    known: &Known,
) -> Result<Sample, String> {
    let labels =
        labels.into_values().map(|label| known.number(label?)).collect::<Result<Vec<Label>, String>>()?;
    let label = match &labels[..] {
        [] => return Err("it has no label, neither .cls nor `label` in .json".to_owned()),
        // A name that no list gives a number says nothing against one.
        [number @ Label::Number(_), Label::Name(_)] | [Label::Name(_), number @ Label::Number(_)] => number,
        [cls, json] if cls != json => return Err(format!("its .cls says {cls}, but its .json says {json}")),
        [label, ..] => label,
    };
    match (images.pop(), images.len()) {
        (None, _) => Err("it has a label but no image".to_owned()),
        (Some(member), 0) if member.bytes == 0 => Err("its image is empty".to_owned()),
        (Some(member), 0) => Ok(Sample { member, label: label.clone() }),
        (Some(_), others) => Err(format!("it has {} images", others + 1)),
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
pub(crate) fn refuse_compressed(path: &Path) -> Error {
    let cause = "a compressed tar cannot be read from the middle";
    Error::bad_file(path.display().to_string(), cause, "unpack it to .tar first; images hardly compress")
}

#[cfg(test)]
mod tests;
