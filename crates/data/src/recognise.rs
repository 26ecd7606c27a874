//! What is in a folder or file: recognised by names and the first bytes, without reading the data.

use std::path::Path;

use crate::sources::{Layout, candidates};
use crate::{DataKind, Error, cifar};

/// What a folder or file holds, and so which function opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contents {
    /// CIFAR in any of its forms, which [`open_cifar`](crate::open_cifar) reads into memory.
    Cifar(DataKind),
    /// Images that stay in files, for [`open_files`](crate::sources::open_files).
    Files(Layout),
    /// Nothing that is known here.
    Nothing {
        /// The file names looked for.
        wanted: String,
    },
    /// CIFAR-10 and CIFAR-100; [`open_cifar`](crate::open_cifar) takes the one that is asked for.
    Ambiguous {
        /// Which ones, separated by commas.
        found: String,
    },
}

/// Recognises what `path` holds. `labels` is a list that gives images their labels, if one was asked for.
///
/// # Errors
/// If `path` cannot be read, is a file of something else, or holds images in files in several ways.
///
/// ```
/// use resnet_data::{Contents, contents};
///
/// let folder = tempfile::tempdir()?;
/// std::fs::create_dir(folder.path().join("cat"))?;
/// std::fs::write(folder.path().join("cat/1.jpg"), "")?;
/// let found = contents(folder.path(), None)?;
/// assert!(matches!(found, Contents::Files(layout) if layout.name() == "class folders"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn contents(path: &Path, labels: Option<&Path>) -> Result<Contents, Error> {
    let wanted = match cifar::find::find(path, None) {
        Ok(place) => return Ok(Contents::Cifar(place.kind()?)),
        Err(Error::Ambiguous { found, .. }) => return Ok(Contents::Ambiguous { found }),
        Err(Error::Unrecognised { wanted, .. }) => wanted,
        Err(other) => return Err(other),
    };
    match layout_of(path, labels) {
        Ok(layout) => Ok(Contents::Files(layout)),
        Err(Error::Unrecognised { wanted: also, .. }) => {
            Ok(Contents::Nothing { wanted: format!("{wanted}; {also}") })
        }
        Err(other) => Err(other),
    }
}

/// How the images in files lie that [`open_files`](crate::sources::open_files) finds in `path`, even where
/// they are CIFAR's too, as parquet files may be.
///
/// # Errors
/// If there are none, or they lie there in several ways, or `path` cannot be read.
pub fn layout_of(path: &Path, labels: Option<&Path>) -> Result<Layout, Error> {
    Ok(candidates::only(path, candidates::find(path, labels)?)?.layout)
}
