//! Parquet files as the Hugging Face hub has them: a column of encoded pictures and one of labels.
//!
//! The pictures are the leaf `image.bytes` or `img.bytes`, the labels `label`, `fine_label` or `labels`. The
//! names of classes come from what the `datasets` library leaves in the file's metadata. An index is made
//! from the labels alone, so nothing of the pictures is read for it; that a picture is null shows when it is
//! read.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::FileReader as _;

use super::cache::{self, IndexCache};
use super::index::{Entry, Stamp};
use super::{Broken, Index, Layout, MAX_RECORD_BYTES, Source, classes, scanners};
use crate::Error;
use crate::names::name_of;
use crate::parquet_files::columns::{self, Labels, MEND, Pictures, guarded};
use crate::prefetch::Prefetch;

const PICTURES: [&str; 2] = ["image.bytes", "img.bytes"];
const LABELS: [&str; 3] = ["label", "fine_label", "labels"];
/// Labels read at once.
const ROWS_AT_ONCE: usize = 8_192;

/// Rows may share one picture in a dictionary: those that are read at once take so many times the file at
/// most.
const MOST_TIMES: u64 = 64;
/// So many bytes are nothing to refuse, however small the file is.
const ALWAYS: u64 = 64 << 20;

/// A split in parquet files.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) index: Index,
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
            _ => read_rows(&path, rows),
        });
        match read {
            Ok(pictures) => {
                let mut budget = MOST_TIMES.saturating_mul(stamp.bytes).max(ALWAYS);
                records
                    .zip(pictures)
                    .map(|(record, picture)| self.record(record, picture, &mut budget))
                    .collect()
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
        picture: Option<parquet::data_type::ByteArray>,
        budget: &mut u64,
    ) -> Result<Vec<u8>, Broken> {
        let fault = |cause: &str| Err(Broken::new(self.index.place(record), cause));
        match picture {
            None => fault("its picture is null, not in the file"),
            Some(bytes) if bytes.is_empty() => fault("its picture is empty"),
            Some(bytes) if bytes.len() as u64 > MAX_RECORD_BYTES => {
                fault("its picture is larger than any should be")
            }
            Some(bytes) => match budget.checked_sub(bytes.len() as u64) {
                Some(rest) => {
                    *budget = rest;
                    Ok(bytes.data().to_vec())
                }
                None => fault("with the pictures before it, it is far larger than the file"),
            },
        }
    }
}

/// The pictures of `rows`, which lie in one row group.
fn read_rows(path: &Path, rows: Range<u64>) -> Result<Pictures, Error> {
    let reader = columns::open(path)?;
    let bad = |cause: String| columns::bad(&path.display().to_string(), cause);
    let (column, _) = find_columns(reader.metadata()).map_err(bad)?;
    let mut start = 0;
    for number in 0..reader.num_row_groups() {
        let count = row_count(reader.metadata(), number).map_err(bad)?;
        if rows.start < start + count {
            let group = reader.get_row_group(number).map_err(|cause| bad(cause.to_string()))?;
            let mut pictures = columns::pictures(&*group, column).map_err(bad)?;
            pictures.skip((rows.start - start) as usize).map_err(bad)?;
            let wanted = (rows.end - rows.start) as usize;
            let found = pictures.next(wanted).map_err(bad)?;
            return match found.len() == wanted {
                true => Ok(found),
                false => Err(bad(format!("row group {number} has fewer pictures than labels"))),
            };
        }
        start += count;
    }
    Err(bad(format!("it has only {start} rows")))
}

fn row_count(metadata: &ParquetMetaData, group: usize) -> Result<u64, String> {
    u64::try_from(metadata.row_group(group).num_rows()).map_err(|_| format!("row group {group} is damaged"))
}

/// The columns of pictures and of labels.
fn find_columns(metadata: &ParquetMetaData) -> Result<(usize, usize), String> {
    let schema = metadata.file_metadata().schema_descr();
    let paths: Vec<String> = (0..schema.num_columns()).map(|i| schema.column(i).path().string()).collect();
    let find = |names: &[&str]| {
        let found = names.iter().find_map(|name| paths.iter().position(|path| path == name));
        found.ok_or_else(|| format!("it has no column `{}`, only {}", names.join("` or `"), paths.join(", ")))
    };
    Ok((find(&PICTURES)?, find(&LABELS)?))
}

/// Opens the split that is in these files of `root`, in this order.
pub(crate) fn open(root: &Path, split: &str, files: &[String], cache: &IndexCache) -> Result<Index, Error> {
    let is_fresh = |index: &Index| cache::is_fresh(index, Layout::Tables, files);
    cache::load_or_build(cache, root, split, is_fresh, || build(root, files))
}

fn build(root: &Path, files: &[String]) -> Result<Index, Error> {
    let stamp =
        |path: &String| cache::stamp(root, path).map_err(|cause| Error::io("open", &root.join(path), cause));
    let stamps = files.iter().map(stamp).collect::<Result<Vec<Stamp>, Error>>()?;
    let mut index = Index::new(Layout::Tables, root, stamps);
    let (owned_root, owned_files, threads) = (root.to_owned(), files.to_vec(), scanners());
    let tables = Prefetch::new(0..files.len(), threads, 4 * threads, move |file| {
        let path = owned_root.join(name_of(&owned_files[file]));
        guarded(&path, || scan(&path))
    });
    let (mut names, mut borders): (Option<Arc<[String]>>, Vec<u32>) = (None, Vec::new());
    for (file, scanned) in (0..).zip(tables) {
        let scanned = scanned?;
        match (&names, scanned.classes) {
            (Some(known), Some(new)) if **known != new => {
                let shown = index.path(file).display().to_string();
                return Err(Error::bad_file(shown, "it has other classes than the files before it", MEND));
            }
            (_, Some(new)) => names = Some(new.into()),
            (_, None) => {}
        }
        let limit = names.as_ref().map_or(classes::MAX_CLASSES, |names| names.len());
        let mut row = 0;
        for group in scanned.groups {
            borders.push(index.len() as u32);
            for label in &group.labels {
                match label.map(|label| (label, usize::try_from(label))) {
                    Some((_, Ok(label))) if label < limit => {
                        let (bytes, label) = (group.mean_bytes, label as u32);
                        index.push(&Entry { file, offset: row, bytes, label, name: "" });
                    }
                    other => {
                        let found = other.map_or("null".to_owned(), |(label, _)| label.to_string());
                        let cause = format!("its label is {found}, but labels are 0 to {}", limit - 1);
                        index.faults.push(Broken::new(format!("{}: row {row}", files[file as usize]), cause));
                        // Blocks are runs of rows: the next one begins behind the gap.
                        borders.push(index.len() as u32);
                    }
                }
                row += 1;
            }
        }
    }
    index.classes = names.unwrap_or_else(|| {
        classes::numbered(index.label.iter().max().map_or(0, |&label| label as usize + 1))
    });
    if let Some(&label) = index.label.iter().find(|&&label| label as usize >= index.classes.len()) {
        let cause = format!(
            "it has a label {label}, and some of its files name only {} classes",
            index.classes.len()
        );
        return Err(Error::bad_file(root.display().to_string(), cause, MEND));
    }
    borders.dedup();
    index.cut_blocks(&borders);
    Ok(index)
}

/// The labels of a row group.
struct Group {
    labels: Vec<Option<i64>>,
    mean_bytes: u32,
}

/// What is in one file, the pictures left out.
struct Scanned {
    groups: Vec<Group>,
    classes: Option<Vec<String>>,
}

fn scan(path: &Path) -> Result<Scanned, Error> {
    let bad = |cause: String| columns::bad(&path.display().to_string(), cause);
    let reader = columns::open(path)?;
    let (picture_column, label_column) = find_columns(reader.metadata()).map_err(bad)?;
    let mut groups = Vec::new();
    for number in 0..reader.num_row_groups() {
        let bad_group = |cause: String| bad(format!("row group {number}: {cause}"));
        let group = reader.get_row_group(number).map_err(|cause| bad_group(cause.to_string()))?;
        let mut column = Labels::open(&*group, label_column).map_err(bad_group)?;
        let rows = row_count(reader.metadata(), number).map_err(bad)?;
        let mut labels = Vec::new();
        loop {
            let more = column.next(ROWS_AT_ONCE).map_err(bad_group)?;
            // A page may tell of more rows than its group.
            if more.is_empty() || labels.len() as u64 > rows {
                break;
            }
            labels.extend(more);
        }
        if rows != labels.len() as u64 {
            return Err(bad_group(format!("it should have {rows} rows and has {} labels", labels.len())));
        }
        let bytes = group.metadata().column(picture_column).uncompressed_size();
        let mean_bytes = u32::try_from(bytes.max(0) as u64 / rows.max(1)).unwrap_or(u32::MAX);
        groups.push(Group { labels, mean_bytes });
    }
    Ok(Scanned { groups, classes: class_names(reader.metadata(), label_column) })
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
