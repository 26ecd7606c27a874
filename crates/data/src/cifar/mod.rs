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

/// Training images of either data set.
const TRAIN_IMAGES: usize = 50_000;
/// Test images of either data set.
const TEST_IMAGES: usize = 10_000;

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

    /// What to tell of files with fewer images than the data set has; `images` are those of each file, in the
    /// order of [`needed`](Self::needed).
    fn incomplete(&self, images: &[usize]) -> Option<String> {
        // Where only the test set was read, the last file is the only one.
        let files = self.files().skip((self.train.len() + 1).saturating_sub(images.len()));
        let short: Vec<(&str, usize, usize)> = files
            .zip(images)
            .map(|(file, &images)| {
                let whole = if file == self.test { TEST_IMAGES } else { TRAIN_IMAGES / self.train.len() };
                (file, images, whole)
            })
            .filter(|(_, images, whole)| images < whole)
            .collect();
        let (file, images, whole) = short.first()?;
        let others = match short.len() - 1 {
            0 => String::new(),
            1 => ", and one other file has too few as well".to_owned(),
            others => format!(", and {others} other files have too few as well"),
        };
        Some(format!("{file} has {images} of the {whole} images that it has in {}{others}", self.title))
    }

    /// Joins what the files held, in the order of [`needed`](Self::needed): the last is the test set's.
    pub(crate) fn assemble(
        &self,
        mut parts: Vec<Records>,
        names: Arc<[String]>,
        origin: String,
    ) -> Result<Dataset, Error> {
        let images: Vec<usize> = parts.iter().map(|part| part.labels.len()).collect();
        if let Some(told) = self.incomplete(&images) {
            tracing::warn!("{origin}: {told}; fetch it again unless you made it smaller yourself");
        }
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

    #[test]
    fn files_with_too_few_images_are_told() {
        assert_eq!(CIFAR10.incomplete(&[10_000; 6]), None);
        assert_eq!(CIFAR100_PYTHON.incomplete(&[50_000, 10_000]), None);
        let wanted = "test_batch.bin has 2000 of the 10000 images that it has in CIFAR-10 in binary form";
        assert_eq!(CIFAR10.incomplete(&[2_000]).as_deref(), Some(wanted));
        let told = CIFAR100.incomplete(&[49_999, 3]).unwrap();
        assert!(told.starts_with("train.bin has 49999 of the 50000 images"), "{told}");
        assert!(told.ends_with("one other file has too few as well"), "{told}");
        let told = CIFAR10.incomplete(&[10_000, 1, 1, 1, 10_000, 10_000]).unwrap();
        assert!(told.starts_with("data_batch_2.bin") && told.contains("2 other files"), "{told}");
    }
}
