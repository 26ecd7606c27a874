//! Columns of a parquet file, row by row: encoded images and labels, any of which may be null.

use std::path::Path;

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::file::reader::{FileReader as _, RowGroupReader, SerializedFileReader};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::bounded::Bounded;
use crate::Error;

/// What to do about a parquet file that is not whole.
pub const MEND: &str = "delete it and fetch it again, or give another copy of the data";

/// The error for the parquet file that messages call `file`.
pub(crate) fn bad(file: &str, cause: String) -> Error {
    // Whole, but compressed by what this build has no decoder for; the decoder's error is known by its words.
    let mend = match cause.contains("Disabled feature") {
        true => "write it again with zstd, gzip, snappy or no compression, which are what is read",
        false => MEND,
    };
    Error::bad_file(file, cause, mend)
}

/// Runs `read` and turns a panic of the parquet decoder on a corrupt file, should there be one, into an
/// error.
///
/// # Errors
/// Those of `read`, and that the decoder gave up.
pub fn guarded<T>(file: &Path, read: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        Err(Error::bad_file(file.display().to_string(), "the parquet decoder gave up on it", MEND))
    })
}

/// Opens the parquet file at `path`.
pub(crate) fn open(path: &Path) -> Result<SerializedFileReader<Bounded>, Error> {
    let file = File::open(path).map_err(|cause| Error::io("open", path, cause))?;
    let bytes = file.metadata().map_err(|cause| Error::io("open", path, cause))?.len();
    let bad = |cause: String| Error::bad_file(path.display().to_string(), cause, MEND);
    let reader = SerializedFileReader::new(Bounded(file)).map_err(|cause| bad(cause.to_string()))?;
    // Equal labels and nulls take next to no place: without a limit a few bytes stand for any number of rows.
    let groups = reader.metadata().row_groups().iter().map(|group| u64::try_from(group.num_rows()).ok());
    let rows = groups.into_iter().try_fold(0u64, |sum, rows| sum.checked_add(rows?));
    match rows {
        Some(rows) if rows <= bytes => Ok(reader),
        _ => Err(bad(format!("its {bytes} bytes cannot hold the number of rows that it claims"))),
    }
}

/// The values of a column's rows in turn; `None` for a null.
pub(crate) struct Rows<T: DataType> {
    reader: ColumnReaderImpl<T>,
    levels: i16,
}

impl<T: DataType> Rows<T> {
    /// Up to `count` values; fewer only at the end of the row group.
    pub(crate) fn next(&mut self, count: usize) -> Result<Vec<Option<T::T>>, String> {
        let mut rows = Vec::new();
        while rows.len() < count {
            let (mut levels, mut values) = (Vec::new(), Vec::new());
            let read = self.reader.read_records(count - rows.len(), Some(&mut levels), None, &mut values);
            let (read, ..) = read.map_err(|cause| cause.to_string())?;
            let mut values = values.into_iter();
            if self.levels == 0 {
                // Nothing can be null, and no levels are stored.
                rows.extend(values.by_ref().map(Some));
            } else {
                for &level in &levels {
                    rows.push(if level == self.levels { values.next() } else { None });
                }
            }
            if values.next().is_some() || (self.levels > 0 && levels.len() != read) {
                return Err("a row has several values or none".to_owned());
            }
            if read == 0 {
                break;
            }
        }
        Ok(rows)
    }

    /// Passes over `count` rows.
    pub(crate) fn skip(&mut self, count: usize) -> Result<(), String> {
        match self.reader.skip_records(count) {
            Ok(skipped) if skipped == count => Ok(()),
            Ok(skipped) => Err(format!("the row group ends after {skipped} of {count} rows")),
            Err(cause) => Err(cause.to_string()),
        }
    }
}

fn levels(group: &dyn RowGroupReader, column: usize) -> Result<i16, String> {
    let description = group.metadata().column(column).column_descr_ptr();
    if description.max_rep_level() != 0 {
        return Err(format!("column {} holds lists", description.path().string()));
    }
    Ok(description.max_def_level())
}

/// A column of encoded images.
pub(crate) fn images(group: &dyn RowGroupReader, column: usize) -> Result<Rows<ByteArrayType>, String> {
    let levels = levels(group, column)?;
    match group.get_column_reader(column).map_err(|cause| cause.to_string())? {
        ColumnReader::ByteArrayColumnReader(reader) => Ok(Rows { reader, levels }),
        _ => Err("the column of images does not hold bytes".to_owned()),
    }
}

/// Encoded images of some rows.
pub(crate) type Images = Vec<Option<ByteArray>>;

/// A column of labels, in whichever width writers use.
pub(crate) enum Labels {
    Bits(Rows<BoolType>),
    Narrow(Rows<Int32Type>),
    Wide(Rows<Int64Type>),
    Text(Rows<ByteArrayType>),
}

/// Labels of some rows.
pub(crate) enum LabelValues {
    Numbers(Vec<Option<i64>>),
    Names(Vec<Option<ByteArray>>),
}

impl Labels {
    pub(crate) fn open(group: &dyn RowGroupReader, column: usize) -> Result<Self, String> {
        let levels = levels(group, column)?;
        match group.get_column_reader(column).map_err(|cause| cause.to_string())? {
            ColumnReader::BoolColumnReader(reader) => Ok(Self::Bits(Rows { reader, levels })),
            ColumnReader::Int32ColumnReader(reader) => Ok(Self::Narrow(Rows { reader, levels })),
            ColumnReader::Int64ColumnReader(reader) => Ok(Self::Wide(Rows { reader, levels })),
            ColumnReader::ByteArrayColumnReader(reader) => Ok(Self::Text(Rows { reader, levels })),
            _ => Err("the column of labels holds neither whole numbers nor text".to_owned()),
        }
    }

    pub(crate) fn next(&mut self, count: usize) -> Result<LabelValues, String> {
        fn numbers<T: Into<i64>>(values: Vec<Option<T>>) -> LabelValues {
            LabelValues::Numbers(values.into_iter().map(|label| label.map(Into::into)).collect())
        }
        Ok(match self {
            Labels::Bits(rows) => numbers(rows.next(count)?),
            Labels::Narrow(rows) => numbers(rows.next(count)?),
            Labels::Wide(rows) => numbers(rows.next(count)?),
            Labels::Text(rows) => LabelValues::Names(rows.next(count)?),
        })
    }

    /// The next labels, which must be numbers.
    pub(crate) fn next_numbers(&mut self, count: usize) -> Result<Vec<Option<i64>>, String> {
        match self.next(count)? {
            LabelValues::Numbers(numbers) => Ok(numbers),
            LabelValues::Names(_) => Err("the column of labels does not hold whole numbers".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_compression_is_no_reason_to_fetch_again() {
        let cause = parquet::errors::ParquetError::General("Disabled feature at compile time: brotli".into());
        let told = bad("train-0.parquet", cause.to_string()).to_string();
        assert!(told.contains("brotli; write it again with zstd"), "{told}");
        assert!(bad("train-0.parquet", "it is cut off".to_owned()).to_string().ends_with(MEND));
    }
}
