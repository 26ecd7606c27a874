//! Parquet files as the Hugging Face hub has them: a column of encoded images and one of labels.
//!
//! [`Columns`] says which these are. The names of classes come from what the `datasets` library leaves in the
//! file's metadata, or are the labels themselves. An index is made from the labels alone, so nothing of the
//! images is read for it; that an image is null shows when it is read.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use resnet_formats::class_list::MAX_CLASSES;
use resnet_formats::names::name_of;
use resnet_formats::parquet::{ByteArray, Label, MEND, guarded, read_rows, scan};

use resnet_formats::classes;

use super::cache::{self, IndexCache};
use super::index::Entry;
use super::{Broken, Columns, Index, Layout, MAX_RECORD_BYTES, Source, scanners};
use crate::prefetch::Prefetch;
use crate::{Error, Fingerprint};

/// Rows may share one image in a dictionary: those that are read at once take at most this many times the
/// size of the file.
const MOST_TIMES: u64 = 64;
/// This many bytes are always allowed, however small the file is.
const ALWAYS: u64 = 64 << 20;

/// A split in parquet files.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) index: Index,
    pub(crate) columns: Columns,
}

impl Source for Tables {
    fn index(&self) -> &Index {
        &self.index
    }

    fn read(&self, records: Range<usize>) -> Vec<Result<Vec<u8>, Broken>> {
        let Some(first) = records.clone().next() else { return Vec::new() };
        let file = self.index.file[first];
        let path = self.index.path(file);
        let stamp = &self.index.files[file as usize];
        let rows = self.index.offset[first]..self.index.offset[first] + records.len() as u64;
        let read = guarded(&path, || match cache::stamp(&self.index.root, &stamp.path) {
            Ok(now) if now != *stamp => Err(resnet_formats::Error::bad_file(
                path.display().to_string(),
                "it has changed since its index was made",
                MEND,
            )),
            _ => read_rows(&path, &self.columns, rows),
        });
        match read {
            Ok(images) => {
                let mut budget = MOST_TIMES.saturating_mul(stamp.bytes).max(ALWAYS);
                records.zip(images).map(|(record, image)| self.record(record, image, &mut budget)).collect()
            }
            // A damaged page takes all rows with it that are read together.
            Err(error) => {
                let cause = error.cause();
                records.map(|record| Err(Broken::new(self.index.place(record), &cause))).collect()
            }
        }
    }
}

impl Tables {
    fn record(&self, record: usize, image: Option<ByteArray>, budget: &mut u64) -> Result<Vec<u8>, Broken> {
        let fault = |cause: &str| Err(Broken::new(self.index.place(record), cause));
        match image {
            None => fault("its image is null, not in the file"),
            Some(bytes) if bytes.is_empty() => fault("its image is empty"),
            Some(bytes) if bytes.len() as u64 > MAX_RECORD_BYTES => {
                fault("its image is larger than any should be")
            }
            Some(bytes) => match budget.checked_sub(bytes.len() as u64) {
                Some(rest) => {
                    *budget = rest;
                    Ok(bytes.data().to_vec())
                }
                None => fault("with the images before it, it is far larger than the file"),
            },
        }
    }
}

/// Opens the split that is in these files of `root`, in this order.
pub(crate) fn open(
    root: &Path,
    split: &str,
    files: &[String],
    (columns, cache): (&Columns, &IndexCache),
) -> Result<Index, Error> {
    let is_fresh = |index: &Index| cache::is_fresh(index, Layout::Tables, files);
    let split = key(columns).map_or(split.to_owned(), |key| format!("{split}-{key}"));
    cache::load_or_build(cache, root, &split, is_fresh, || build(root, files, columns))
}

fn build(root: &Path, files: &[String], columns: &Columns) -> Result<Index, Error> {
    let mut index = Index::new(Layout::Tables, root, cache::stamps(root, files)?);
    let (owned_root, owned_files, threads) = (root.to_owned(), files.to_vec(), scanners());
    let columns = columns.clone();
    let tables = Prefetch::new(0..files.len(), threads, 4 * threads, move |file| {
        let path = owned_root.join(name_of(&owned_files[file]));
        guarded(&path, || scan(&path, &columns))
    });
    let (mut classes, mut borders) = (Classes::default(), Vec::new());
    for (file, scanned) in (0..).zip(tables) {
        let scanned = scanned?;
        let odd = |cause: String| Error::bad_file(index.path(file).display().to_string(), cause, MEND);
        classes.add(scanned.classes).map_err(odd)?;
        let mut row = 0;
        for group in scanned.groups {
            borders.push(index.len() as u32);
            for label in group.labels {
                match label.map_err(str::to_owned).and_then(|label| classes.label(label)) {
                    Ok(label) => {
                        let bytes = group.mean_bytes;
                        index.push(&Entry { file, offset: row, bytes, label, name: "" });
                    }
                    Err(cause) => {
                        index.faults.push(Broken::new(format!("{}: row {row}", files[file as usize]), cause));
                        // Blocks are runs of rows: the next one begins behind the gap.
                        borders.push(index.len() as u32);
                    }
                }
                row += 1;
            }
        }
    }
    classes.settle(&mut index).map_err(|cause| Error::bad_file(root.display().to_string(), cause, MEND))?;
    borders.dedup();
    index.cut_blocks(&borders);
    Ok(index)
}

/// The classes of the files so far.
#[derive(Default)]
struct Classes {
    /// The names that the files' metadata give, if any.
    named: Option<Arc<[String]>>,
    /// Names that are labels, numbered in the order in which they turn up.
    met: HashMap<Arc<str>, u32>,
    /// A label that is a number, if there is one.
    number: Option<i64>,
}

impl Classes {
    fn add(&mut self, names: Option<Vec<String>>) -> Result<(), String> {
        match (&self.named, names) {
            (Some(known), Some(new)) if **known != new => {
                Err("it has other classes than the files before it".to_owned())
            }
            (_, Some(new)) => {
                self.named = Some(new.into());
                Ok(())
            }
            (_, None) => Ok(()),
        }
    }

    /// A label as a number, which is preliminary where it is a name.
    fn label(&mut self, label: Label) -> Result<u32, String> {
        let limit = self.named.as_ref().map_or(MAX_CLASSES, |names| names.len());
        match label {
            Label::Number(label) => {
                self.number = Some(label);
                let fits = usize::try_from(label).is_ok_and(|label| label < limit);
                let cause = || format!("its label is {label}, but labels are 0 to {}", limit - 1);
                fits.then_some(label as u32).ok_or_else(cause)
            }
            Label::Name(name) => {
                let next = self.met.len() as u32;
                match self.met.get(&name) {
                    Some(label) => Ok(*label),
                    None if next as usize == MAX_CLASSES => {
                        Err(format!("it is of a new class, and more than {MAX_CLASSES} are not read"))
                    }
                    None => Ok(*self.met.entry(name).or_insert(next)),
                }
            }
        }
    }

    /// Gives the index its classes, in order.
    fn settle(self, index: &mut Index) -> Result<(), String> {
        if !self.met.is_empty() {
            if let Some(number) = self.number {
                return Err(format!(
                    "labels are names in some of its files, and numbers such as {number} in others"
                ));
            }
            let mut names: Vec<(Arc<str>, u32)> = self.met.into_iter().collect();
            // Names that are numbers are labels, whatever they are written as.
            let number = |name: &str| name.parse::<u32>().ok().filter(|number| number.to_string() == name);
            let highest =
                names.iter().map(|(name, _)| number(name)).try_fold(0, |most, n| Some(n?.max(most)));
            let mut labels = vec![0; names.len()];
            match highest.filter(|&highest| (highest as usize) < MAX_CLASSES) {
                Some(highest) => {
                    names
                        .iter()
                        .for_each(|(name, met)| labels[*met as usize] = number(name).unwrap_or_default());
                    index.classes = classes::numbered(highest as usize + 1);
                }
                None => {
                    names.sort();
                    (0..).zip(&names).for_each(|(label, (_, met))| labels[*met as usize] = label);
                    index.classes = names.iter().map(|(name, _)| name.to_string()).collect();
                }
            }
            index.label.iter_mut().for_each(|label| *label = labels[*label as usize]);
            return Ok(());
        }
        let highest = index.label.iter().max().map_or(0, |&label| label as usize + 1);
        index.classes = self.named.unwrap_or_else(|| classes::numbered(highest));
        let count = index.classes.len();
        match index.label.iter().find(|&&label| label as usize >= count) {
            Some(label) => {
                Err(format!("it has a label {label}, and some of its files name only {count} classes"))
            }
            None => Ok(()),
        }
    }
}

/// What the name of an index has after its split, so that each choice of columns has its own; `None` for the
/// default columns.
fn key(columns: &Columns) -> Option<String> {
    if *columns == Columns::default() {
        return None;
    }
    let mut fingerprint = Fingerprint::default();
    for name in [&columns.image, &columns.label] {
        fingerprint.word(name.is_some().into());
        fingerprint.add(name.as_deref().unwrap_or_default().as_bytes());
    }
    Some(format!("{:016x}", fingerprint.get()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::index::Stamp;

    /// Rows may share an image that the file has once.
    #[test]
    fn an_image_under_many_rows_takes_no_memory_that_the_file_does_not_stand_for() {
        let index = Index::new(
            Layout::Tables,
            Path::new(""),
            vec![Stamp { path: String::new(), bytes: 0, modified: 0 }],
        );
        let mut source = Tables { index, columns: Columns::default() };
        source.index.push(&Entry { file: 0, offset: 0, bytes: 0, label: 0, name: "" });
        let mut budget = 250_000;
        let shared = Some(ByteArray::from(vec![7; 100_000]));
        let read = [(); 3].map(|()| source.record(0, shared.clone(), &mut budget).is_ok());
        assert_eq!((read, budget), ([true, true, false], 50_000));
    }
}
