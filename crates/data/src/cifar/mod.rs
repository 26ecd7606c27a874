//! CIFAR-10 and CIFAR-100 in the binary layout of their authors: what the files are called and hold.
//!
//! A record is one label byte (CIFAR-100: a coarse, then a fine one) and 3072 bytes of pixels, planar RGB,
//! 32 rows of 32. `folder` reads the files from a folder, `archive` from a `.tar.gz`.

pub(crate) mod archive;
pub(crate) mod folder;
pub mod names;
pub(crate) mod records;

use std::path::Path;
use std::sync::Arc;

use self::records::Records;
use crate::{DataKind, Dataset, Error, HeldOut, ImageSet};

/// Height and width of a CIFAR image.
pub(crate) const SIDE: usize = 32;
/// Bytes of a CIFAR image.
pub(crate) const PIXELS: usize = 3 * SIDE * SIDE;

/// One of the two binary layouts.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) kind: DataKind,
    /// For messages.
    pub(crate) title: &'static str,
    pub(crate) train: &'static [&'static str],
    pub(crate) test: &'static str,
    /// The file of class names, one a line; it may be absent.
    pub(crate) names: &'static str,
    /// Bytes before the pixels; the last of them is the label.
    pub(crate) label_bytes: usize,
    pub(crate) default_names: fn() -> Arc<[String]>,
    /// What the official archive unpacks to.
    pub(crate) folder: &'static str,
    /// The official archive.
    pub(crate) archive: &'static str,
    /// A file name by which the same data in Python's pickle format is told.
    pub(crate) pickled: &'static [&'static str],
}

/// CIFAR-10's files.
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
    label_bytes: 1,
    default_names: names::cifar10,
    folder: "cifar-10-batches-bin",
    archive: "cifar-10-binary.tar.gz",
    pickled: &["data_batch_1", "cifar-10-python.tar.gz"],
};

/// CIFAR-100's files.
pub(crate) static CIFAR100: Layout = Layout {
    kind: DataKind::Cifar100,
    title: "CIFAR-100 in binary form",
    train: &["train.bin"],
    test: "test.bin",
    names: "fine_label_names.txt",
    label_bytes: 2,
    default_names: names::cifar100,
    folder: "cifar-100-binary",
    archive: "cifar-100-binary.tar.gz",
    pickled: &["cifar-100-python.tar.gz"],
};

/// Both layouts.
pub(crate) static LAYOUTS: [&Layout; 2] = [&CIFAR10, &CIFAR100];

impl Layout {
    /// Bytes of one record.
    pub(crate) fn record_bytes(&self) -> usize {
        self.label_bytes + PIXELS
    }

    /// The names of all files with records, training first.
    pub(crate) fn files(&self) -> impl Iterator<Item = &'static str> {
        self.train.iter().copied().chain([self.test])
    }

    pub(crate) fn missing(&self, path: &Path, file: &str) -> Error {
        Error::MissingFile {
            path: path.to_owned(),
            missing: file.to_owned(),
            layout: self.title,
            mend: format!("unpack {} again, or give --data that archive itself", self.archive),
        }
    }

    /// Reads the text of a file of names; a file that does not fit is an error, not a reason to guess.
    pub(crate) fn parse_names(&self, file: &str, text: &str) -> Result<Arc<[String]>, Error> {
        let expected = (self.default_names)().len();
        let names: Arc<[String]> =
            text.lines().map(str::trim).filter(|line| !line.is_empty()).map(String::from).collect();
        if names.len() == expected {
            return Ok(names);
        }
        let cause = format!("it has {} class names where {} has {expected}", names.len(), self.kind);
        Err(Error::bad_file(file, cause, "delete it to use the known names, or fetch it again"))
    }

    /// Joins what the files held, in the order of [`files`](Self::files).
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
            train: train.into_set(Arc::clone(&names))?,
            test: HeldOut::new(test.into_set(names)?),
            origin,
        })
    }
}

impl Records {
    fn into_set(self, names: Arc<[String]>) -> Result<ImageSet, Error> {
        ImageSet::new(self.pixels, self.labels, SIDE, SIDE, names)
    }
}
