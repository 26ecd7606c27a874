//! A table of images: the labels of all rows, and the images of some.

use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::FileReader as _;

use super::columns::{self, Images, LabelValues, Labels};
use super::schema;
use crate::class_list::parse_class_map;
use crate::{Columns, Error};

/// Labels read at once.
const ROWS_AT_ONCE: usize = 8_192;

/// The longest name of a class.
const MAX_NAME_BYTES: usize = 1_000;

/// The encoded images of `rows`, which lie in one row group; `None` for a null.
///
/// # Errors
/// If the file is damaged or has no such rows.
pub fn read_rows(path: &Path, columns: &Columns, rows: Range<u64>) -> Result<Images, Error> {
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

/// A row's label, as the table has it.
#[derive(Debug)]
pub enum Label {
    /// A whole number.
    Number(i64),
    /// The name of a class.
    Name(Arc<str>),
}

/// The labels of a row group.
#[derive(Debug)]
pub struct Group {
    /// The label of each row, or why it has none.
    pub labels: Vec<Result<Label, &'static str>>,
    /// The mean size of an encoded image, in bytes.
    pub mean_bytes: u32,
}

/// What is in one file, the images left out.
#[derive(Debug)]
pub struct Scanned {
    /// The row groups, in order.
    pub groups: Vec<Group>,
    /// The names of the classes, where the file tells them.
    pub classes: Option<Vec<String>>,
}

/// The labels of all rows; nothing of the images is read.
///
/// # Errors
/// If the file is damaged or has no such columns.
pub fn scan(path: &Path, columns: &Columns) -> Result<Scanned, Error> {
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
    parse_class_map(&names.to_string()).ok()
}
