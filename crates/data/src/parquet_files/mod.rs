//! CIFAR in Hugging Face's parquet layout: rows of an encoded image and a label.
//!
//! The image is a group `img` with a leaf `bytes`, a PNG; both may be null in the schema, so every value is
//! read with its definition level and a null is an error with its row. The label is `label` for CIFAR-10,
//! `fine_label` for CIFAR-100.

mod bounded;
pub(crate) mod columns;
pub(crate) mod schema;

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::{ImageReader, Limits};
use parquet::data_type::ByteArray;
use parquet::file::reader::{FileReader, SerializedFileReader};

use self::bounded::Bounded;
use self::columns::{Labels, guarded};
use crate::cifar::{Needed, PIXELS, SIDE, names};
use crate::{DataKind, Dataset, Error, HeldOut, ImageSet};

/// Twenty times CIFAR; a limit on what a wrong file can allocate.
const MAX_ROWS: usize = 1_000_000;
/// A CIFAR image has 3 KB of pixels.
const MAX_IMAGE_BYTES: usize = 1 << 20;
/// Rows decoded together: enough to keep threads busy, few enough to keep memory small.
const ROWS_AT_ONCE: usize = 4_096;

/// Which data set the parquet files in `dir` hold, by the columns of the first; `None` if neither.
pub(crate) fn kind_of(dir: &Path) -> Result<Option<DataKind>, Error> {
    let files = [files(dir, "train")?, files(dir, "test")?].concat();
    let Some(file) = files.first() else { return Ok(None) };
    guarded(file, || Ok(Table::open(file)?.kind()))
}

/// Reads those of `train-*.parquet` and `test-*.parquet` in `dir` that are `needed`.
pub(crate) fn read_dir(dir: &Path, kind: DataKind, needed: Needed) -> Result<Dataset, Error> {
    let train = if needed == Needed::All { Some(files(dir, "train")?) } else { None };
    let test = files(dir, "test")?;
    for (files, missing) in [(train.as_ref(), "train-*.parquet"), (Some(&test), "test-*.parquet")] {
        if files.is_some_and(Vec::is_empty) {
            return Err(Error::MissingFile {
                path: dir.to_owned(),
                missing: missing.to_owned(),
                layout: "the parquet layout",
                mend: "put both beside each other".to_owned(),
            });
        }
    }
    read_files(&train.unwrap_or_default(), &test, kind, dir.display().to_string())
}

/// Reads training and test data from files in this order.
pub(crate) fn read_files(
    train: &[PathBuf],
    test: &[PathBuf],
    kind: DataKind,
    origin: String,
) -> Result<Dataset, Error> {
    let classes = match kind {
        DataKind::Cifar100 => names::cifar100(),
        DataKind::Cifar10 | DataKind::Generated => names::cifar10(),
    };
    let read = |files: &[PathBuf]| -> Result<ImageSet, Error> {
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        for file in files {
            guarded(file, || Table::open(file)?.read(kind, classes.len(), &mut pixels, &mut labels))?;
        }
        ImageSet::new(pixels, labels, SIDE, SIDE, Arc::clone(&classes))
    };
    Ok(Dataset { name: kind.name().to_owned(), train: read(train)?, test: HeldOut::new(read(test)?), origin })
}

/// The files `SPLIT-*.parquet` in `dir`, in order of name, which is the order of rows.
fn files(dir: &Path, split: &str) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(|cause| Error::io("list", dir, cause))? {
        let entry = entry.map_err(|cause| Error::io("list", dir, cause))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let rest = name.strip_prefix(split).and_then(|rest| rest.strip_prefix('-'));
        if rest.is_some_and(|rest| rest.ends_with(".parquet")) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// An open parquet file.
struct Table {
    shown: String,
    reader: SerializedFileReader<Bounded>,
}

impl Table {
    fn open(path: &Path) -> Result<Self, Error> {
        let shown = path.display().to_string();
        Ok(Self { shown, reader: columns::open(path)? })
    }

    /// The index of the leaf with this dotted path.
    fn column(&self, path: &str) -> Option<usize> {
        let schema = self.reader.metadata().file_metadata().schema_descr();
        (0..schema.num_columns()).find(|&i| schema.column(i).path().string() == path)
    }

    fn kind(&self) -> Option<DataKind> {
        let has = |path| self.column(path).is_some();
        match (has("img.bytes"), has("fine_label"), has("label")) {
            (true, true, _) => Some(DataKind::Cifar100),
            (true, false, true) => Some(DataKind::Cifar10),
            _ => None,
        }
    }

    /// Appends all rows to `pixels` ([N, 3, 32, 32]) and `labels`.
    fn read(
        &self,
        kind: DataKind,
        classes: usize,
        pixels: &mut Vec<u8>,
        labels: &mut Vec<u32>,
    ) -> Result<(), Error> {
        let label_name = if kind == DataKind::Cifar100 { "fine_label" } else { "label" };
        let find = |path: &str| {
            let cause = || format!("it has no column `{path}`");
            self.column(path).ok_or_else(|| bad(&self.shown, cause()))
        };
        let (image_column, label_column) = (find("img.bytes")?, find(label_name)?);
        let mut row = 0;
        for group in 0..self.reader.num_row_groups() {
            let group = self.reader.get_row_group(group).map_err(|cause| self.bad_row(row, cause))?;
            let mut images =
                columns::images(&*group, image_column).map_err(|cause| self.bad_row(row, cause))?;
            let mut numbers =
                Labels::open(&*group, label_column).map_err(|cause| self.bad_row(row, cause))?;
            loop {
                let encoded =
                    images.next(ROWS_AT_ONCE).and_then(present).map_err(|cause| self.bad_row(row, cause))?;
                let found = numbers
                    .next_numbers(ROWS_AT_ONCE)
                    .and_then(present)
                    .map_err(|cause| self.bad_row(row, cause))?;
                if encoded.len() != found.len() {
                    let cause = format!("columns differ in length ({} and {})", encoded.len(), found.len());
                    return Err(self.bad_row(row, cause));
                }
                if encoded.is_empty() {
                    break;
                }
                if labels.len() + encoded.len() > MAX_ROWS {
                    return Err(self.bad_row(row, format!("more than {MAX_ROWS} rows are no CIFAR")));
                }
                for (i, label) in found.iter().enumerate() {
                    match usize::try_from(*label) {
                        Ok(index) if index < classes => labels.push(index as u32),
                        _ => {
                            let cause = format!("label {label}, but labels are 0 to {}", classes - 1);
                            return Err(self.bad_row(row + i, cause));
                        }
                    }
                }
                decode_all(&encoded, pixels).map_err(|(i, cause)| self.bad_row(row + i, cause))?;
                row += encoded.len();
            }
        }
        if row == 0 {
            return Err(bad(&self.shown, "it has no rows".to_owned()));
        }
        Ok(())
    }

    fn bad_row(&self, row: usize, cause: impl std::fmt::Display) -> Error {
        bad(&self.shown, format!("row {row}: {cause}"))
    }
}

fn bad(shown: &str, cause: String) -> Error {
    columns::bad(shown, cause)
}

/// All of `values`, or which of them is null.
fn present<T>(values: Vec<Option<T>>) -> Result<Vec<T>, String> {
    let null = values.iter().position(Option::is_none);
    match null {
        Some(row) => Err(format!("the value {row} rows on is null")),
        None => Ok(values.into_iter().flatten().collect()),
    }
}

/// Decodes images with all cores and appends them as planes; on failure tells which.
fn decode_all(encoded: &[ByteArray], pixels: &mut Vec<u8>) -> Result<(), (usize, String)> {
    let start = pixels.len();
    pixels.resize(start + encoded.len() * PIXELS, 0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = encoded.len().div_ceil(threads).max(1);
    let parts = encoded.chunks(share).zip(pixels[start..].chunks_mut(share * PIXELS)).enumerate();
    std::thread::scope(|scope| {
        let threads: Vec<_> = parts
            .map(|(part, (encoded, planes))| {
                scope.spawn(move || {
                    for (i, (bytes, planes)) in
                        encoded.iter().zip(planes.chunks_exact_mut(PIXELS)).enumerate()
                    {
                        decode(bytes.data(), planes).map_err(|cause| (part * share + i, cause))?;
                    }
                    Ok(())
                })
            })
            .collect();
        // The first in row order, so that the same file always gives the same message.
        threads.into_iter().try_for_each(|thread| {
            thread.join().unwrap_or_else(|_| Err((0, "the image decoder gave up".to_owned())))
        })
    })
}

/// Decodes one image of 32 x 32 into planes.
fn decode(bytes: &[u8], planes: &mut [u8]) -> Result<(), String> {
    if bytes.len() > MAX_IMAGE_BYTES {
        return Err(format!("an image file of {} bytes is no CIFAR image", bytes.len()));
    }
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    let mut reader = reader.map_err(|cause| cause.to_string())?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE as u32);
    limits.max_image_height = Some(SIDE as u32);
    limits.max_alloc = Some(MAX_IMAGE_BYTES as u64);
    reader.limits(limits);
    let image = reader.decode().map_err(|cause| format!("the image does not decode ({cause})"))?.into_rgb8();
    if image.dimensions() != (SIDE as u32, SIDE as u32) {
        let (width, height) = image.dimensions();
        return Err(format!("the image is {width} x {height}, not {SIDE} x {SIDE}"));
    }
    for (i, pixel) in image.as_raw().chunks_exact(3).enumerate() {
        for c in 0..3 {
            planes[c * SIDE * SIDE + i] = pixel[c];
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
