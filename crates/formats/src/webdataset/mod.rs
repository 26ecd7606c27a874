//! Tar shards in WebDataset's convention: consecutive members that share a name up to its first dot are a
//! sample.
//!
//! A sample is an image (`0017.jpg` and the other endings) and a label: `0017.cls` or the value `label` (or
//! `cls`) in `0017.json`, a whole number or the name of a class. If both are there, they must agree. Members
//! that webdataset ignores do not end a sample: those without a dot, hidden ones such as macOS's
//! `._0017.jpg`, folders and links. Other members are counted by their endings.

mod labels;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

pub use self::labels::{Known, Label, Listed};
use crate::names::{is_of_a_system, is_passed_over, name_of};
use crate::tar_headers::{Cut, Member, Members, OddEnd};
use crate::{Broken, Error, LeftOut, is_image_end, is_image_name};

/// The longest `.cls` or `.json` that is read.
const MAX_TEXT_BYTES: u64 = 1 << 20;

/// A warning about shards that end in an odd way; none if there are none.
pub fn describe_odd_ends(odd_ends: &[(&str, OddEnd)]) -> Option<String> {
    let &(first, odd) = odd_ends.first()?;
    let how = match odd {
        OddEnd::NoMark => "ends without tar's end mark".to_owned(),
        OddEnd::Zeros(bytes) => format!("ends in {bytes} zeros"),
    };
    let others = match odd_ends.len() - 1 {
        0 => String::new(),
        1 => " (and another file ends in an odd way too)".to_owned(),
        others => format!(" (and {others} other files end in an odd way too)"),
    };
    Some(format!("the shard {first} {how}{others}: it is read, but if it was cut off, samples are missing"))
}

/// An image with its label.
#[derive(Debug)]
pub struct Sample {
    /// The image.
    pub member: Member,
    /// Its label.
    pub label: Label,
}

/// What is in one shard.
#[derive(Debug, Default)]
pub struct Scanned {
    /// Images with labels, in the order of the shard.
    pub samples: Vec<Sample>,
    /// What cannot be used; places are relative to the folder of the shard.
    pub faults: Vec<Broken>,
    /// Members that belong to no sample.
    pub left_out: LeftOut,
    /// How it ends, if that is odd.
    pub odd_end: Option<OddEnd>,
}

/// The members of a sample so far.
#[derive(Default)]
struct Parts {
    key: String,
    images: Vec<Member>,
    /// By the member's ending, `cls` or `json`: the label, or why there is none.
    labels: BTreeMap<&'static str, Result<Label, String>>,
    /// Members such as `0017.seg.png`, which would be images if names of samples ended at their last dot: how
    /// many, the first of them, and its ending.
    dotted: Option<(u64, Member, String)>,
    others: LeftOut,
}

/// Looks through a shard in `root`.
///
/// # Errors
/// Only if it cannot be opened at all.
pub fn scan(root: &Path, shard: &str, known: &Known) -> Result<Scanned, Error> {
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
                // A .json without a label is not a fault of the sample.
                None => self.others.add_ending(ending),
            },
            _ if is_image_end(ending) => self.images.push(member),
            _ => {
                self.others.add_ending(ending);
                if is_image_name(ending) {
                    self.dotted.get_or_insert_with(|| (0, member, ending.to_owned())).0 += 1;
                }
            }
        }
    }

    /// Adds the sample, or its fault, to `scanned`.
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
        // A name without a number from a list cannot contradict a number.
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
    /// Adds the fault that nothing can be found from `cut` on, with an estimate of the samples lost.
    fn lose_rest(&mut self, shard: &str, cut: &Cut, length: u64) {
        let lost = length.saturating_sub(cut.offset);
        let records = crate::estimate_lost(lost, self.samples.len() as u64, cut.offset);
        let place = format!("{shard} at byte {}", cut.offset);
        let cause = format!("the shard is damaged or cut off: {}", cut.cause);
        self.faults.push(Broken { place, cause, records });
    }
}

#[cfg(test)]
mod tests;
