//! `open_cifar` and `open_cifar_test`: CIFAR-10 and CIFAR-100 read from a folder or file into memory.

use std::path::Path;

use crate::cifar::find::Place;
use crate::cifar::{self, Needed};
use crate::{DataKind, Dataset, Error};

/// Reads CIFAR-10 or CIFAR-100 in `dir` into memory, recognised by the files it holds. Class folders, shards
/// and tables are opened by [`open_files`](crate::sources::open_files); [`contents`](crate::contents) tells
/// which.
///
/// `dir` is the folder of the files, its parent, or a file:
/// - binary CIFAR: `data_batch_1.bin` ... `data_batch_5.bin`, `test_batch.bin`, or `train.bin`, `test.bin`;
/// - CIFAR for Python, as torchvision has it: `data_batch_1` ... `test_batch`, or `train`, `test`; the
///   pickles are read as data, and nothing of them is run;
/// - the official archives of those, such as `cifar-10-binary.tar.gz` and `cifar-100-python.tar.gz`, or any
///   `.tar.gz` or `.tgz` with such files inside, given by its own path;
/// - Hugging Face's parquet files, `train-*.parquet` and `test-*.parquet` (feature `parquet`).
///
/// If there are several of these, a folder of files is preferred to an archive, and an archive to parquet
/// files. `kind` says which data set is meant if there could be two; `None` takes what there is.
///
/// # Errors
/// If nothing is recognised, if two data sets are there and `kind` is `None`, if a file is missing, cut short
/// or corrupt, or if a label is out of range.
///
/// ```no_run
/// let data = resnet_data::open_cifar("cifar-10-batches-bin", None)?;
/// assert_eq!((data.name.as_str(), data.train.len(), data.test.len()), ("cifar10", 50_000, 10_000));
/// # Ok::<(), resnet_data::Error>(())
/// ```
pub fn open_cifar(dir: impl AsRef<Path>, kind: Option<DataKind>) -> Result<Dataset, Error> {
    open(dir.as_ref(), kind, Needed::All)
}

/// Reads only the test images of CIFAR-10 or CIFAR-100 in `dir`; the files of training images may be missing.
/// `train` of the result is empty.
///
/// # Errors
/// As [`open_cifar`], except for missing or damaged files of training images.
///
/// ```no_run
/// let data = resnet_data::open_cifar_test("cifar-10-batches-py/test_batch", None)?;
/// assert_eq!((data.train.len(), data.test.len()), (0, 10_000));
/// # Ok::<(), resnet_data::Error>(())
/// ```
pub fn open_cifar_test(dir: impl AsRef<Path>, kind: Option<DataKind>) -> Result<Dataset, Error> {
    open(dir.as_ref(), kind, Needed::Test)
}

fn open(dir: &Path, kind: Option<DataKind>, needed: Needed) -> Result<Dataset, Error> {
    if kind == Some(DataKind::Generated) {
        return Err(Error::Invalid(format!(
            "the generated data set is not read from files; leave out the folder {}",
            dir.display()
        )));
    }
    match cifar::find::find(dir, kind)? {
        Place::Folder(place, layout) => cifar::folder::read(&place, layout, needed),
        Place::Archive(file, kind) => cifar::archive::read(&file, kind, needed),
        Place::Parquet(place, held) => read_parquet(&place, held, needed),
    }
}

#[cfg(feature = "parquet")]
use crate::cifar::parquet::read_dir as read_parquet;

/// Stands in for the reader of parquet files in a build without it.
#[cfg(not(feature = "parquet"))]
fn read_parquet(dir: &Path, _kind: DataKind, _needed: Needed) -> Result<Dataset, Error> {
    Err(Error::without_parquet(dir))
}
