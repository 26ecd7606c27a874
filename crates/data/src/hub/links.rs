//! A folder of links to the files of a data set, which stay in the hub's cache.

use std::fs;
use std::io;
use std::path::Path;

use super::dataset::HubFiles;
use crate::{Error, new_folder};

impl HubFiles {
    /// Creates the folder `out`, whole or not at all, with a link to each file below `cached`, the folder
    /// that [`HubDataset::fetch`](crate::HubDataset::fetch) returned. Where the system makes no links, the
    /// files are copied.
    ///
    /// # Errors
    /// [`Error::Exists`] if there is something at `out`, or what the system refuses.
    pub fn link(&self, cached: &Path, out: &Path) -> Result<(), Error> {
        let folder = new_folder::begin(out)?;
        for file in &self.files {
            let (name, mut at) = (self.inner_name(file), folder.path().to_owned());
            at.extend(name.split('/'));
            link(&cached.join(name), &at).map_err(|cause| Error::write("create the link", &at, cause))?;
        }
        folder.finish().map_err(|cause| Error::write("create", out, cause))
    }
}

fn link(target: &Path, at: &Path) -> io::Result<()> {
    if let Some(parent) = at.parent() {
        fs::create_dir_all(parent)?;
    }
    // To the file itself: the snapshot's own link may go when another revision comes.
    let target = fs::canonicalize(target)?;
    symlink(&target, at).or_else(|_| fs::hard_link(&target, at)).or_else(|_| fs::copy(&target, at).map(drop))
}

#[cfg(unix)]
fn symlink(target: &Path, at: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, at)
}

/// Elsewhere a link needs rights that few have; a hard link is tried next.
#[cfg(not(unix))]
fn symlink(_target: &Path, _at: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
