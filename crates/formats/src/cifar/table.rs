//! CIFAR in Hugging Face's parquet layout: rows of an encoded image and a label.
//!
//! The image is a group `img` with a leaf `bytes`, a PNG; both may be null in the schema, so every value is
//! read with its definition level and a null is an error with its row.

use std::io::Cursor;
use std::path::Path;

use image::{ImageReader, Limits};
use parquet::data_type::ByteArray;
use parquet::file::reader::{FileReader, SerializedFileReader};

use super::{PIXELS, Records, SIDE};
use crate::Error;
use crate::parquet::{self as tables, Bounded, Labels};

/// Twenty times CIFAR; a limit on what a wrong file can allocate.
const MAX_ROWS: usize = 1_000_000;

/// A CIFAR image has 3 KB of pixels.
const MAX_IMAGE_BYTES: usize = 1 << 20;

/// Rows decoded together: enough to keep threads busy, few enough to keep memory small.
const ROWS_AT_ONCE: usize = 4_096;

/// An open parquet file.
pub struct Table {
    shown: String,
    reader: SerializedFileReader<Bounded>,
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("file", &self.shown).finish_non_exhaustive()
    }
}

impl Table {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// If it cannot be read or is no parquet file.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let shown = path.display().to_string();
        Ok(Self { shown, reader: tables::open(path)? })
    }

    /// Whether it has a leaf column with this dotted path, such as `img.bytes`.
    pub fn has(&self, path: &str) -> bool {
        self.column(path).is_some()
    }

    /// Whether its first image has another size than CIFAR's, as far as that can be told.
    pub fn is_of_other_sizes(&self) -> bool {
        let first = || -> Option<(u32, u32)> {
            let group = self.reader.get_row_group(0).ok()?;
            let image = tables::images(&*group, self.column("img.bytes")?).ok()?.next(1).ok()?.pop()??;
            let reader = ImageReader::new(Cursor::new(image.data().to_vec())).with_guessed_format();
            reader.ok()?.into_dimensions().ok()
        };
        self.reader.num_row_groups() > 0 && first().is_some_and(|size| size != (SIDE as u32, SIDE as u32))
    }

    /// The index of the leaf with this dotted path.
    fn column(&self, path: &str) -> Option<usize> {
        let schema = self.reader.metadata().file_metadata().schema_descr();
        (0..schema.num_columns()).find(|&i| schema.column(i).path().string() == path)
    }

    /// Appends all rows to `records`; the labels, below `classes`, are in the column `label`.
    ///
    /// # Errors
    /// The first row that does not fit, or that the file is damaged or has no rows.
    pub fn read(&self, label: &str, classes: usize, records: &mut Records) -> Result<(), Error> {
        let Records { labels, pixels } = records;
        let find = |path: &str| {
            let cause = || format!("it has no column `{path}`");
            self.column(path).ok_or_else(|| bad(&self.shown, cause()))
        };
        let (image_column, label_column) = (find("img.bytes")?, find(label)?);
        let mut row = 0;
        for group in 0..self.reader.num_row_groups() {
            let group = self.reader.get_row_group(group).map_err(|cause| self.bad_row(row, cause))?;
            let mut images =
                tables::images(&*group, image_column).map_err(|cause| self.bad_row(row, cause))?;
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
    tables::bad(shown, cause)
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
