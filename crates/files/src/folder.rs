//! Folders that appear whole or not at all.

use std::fs;
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

    /// Renames the folder to its target.
    ///
    /// # Errors
    /// What the system refuses; then the folder is removed.
    pub fn finish(self) -> io::Result<()> {
        fs::rename(&self.partial, &self.target)
    }
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
