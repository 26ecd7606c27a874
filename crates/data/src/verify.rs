//! `verify`: which samples of a data set in files are broken, as a list that can be skipped later.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use crate::sources::{Broken, FileSet, Index, Source, open_image};
use crate::{Error, names};

/// How many blocks are read between two reports of progress.
const BLOCKS: usize = 64;
/// The most bytes of a list of samples: the names of all of ImageNet's images take some 60 MB.
const MAX_LIST_BYTES: u64 = 1 << 28;

/// What [`verify`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many samples there are; those that were known to be broken before are among them.
    pub images: u64,
    /// The broken ones: of each split first what was known before, then in the order of the samples.
    pub broken: Vec<BrokenSample>,
}

/// A sample that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenSample {
    /// Its [name](Index::name), as lists of samples have it.
    pub name: String,
    /// What is wrong with it.
    pub cause: String,
}

/// `broken` parts of the split that `index` lists, such as those that a [`Feed`](crate::Feed) left out, each
/// by the [name](Index::name) that lists of samples have for it.
pub fn broken_samples(index: &Index, broken: &[Broken]) -> Vec<BrokenSample> {
    let places: HashSet<&str> = broken.iter().map(|part| part.place.as_str()).collect();
    let searched = if broken.is_empty() { 0 } else { index.len() };
    let records = (0..searched).map(|record| (index.place(record), record));
    let records: HashMap<String, usize> =
        records.filter(|(place, _)| places.contains(place.as_str())).collect();
    let sample = |part: &Broken| {
        let record = records.get(&part.place);
        let name = record.map_or_else(|| index.fault_name(part), |record| index.name(*record));
        BrokenSample { name, cause: part.cause.clone() }
    };
    broken.iter().map(sample).collect()
}

/// Decodes every image of `set` to its last pixel, on all cores. `progress` is called now and then with the
/// number of images done.
///
/// ```no_run
/// use resnet_data::sources::{OpenFiles, open_files};
///
/// let set = open_files("/data/imagenet", &OpenFiles::default())?;
/// let verified = resnet_data::verify(&set, |done| eprintln!("{done} images"));
/// std::fs::write("broken.txt", verified.skip_list())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn verify(set: &FileSet, mut progress: impl FnMut(u64)) -> Verified {
    let (mut broken, mut before, mut lost) = (vec![], 0, 0u64);
    for (_, source) in set.splits() {
        let index = source.index();
        broken.extend(broken_samples(index, index.faults()));
        lost = index.faults().iter().fold(lost, |lost, fault| lost.saturating_add(fault.records));
        broken.extend(verify_split(source, |done| progress(before + done)));
        before += index.len() as u64;
    }
    Verified { images: lost.saturating_add(before), broken }
}

/// The broken samples of a split, in order.
fn verify_split(source: &dyn Source, mut progress: impl FnMut(u64)) -> Vec<BrokenSample> {
    let index = source.index();
    let (done, found) = (AtomicU64::new(0), Mutex::new(vec![]));
    let blocks: Vec<usize> = (0..index.blocks()).collect();
    for some in blocks.chunks(BLOCKS) {
        some.par_iter().for_each(|block| {
            for (record, read) in index.block(*block).zip(source.read(index.block(*block))) {
                if let Some(sample) = check(index, record, read) {
                    found.lock().unwrap_or_else(PoisonError::into_inner).push((record, sample));
                }
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
        progress(done.load(Ordering::Relaxed));
    }
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.sort_by_key(|(record, _)| *record);
    found.into_iter().map(|(_, sample)| sample).collect()
}

/// What is wrong with a record, if anything: it must decode to its last pixel, without any damage.
fn check(index: &Index, record: usize, read: Result<Vec<u8>, Broken>) -> Option<BrokenSample> {
    let decode =
        |bytes: &[u8]| -> Result<(), Error> { Ok(open_image(bytes, &index.place(record))?.verify()?) };
    let cause = match read {
        Err(broken) => broken.cause,
        Ok(bytes) => decode(&bytes).err()?.cause(),
    };
    Some(BrokenSample { name: index.name(record), cause })
}

impl Verified {
    /// The names of the broken samples, one per line, as [`read_skip_list`] reads them.
    pub fn skip_list(&self) -> String {
        self.broken.iter().map(|sample| format!("{}\n", sample.name)).collect()
    }
}

/// Reads a list of samples to be skipped, one [name](Index::name) per line, for
/// [`OpenFiles::skip`](crate::sources::OpenFiles::skip).
///
/// # Errors
/// If the file cannot be read or has more than 256 MiB.
pub fn read_skip_list(file: &Path) -> Result<Vec<String>, Error> {
    let io = |cause| Error::io("read the skip list", file, cause);
    let Some(list) = resnet_files::read_at_most(file, MAX_LIST_BYTES).map_err(io)? else {
        let cause = format!("it has more than {} MiB, too many for a list of samples", MAX_LIST_BYTES >> 20);
        return Err(Error::bad_file(names::shown(file), cause, "give a file with one name per line"));
    };
    // Windows' editors begin a file with a byte order mark.
    let list = list.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&list);
    let lines = list.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    Ok(lines.filter(|line| !line.trim_ascii().is_empty()).map(names::of_line).collect())
}
