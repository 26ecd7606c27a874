//! CIFAR-10 and CIFAR-100 in the two forms of their authors, binary and Python's: what the files are called
//! and hold.
//!
//! In binary form a record is one label byte (CIFAR-100: a coarse, then a fine one) and 3072 bytes of pixels,
//! planar RGB, 32 rows of 32. In Python's a file is a pickled dictionary with a list of labels and an array
//! of the same pixels. `folder` reads the files from a folder, `archive` from a `.tar.gz`.

pub(crate) mod archive;
pub(crate) mod find;
pub(crate) mod folder;
#[cfg(feature = "parquet")]
pub(crate) mod parquet;

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

pub use resnet_formats::cifar::class_names as names;
use resnet_formats::cifar::{self as files, Records, SIDE};

use crate::{DataKind, Dataset, Error, HeldOut, ImageSet};

/// One of the two data sets in one of its forms.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) kind: DataKind,
    /// For messages.
    pub(crate) title: &'static str,
    pub(crate) train: &'static [&'static str],
    pub(crate) test: &'static str,
    /// The file of class names; it may be absent.
    pub(crate) names: &'static str,
    pub(crate) form: Form,
    pub(crate) default_names: fn() -> Arc<[String]>,
    /// What the official archive unpacks to.
    pub(crate) folder: &'static str,
    /// The official archive.
    pub(crate) archive: &'static str,
}

/// How records are written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    /// Records one after the other; class names one per line.
    Binary {
        /// Bytes before the pixels; the last of them is the label.
        label_bytes: usize,
    },
    /// Records in a pickled dictionary; class names in another one.
    Pickled {
        /// The key of the labels.
        labels: &'static str,
        /// The key of the names.
        names: &'static str,
    },
}

/// CIFAR-10's binary files.
pub(crate) static CIFAR10: Layout = Layout {
    kind: DataKind::Cifar10,
    title: "CIFAR-10 in binary form",
    train: &[
        "data_batch_1.bin",
        "data_batch_2.bin",
        "data_batch_3.bin",
        "data_batch_4.bin",
        "data_batch_5.bin",
    ],
    test: "test_batch.bin",
    names: "batches.meta.txt",
    form: Form::Binary { label_bytes: 1 },
    default_names: names::cifar10,
    folder: "cifar-10-batches-bin",
    archive: "cifar-10-binary.tar.gz",
};

/// CIFAR-100's binary files.
pub(crate) static CIFAR100: Layout = Layout {
    kind: DataKind::Cifar100,
    title: "CIFAR-100 in binary form",
    train: &["train.bin"],
    test: "test.bin",
    names: "fine_label_names.txt",
    form: Form::Binary { label_bytes: 2 },
    default_names: names::cifar100,
    folder: "cifar-100-binary",
    archive: "cifar-100-binary.tar.gz",
};

/// CIFAR-10's files for Python, which torchvision downloads.
pub(crate) static CIFAR10_PYTHON: Layout = Layout {
    kind: DataKind::Cifar10,
    title: "CIFAR-10 in Python's form",
    train: &["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"],
    test: "test_batch",
    names: "batches.meta",
    form: Form::Pickled { labels: "labels", names: "label_names" },
    default_names: names::cifar10,
    folder: "cifar-10-batches-py",
    archive: "cifar-10-python.tar.gz",
};

/// CIFAR-100's files for Python, which torchvision downloads.
pub(crate) static CIFAR100_PYTHON: Layout = Layout {
    kind: DataKind::Cifar100,
    title: "CIFAR-100 in Python's form",
    train: &["train"],
    test: "test",
    names: "meta",
    form: Form::Pickled { labels: "fine_labels", names: "fine_label_names" },
    default_names: names::cifar100,
    folder: "cifar-100-python",
    archive: "cifar-100-python.tar.gz",
};

/// All layouts. Of the layouts of one data set, the preferred one comes first.
pub(crate) static LAYOUTS: [&Layout; 4] = [&CIFAR10, &CIFAR10_PYTHON, &CIFAR100, &CIFAR100_PYTHON];

/// Which images of a data set are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needed {
    /// All of them, to train on.
    All,
    /// Those of the test set, which may be there alone.
    Test,
}

impl Layout {
    /// The names of all files with records, training first.
    pub(crate) fn files(&self) -> impl Iterator<Item = &'static str> {
        self.train.iter().copied().chain([self.test])
    }

    /// The names of the files that must be there, in the order of [`files`](Self::files).
    pub(crate) fn needed(&self, needed: Needed) -> impl Iterator<Item = &'static str> {
        let train = if needed == Needed::All { self.train } else { &[] };
        train.iter().copied().chain([self.test])
    }

    /// Reads a file of `bytes` bytes from `reader`; `file` is its name for messages.
    pub(crate) fn read(
        &self,
        reader: impl Read,
        bytes: u64,
        file: &str,
        classes: usize,
    ) -> Result<Records, Error> {
        if bytes > files::MAX_FILE_BYTES {
            let cause = format!("it has {bytes} bytes, more than any file of {}", self.title);
            return Err(Error::bad_file(file, cause, "check what it is"));
        }
        Ok(match self.form {
            Form::Binary { label_bytes } => Records::read(reader, bytes, file, label_bytes, classes)?,
            Form::Pickled { labels, .. } => files::read(reader, bytes, file, labels, classes)?,
        })
    }

    pub(crate) fn missing(&self, path: &Path, file: &str) -> Error {
        Error::MissingFile {
            path: path.to_owned(),
            missing: file.to_owned(),
            layout: self.title,
            mend: format!("unpack {} again, or give that archive itself", self.archive),
        }
    }

    /// Reads a file of names; one that does not fit is an error, not a reason to guess.
    pub(crate) fn parse_names(&self, file: &str, bytes: &[u8]) -> Result<Arc<[String]>, Error> {
        let bad = |cause: String| {
            Error::bad_file(file, cause, "delete it to use the known names, or fetch it again")
        };
        let names: Vec<String> = match self.form {
            Form::Binary { .. } => {
                let text =
                    std::str::from_utf8(bytes).map_err(|cause| bad(format!("it is no text ({cause})")))?;
                text.lines().map(str::trim).filter(|line| !line.is_empty()).map(String::from).collect()
            }
            Form::Pickled { names, .. } => files::names(bytes, names).map_err(bad)?,
        };
        let expected = (self.default_names)().len();
        match names.len() == expected {
            true => Ok(names.into()),
            false => {
                Err(bad(format!("it has {} class names where {} has {expected}", names.len(), self.kind)))
            }
        }
    }

    /// Joins what the files held, in the order of [`needed`](Self::needed): the last is the test set's.
    pub(crate) fn assemble(
        &self,
        mut parts: Vec<Records>,
        names: Arc<[String]>,
        origin: String,
    ) -> Result<Dataset, Error> {
        let test = parts.pop().unwrap_or_default();
        let train = Records::join(parts);
        Ok(Dataset {
            name: self.kind.name().to_owned(),
            train: into_set(train, Arc::clone(&names))?,
            test: HeldOut::new(into_set(test, names)?),
            origin,
        })
    }
}

fn into_set(records: Records, names: Arc<[String]>) -> Result<ImageSet, Error> {
    ImageSet::new(records.pixels, records.labels, SIDE, SIDE, names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_claims_more_than_any_is_refused() {
        let message = CIFAR10.read(&[][..], u64::MAX, "x", 10).unwrap_err().to_string();
        assert!(message.contains("more than any file"), "{message}");
    }
}
