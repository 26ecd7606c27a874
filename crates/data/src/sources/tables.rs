//! Parquet files as the Hugging Face hub has them: a column of encoded images and one of labels.
//!
//! [`Columns`] says which these are. The names of classes come from what the `datasets` library leaves in the
//! file's metadata, or are the labels themselves. An index is made from the labels alone, so nothing of the
//! images is read for it; that an image is null shows when it is read.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::FileReader as _;

use super::cache::{self, IndexCache};
use super::index::{Entry, Stamp};
use super::{Broken, Columns, Index, Layout, MAX_RECORD_BYTES, Source, classes, scanners};
use crate::Error;
use crate::names::name_of;
use crate::parquet_files::columns::{self, Images, LabelValues, Labels, MEND, guarded};
use crate::parquet_files::schema;
use crate::prefetch::Prefetch;

/// Labels read at once.
const ROWS_AT_ONCE: usize = 8_192;
/// The longest name of a class.
const MAX_NAME_BYTES: usize = 1_000;

/// Rows may share one image in a dictionary: those that are read at once take so many times the file at
/// most.
const MOST_TIMES: u64 = 64;
/// So many bytes are nothing to refuse, however small the file is.
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
            Ok(now) if now != *stamp => Err(Error::bad_file(
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
    fn record(
        &self,
        record: usize,
        image: Option<parquet::data_type::ByteArray>,
        budget: &mut u64,
    ) -> Result<Vec<u8>, Broken> {
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

/// The images of `rows`, which lie in one row group.
fn read_rows(path: &Path, columns: &Columns, rows: Range<u64>) -> Result<Images, Error> {
    let reader = columns::open(path)?;
    let bad = |cause: String| columns::bad(&path.display().to_string(), cause);
    let (column, _) = schema::find(reader.metadata(), columns, &path.display().to_string())?;
    let mut start = 0;
    for number in 0..reader.num_row_groups() {
        let count = row_count(reader.metadata(), number).map_err(bad)?;
        if rows.start < start + count {
            let group = reader.get_row_group(number).map_err(|cause| bad(cause.to_string()))?;
            let mut images = columns::images(&*group, column).map_err(bad)?;
            images.skip((rows.start - start) as usize).map_err(bad)?;
            let wanted = (rows.end - rows.start) as usize;
            let found = images.next(wanted).map_err(bad)?;
            return match found.len() == wanted {
                true => Ok(found),
                false => Err(bad(format!("row group {number} has fewer images than labels"))),
            };
        }
        start += count;
    }
    Err(bad(format!("it has only {start} rows")))
}

fn row_count(metadata: &ParquetMetaData, group: usize) -> Result<u64, String> {
    u64::try_from(metadata.row_group(group).num_rows()).map_err(|_| format!("row group {group} is damaged"))
}

/// Opens the split that is in these files of `root`, in this order.
pub(crate) fn open(
    root: &Path,
    split: &str,
    files: &[String],
    (columns, cache): (&Columns, &IndexCache),
) -> Result<Index, Error> {
    let is_fresh = |index: &Index| cache::is_fresh(index, Layout::Tables, files);
    let split = columns.key().map_or(split.to_owned(), |key| format!("{split}-{key}"));
    cache::load_or_build(cache, root, &split, is_fresh, || build(root, files, columns))
}

fn build(root: &Path, files: &[String], columns: &Columns) -> Result<Index, Error> {
    let stamp =
        |path: &String| cache::stamp(root, path).map_err(|cause| Error::io("open", &root.join(path), cause));
    let stamps = files.iter().map(stamp).collect::<Result<Vec<Stamp>, Error>>()?;
    let mut index = Index::new(Layout::Tables, root, stamps);
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
    /// As the files name them.
    named: Option<Arc<[String]>>,
    /// Those whose names are the labels, numbered as they turn up.
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
        let limit = self.named.as_ref().map_or(classes::MAX_CLASSES, |names| names.len());
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
                    None if next as usize == classes::MAX_CLASSES => {
                        Err("it is of one class too many".to_owned())
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
            match highest.filter(|&highest| (highest as usize) < classes::MAX_CLASSES) {
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

/// A row's label, as the table has it.
enum Label {
    Number(i64),
    Name(Arc<str>),
}

/// The labels of a row group.
struct Group {
    /// Of each row, or why it has none.
    labels: Vec<Result<Label, &'static str>>,
    mean_bytes: u32,
}

/// What is in one file, the images left out.
struct Scanned {
    groups: Vec<Group>,
    classes: Option<Vec<String>>,
}

fn scan(path: &Path, columns: &Columns) -> Result<Scanned, Error> {
    let bad = |cause: String| columns::bad(&path.display().to_string(), cause);
    let reader = columns::open(path)?;
    let (image_column, label_column) = schema::find(reader.metadata(), columns, &path.display().to_string())?;
    let mut groups = Vec::new();
    // A name is kept once for all its rows.
    let mut names: HashSet<Arc<str>> = HashSet::new();
    for number in 0..reader.num_row_groups() {
        let bad_group = |cause: String| bad(format!("row group {number}: {cause}"));
        let group = reader.get_row_group(number).map_err(|cause| bad_group(cause.to_string()))?;
        let mut column = Labels::open(&*group, label_column).map_err(bad_group)?;
        let rows = row_count(reader.metadata(), number).map_err(bad)?;
        let mut labels = Vec::new();
        loop {
            let before = labels.len();
            match column.next(ROWS_AT_ONCE).map_err(bad_group)? {
                LabelValues::Numbers(values) => {
                    labels.extend(values.into_iter().map(|value| value.map(Label::Number).ok_or(NULL)));
                }
                LabelValues::Names(values) => labels.extend(values.iter().map(|value| {
                    let value = value.as_ref().ok_or(NULL)?;
                    name(value.data(), &mut names).map(Label::Name)
                })),
            }
            // A page may tell of more rows than its group.
            if labels.len() == before || labels.len() as u64 > rows {
                break;
            }
        }
        if rows != labels.len() as u64 {
            return Err(bad_group(format!("it should have {rows} rows and has {} labels", labels.len())));
        }
        let bytes = group.metadata().column(image_column).uncompressed_size();
        let mean_bytes = u32::try_from(bytes.max(0) as u64 / rows.max(1)).unwrap_or(u32::MAX);
        groups.push(Group { labels, mean_bytes });
    }
    Ok(Scanned { groups, classes: class_names(reader.metadata(), label_column) })
}

const NULL: &str = "its label is null";

/// The name of a class that a row has for a label.
fn name(bytes: &[u8], known: &mut HashSet<Arc<str>>) -> Result<Arc<str>, &'static str> {
    let name = std::str::from_utf8(bytes).map_err(|_| "its label is no text in UTF-8")?.trim();
    if name.is_empty() || name.len() > MAX_NAME_BYTES {
        return Err("its label is empty, or too long for the name of a class");
    }
    if let Some(known) = known.get(name) {
        return Ok(Arc::clone(known));
    }
    let name: Arc<str> = name.into();
    known.insert(Arc::clone(&name));
    Ok(name)
}

/// The names that the `datasets` library wrote for the values of the column of labels.
fn class_names(metadata: &ParquetMetaData, column: usize) -> Option<Vec<String>> {
    let label = metadata.file_metadata().schema_descr().column(column).path().string();
    let pairs = metadata.file_metadata().key_value_metadata()?;
    let text = pairs.iter().find(|pair| pair.key == "huggingface")?.value.as_deref()?;
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    let names = value.get("info")?.get("features")?.get(&label)?.get("names")?;
    classes::parse_class_map(&names.to_string()).ok()
}

#[cfg(test)]
mod tests;
