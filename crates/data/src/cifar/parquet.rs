//! CIFAR from the parquet files of Hugging Face's layout: the label is `label` for CIFAR-10, `fine_label` for
//! CIFAR-100.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use resnet_formats::cifar::{Records, Table};
use resnet_formats::parquet::guarded;

use super::{Needed, into_set, names};
use crate::{DataKind, Dataset, Error, HeldOut, ImageSet};

/// Which data set the parquet files in `dir` hold, by the columns and the first image of the first; `None` if
/// neither.
pub(crate) fn kind_of(dir: &Path) -> Result<Option<DataKind>, Error> {
    let files = [files(dir, "train")?, files(dir, "test")?].concat();
    let Some(file) = files.first() else { return Ok(None) };
    Ok(guarded(file, || {
        let table = Table::open(file)?;
        // Others call their columns so as well.
        if table.is_of_other_sizes() {
            return Ok(None);
        }
        Ok(match (table.has("img.bytes"), table.has("fine_label"), table.has("label")) {
            (true, true, _) => Some(DataKind::Cifar100),
            (true, false, true) => Some(DataKind::Cifar10),
            _ => None,
        })
    })?)
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

/// Reads training and test data, each from its files in the given order.
pub(crate) fn read_files(
    train: &[PathBuf],
    test: &[PathBuf],
    kind: DataKind,
    origin: String,
) -> Result<Dataset, Error> {
    let (classes, label) = match kind {
        DataKind::Cifar100 => (names::cifar100(), "fine_label"),
        DataKind::Cifar10 | DataKind::Generated => (names::cifar10(), "label"),
    };
    let read = |files: &[PathBuf]| -> Result<ImageSet, Error> {
        let mut records = Records::default();
        for file in files {
            guarded(file, || Table::open(file)?.read(label, classes.len(), &mut records))?;
        }
        into_set(records, Arc::clone(&classes))
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
