//! `open_dir`: finds out which data set a folder or file holds, and reads it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cifar::{self, LAYOUTS, Layout, Needed};
#[cfg(feature = "parquet")]
use crate::parquet_files::{kind_of as parquet_kind, read_dir as read_parquet};
use crate::{DataKind, Dataset, Error};

/// Opens the data set in `dir`, recognised by the files it holds.
///
/// `dir` is the folder of the files, its parent, or a file:
/// - binary CIFAR: `data_batch_1.bin` ... `data_batch_5.bin`, `test_batch.bin`, or `train.bin`, `test.bin`;
/// - CIFAR for Python, as torchvision has it: `data_batch_1` ... `test_batch`, or `train`, `test`; the
///   pickles are read as data, and nothing of them is run;
/// - the official archives of those, such as `cifar-10-binary.tar.gz` and `cifar-100-python.tar.gz`, or any
///   `.tar.gz` or `.tgz` with such files inside, given by its own path;
/// - Hugging Face's parquet files, `train-*.parquet` and `test-*.parquet` (feature `parquet`).
///
/// In this order: a folder of files is preferred to an archive, and that to parquet files. `kind` says which
/// data set is meant where there could be two; `None` takes what there is.
///
/// # Errors
/// If nothing is recognised, if two data sets are there and `kind` is `None`, if a file is missing, cut short
/// or corrupt, or if a label is out of range.
///
/// ```no_run
/// let data = resnet_data::open_dir("cifar-10-batches-bin".as_ref(), None)?;
/// assert_eq!((data.name.as_str(), data.train.len(), data.test.len()), ("cifar10", 50_000, 10_000));
/// # Ok::<(), resnet_data::Error>(())
/// ```
pub fn open_dir(dir: &Path, kind: Option<DataKind>) -> Result<Dataset, Error> {
    open(dir, kind, Needed::All)
}

/// Opens the test images alone of the data set in `dir`, which need no others beside them; `train` of the
/// result is empty.
///
/// # Errors
/// As [`open_dir`], but for files of training images.
///
/// ```no_run
/// let data = resnet_data::open_test("cifar-10-batches-py/test_batch".as_ref(), None)?;
/// assert_eq!((data.train.len(), data.test.len()), (0, 10_000));
/// # Ok::<(), resnet_data::Error>(())
/// ```
pub fn open_test(dir: &Path, kind: Option<DataKind>) -> Result<Dataset, Error> {
    open(dir, kind, Needed::Test)
}

fn open(dir: &Path, kind: Option<DataKind>, needed: Needed) -> Result<Dataset, Error> {
    if kind == Some(DataKind::Generated) {
        return Err(Error::Invalid(format!(
            "the generated data set is drawn, not read; leave out the folder {}",
            dir.display()
        )));
    }
    let metadata = fs::metadata(dir).map_err(|cause| Error::io("open", dir, cause))?;
    if metadata.is_file() {
        return open_file(dir, kind, needed);
    }
    let places = places(dir)?;
    let wanted = DataKind::ALL.into_iter().filter(|held| kind.is_none_or(|kind| kind == *held));
    let mut found: Vec<Source> = wanted.filter_map(|kind| Source::find(kind, &places)).collect();
    let tables: Vec<&PathBuf> = places.iter().filter(|place| holds_parquet(place)).collect();
    if found.is_empty() {
        for place in &tables {
            let held = parquet_kind(place)?.filter(|held| kind.is_none_or(|kind| kind == *held));
            found.extend(held.map(|held| Source::Parquet((*place).clone(), held)));
        }
    }
    match &found[..] {
        [Source::Folder(place, layout)] => cifar::folder::read(place, layout, needed),
        [Source::Archive(file, layout)] => cifar::archive::read(file, Some(layout.kind), needed),
        [Source::Parquet(place, held)] => read_parquet(place, *held, needed),
        [] => match (tables.first(), kind) {
            (Some(table), Some(kind)) => Err(Error::bad_file(
                table.display().to_string(),
                format!("its parquet files have not the columns of {kind}"),
                "they should be `img` with `label` (CIFAR-10) or `fine_label` (CIFAR-100)",
            )),
            // Tables of images, which are for `open_files`.
            _ => Err(unrecognised(dir, kind)),
        },
        several => {
            let found: Vec<&str> = several.iter().map(Source::name).collect();
            Err(Error::Ambiguous { path: dir.to_owned(), found: found.join(", ") })
        }
    }
}

/// Something that can be read.
enum Source {
    Folder(PathBuf, &'static Layout),
    Archive(PathBuf, &'static Layout),
    Parquet(PathBuf, DataKind),
}

impl Source {
    /// The data set `kind` in a folder of `places`, in whichever form, or else in an archive.
    fn find(kind: DataKind, places: &[PathBuf]) -> Option<Self> {
        let layouts = || LAYOUTS.into_iter().filter(|layout| layout.kind == kind);
        let folder = layouts().find_map(|layout| {
            let place = places.iter().find(|place| cifar::folder::holds(place, layout));
            place.map(|place| Source::Folder(place.clone(), layout))
        });
        folder.or_else(|| {
            layouts().find_map(|layout| {
                let mut files = places.iter().map(|place| place.join(layout.archive));
                files.find(|file| file.is_file()).map(|file| Source::Archive(file, layout))
            })
        })
    }

    fn name(&self) -> &'static str {
        match self {
            Source::Folder(_, layout) | Source::Archive(_, layout) => layout.kind.name(),
            Source::Parquet(_, kind) => kind.name(),
        }
    }
}

fn open_file(file: &Path, kind: Option<DataKind>, needed: Needed) -> Result<Dataset, Error> {
    let name = file.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    if name.ends_with(".tar.gz") || name.ends_with(".tgz") {
        return cifar::archive::read(file, kind, needed);
    }
    // One file of a data set stands for its folder.
    let known = LAYOUTS.into_iter().any(|layout| layout.files().any(|f| f == name));
    match file.parent() {
        Some(parent) if known || name.ends_with(".parquet") => {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            open(parent, kind, needed)
        }
        // Images in files, which are for `open_files`.
        _ if name.ends_with(".tar") || name.ends_with(".pack") => Err(unrecognised(file, kind)),
        _ => Err(Error::bad_file(
            file.display().to_string(),
            "it is neither a .tar.gz nor a file of a known data set",
            "give the folder of the data, or the official archive",
        )),
    }
}

/// `dir`, then the folders in it: the official names first, the others in order of name.
fn places(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut inner = Vec::new();
    for entry in fs::read_dir(dir).map_err(|cause| Error::io("list", dir, cause))? {
        let path = entry.map_err(|cause| Error::io("list", dir, cause))?.path();
        if path.is_dir() {
            inner.push(path);
        }
    }
    let official = |path: &PathBuf| LAYOUTS.into_iter().any(|layout| path.ends_with(layout.folder));
    inner.sort_by_key(|path| (!official(path), path.clone()));
    Ok(std::iter::once(dir.to_owned()).chain(inner).collect())
}

fn unrecognised(dir: &Path, kind: Option<DataKind>) -> Error {
    let wanted = LAYOUTS.into_iter().filter(|layout| kind.is_none_or(|kind| kind == layout.kind));
    let mut names: Vec<String> = wanted
        .flat_map(|layout| [format!("{}, {}", layout.train[0], layout.test), layout.archive.to_owned()])
        .collect();
    names.push("train-*.parquet, test-*.parquet".to_owned());
    Error::Unrecognised { path: dir.to_owned(), wanted: names.join("; ") }
}

/// Whether `dir` has a file called `train-*.parquet` or `test-*.parquet`.
fn holds_parquet(dir: &Path) -> bool {
    let Ok(entries) = fs::read_dir(dir) else { return false };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        (name.starts_with("train-") || name.starts_with("test-")) && name.ends_with(".parquet")
    })
}

/// Stands in for the reader of parquet files in a build without it.
#[cfg(not(feature = "parquet"))]
fn parquet_kind(dir: &Path) -> Result<Option<DataKind>, Error> {
    let wanted = format!("reading the parquet files in {}", dir.display());
    Err(Error::FeatureOff { wanted, feature: "parquet" })
}

#[cfg(not(feature = "parquet"))]
fn read_parquet(dir: &Path, _kind: DataKind, _needed: Needed) -> Result<Dataset, Error> {
    parquet_kind(dir).and(Err(Error::Invalid("unreachable without the feature `parquet`".to_owned())))
}
