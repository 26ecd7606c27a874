//! Folders that appear whole or not at all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// A folder that is being filled under another name, beside the place where it will stand.
///
/// Dropping it without [`finish`](Self::finish) removes it with all that is in it.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # let here = tempfile::tempdir()?;
/// let target = here.path().join("data");
/// let folder = resnet_files::NewFolder::begin(&target)?;
/// std::fs::write(folder.path().join("a"), "1")?;
/// assert!(!target.exists());
/// folder.finish()?;
/// assert_eq!(std::fs::read(target.join("a"))?, b"1");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct NewFolder {
    target: PathBuf,
    partial: PathBuf,
}

impl NewFolder {
    /// Creates the folder that [`finish`](Self::finish) will rename to `target`, and the folders above it.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if there is something at `target`, be it a link to nowhere,
    /// [`io::ErrorKind::InvalidFilename`] if it ends in no name, or whatever the system refuses.
    pub fn begin(target: &Path) -> io::Result<Self> {
        // A link to nowhere is something too.
        if target.symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let name = target.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        if let Some(above) = target.parent() {
            fs::create_dir_all(above)?;
        }
        let mut number = 0u64;
        loop {
            let partial = format!(".{}.partial-{}-{number}", name.to_string_lossy(), std::process::id());
            let partial = target.with_file_name(partial);
            match fs::create_dir(&partial) {
                // A killed process with the same id has left it; in containers process ids come again.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                made => return made.map(|()| NewFolder { target: target.to_owned(), partial }),
            }
        }
    }

    /// Where its files are written until it is finished.
    pub fn path(&self) -> &Path {
        &self.partial
    }

    /// Forces all files of the folder onto the disk, and renames it to its target: what stands there is whole
    /// after a power cut too.
    ///
    /// # Errors
    /// What the system refuses; then the folder is removed.
    pub fn finish(self) -> io::Result<()> {
        sync_all(&self.partial)?;
        fs::rename(&self.partial, &self.target)?;
        // It stands there whole. If its name cannot be forced onto the disk, that is no reason to call it a
        // failure.
        let _ = self.target.parent().map_or(Ok(()), sync_folder);
        Ok(())
    }
}

/// Forces all files in `folder` and in the folders below it onto the disk; links are left alone. Most were
/// written a while ago, and then this costs little, where one call after each file would cost much.
fn sync_all(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()? {
            kind if kind.is_dir() => sync_all(&entry.path())?,
            // Elsewhere a file would have to be open for writing.
            kind if kind.is_file() && cfg!(unix) => File::open(entry.path())?.sync_all()?,
            _ => {}
        }
    }
    sync_folder(folder)
}

/// Forces the names in a folder onto the disk, where the system can.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder)?.sync_all()
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        // Gone if it was finished. If it cannot be removed, it only takes space.
        let _ = fs::remove_dir_all(&self.partial);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_given_up_leaves_nothing() {
        let here = tempfile::tempdir().unwrap();
        let target = here.path().join("deep/data");
        let folder = NewFolder::begin(&target).unwrap();
        fs::write(folder.path().join("a"), "1").unwrap();
        drop(folder);
        assert_eq!(fs::read_dir(here.path().join("deep")).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_is_finished_whole_with_the_folders_and_links_in_it() {
        let here = tempfile::tempdir().unwrap();
        let target = here.path().join("data");
        let folder = NewFolder::begin(&target).unwrap();
        fs::create_dir_all(folder.path().join("train/cat/empty")).unwrap();
        fs::write(folder.path().join("train/cat/0.jpg"), "1").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink("nowhere", folder.path().join("train/link")).unwrap();
        folder.finish().unwrap();
        assert_eq!(fs::read(target.join("train/cat/0.jpg")).unwrap(), b"1");
        assert!(target.join("train/cat/empty").is_dir());
        assert_eq!(fs::read_dir(here.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_process_has_left_gets_into_no_other() {
        let here = tempfile::tempdir().unwrap();
        let target = here.path().join("data");
        let left = NewFolder::begin(&target).unwrap();
        fs::write(left.path().join("old"), "1").unwrap();
        let folder = NewFolder::begin(&target).unwrap();
        assert!(folder.path() != left.path() && fs::read_dir(folder.path()).unwrap().next().is_none());
        folder.finish().unwrap();
        assert!(!target.join("old").exists());
    }

    #[test]
    fn what_is_there_is_not_replaced() {
        let here = tempfile::tempdir().unwrap();
        let refused = NewFolder::begin(here.path()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        let nameless = NewFolder::begin(&here.path().join("no/..")).unwrap_err();
        assert_eq!(nameless.kind(), io::ErrorKind::InvalidFilename);
        assert_eq!(fs::read_dir(here.path()).unwrap().count(), 0);
        #[cfg(unix)]
        {
            let link = here.path().join("link");
            std::os::unix::fs::symlink("nowhere", &link).unwrap();
            let refused = NewFolder::begin(&link).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        }
    }
}
