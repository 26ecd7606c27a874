//! The folder that a copy of a data set or a folder of links is written into.

use std::io;
use std::path::Path;

use resnet_files::NewFolder;

use crate::Error;

/// Begins the folder `out`. What killed processes have left of it is removed, and told if it took space.
///
/// # Errors
/// [`Error::Exists`] if there is something at `out`, or what the system refuses.
pub(crate) fn begin(out: &Path) -> Result<NewFolder, Error> {
    let folder = NewFolder::begin(out).map_err(|cause| match cause.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists { path: out.to_owned() },
        _ => Error::write("create", out, cause),
    })?;
    if folder.removed() > 0 {
        let megabytes = folder.removed().div_ceil(1_000_000);
        tracing::warn!("{megabytes} MB that a killed process had left of {} are removed", out.display());
    }
    Ok(folder)
}
