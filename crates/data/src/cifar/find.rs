//! Where CIFAR lies in a folder or file, and in which of its forms.

use std::fs;
use std::path::{Path, PathBuf};

use super::{LAYOUTS, Layout, archive, folder};
use crate::{DataKind, Error};

/// A data set that can be read.
pub(crate) enum Place {
    /// Files in a folder.
    Folder(PathBuf, &'static Layout),
    /// An archive; of which data set, if that is known or asked for.
    Archive(PathBuf, Option<DataKind>),
    /// A folder of parquet files.
    Parquet(PathBuf, DataKind),
}

impl Place {
    /// Which data set it is. Of an archive only the names of its files are read.
    pub(crate) fn kind(&self) -> Result<DataKind, Error> {
        match self {
            Place::Folder(_, layout) => Ok(layout.kind),
            Place::Parquet(_, kind) | Place::Archive(_, Some(kind)) => Ok(*kind),
            Place::Archive(file, None) => archive::kind(file),
        }
    }

    /// The data set `kind` in a folder of `places`, in whichever form, or else in an archive.
    fn of(kind: DataKind, places: &[PathBuf]) -> Option<Self> {
        let layouts = || LAYOUTS.into_iter().filter(|layout| layout.kind == kind);
        let found = layouts().find_map(|layout| {
            let place = places.iter().find(|place| folder::holds(place, layout));
            place.map(|place| Place::Folder(place.clone(), layout))
        });
        found.or_else(|| {
            layouts().find_map(|layout| {
                let mut files = places.iter().map(|place| place.join(layout.archive));
                files.find(|file| file.is_file()).map(|file| Place::Archive(file, Some(kind)))
            })
        })
    }
}

/// The data set in `path`, `kind` if one is given; [`open_cifar`](crate::open_cifar) says where it is looked
/// for.
///
/// # Errors
/// If there is none, or several, and if `path` is a file of something else.
pub(crate) fn find(path: &Path, kind: Option<DataKind>) -> Result<Place, Error> {
    let metadata = fs::metadata(path).map_err(|cause| Error::io("open", path, cause))?;
    if metadata.is_file() { of_file(path, kind) } else { of_folder(path, kind) }
}

fn of_folder(dir: &Path, kind: Option<DataKind>) -> Result<Place, Error> {
    let places = places(dir)?;
    let wanted = DataKind::ALL.into_iter().filter(|held| kind.is_none_or(|kind| kind == *held));
    let mut found: Vec<Place> = wanted.filter_map(|kind| Place::of(kind, &places)).collect();
    let tables: Vec<&PathBuf> = places.iter().filter(|place| holds_parquet(place)).collect();
    if found.is_empty() {
        for place in &tables {
            let held = parquet_kind(place)?.filter(|held| kind.is_none_or(|kind| kind == *held));
            found.extend(held.map(|held| Place::Parquet((*place).clone(), held)));
        }
    }
    match (found.pop(), found.len()) {
        (Some(only), 0) => Ok(only),
        (Some(last), _) => {
            let kinds = found.iter().chain([&last]).map(|place| Ok(place.kind()?.name()));
            let found = kinds.collect::<Result<Vec<&str>, Error>>()?.join(", ");
            Err(Error::Ambiguous { path: dir.to_owned(), found })
        }
        (None, _) => match (tables.first(), kind) {
            (Some(table), Some(kind)) => Err(Error::bad_file(
                table.display().to_string(),
                format!("its parquet files do not have the columns and images of {kind}"),
                "they should be `img`, of 32 x 32 pixels, with `label` (CIFAR-10) or `fine_label` (CIFAR-100)",
            )),
            // Tables of images, which are for `open_files`.
            _ => Err(unrecognised(dir, kind)),
        },
    }
}

fn of_file(file: &Path, kind: Option<DataKind>) -> Result<Place, Error> {
    let name = file.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    if name.ends_with(".tar.gz") || name.ends_with(".tgz") {
        return Ok(Place::Archive(file.to_owned(), kind));
    }
    // One file of a data set stands for its folder.
    let known = LAYOUTS.into_iter().any(|layout| layout.files().any(|f| f == name));
    match file.parent() {
        Some(parent) if known || name.ends_with(".parquet") => {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            of_folder(parent, kind)
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

#[cfg(feature = "parquet")]
fn parquet_kind(dir: &Path) -> Result<Option<DataKind>, Error> {
    super::parquet::kind_of(dir)
}

/// Stands in for the reader of parquet files in a build without it.
#[cfg(not(feature = "parquet"))]
fn parquet_kind(dir: &Path) -> Result<Option<DataKind>, Error> {
    Err(Error::without_parquet(dir))
}
