//! Folders that appear whole or not at all.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// A folder that is being filled under another name, beside the place where it will stand.
///
/// Dropping it without [`finish`](Self::finish) removes it with all that is in it. What a killed process has
/// left is removed by the next one that begins a folder for the same place; each holds a lock on its own, by
/// which it is told whether it is still at work. Where the system locks no folders, nothing is removed.
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
    /// Held until the folder is finished or removed.
    _lock: Option<File>,
    /// How many bytes of other processes were removed.
    removed: u64,
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
        let start = format!(".{}.partial-", name.to_string_lossy());
        let removed = remove_left(target, &start);
        let mut number = 0u64;
        loop {
            let partial = target.with_file_name(format!("{start}{}-{number}", std::process::id()));
            number += 1;
            match fs::create_dir(&partial) {
                // A process with the same id has it, as may be in two containers.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                made => made?,
            }
            let lock = match lock(&partial) {
                Lock::Held(file) => Some(file),
                Lock::Impossible => None,
                Lock::Others => continue,
            };
            // Another process may have taken it for left before it was locked.
            if partial.is_dir() {
                return Ok(NewFolder { target: target.to_owned(), partial, _lock: lock, removed });
            }
        }
    }

    /// How many bytes were removed that killed processes had left of it.
    pub fn removed(&self) -> u64 {
        self.removed
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

/// Whether a folder is locked.
enum Lock {
    /// By this process, now.
    Held(File),
    /// By a process that is at work in it.
    Others,
    /// It cannot be: there is none, or this system has no such locks.
    Impossible,
}

fn lock(folder: &Path) -> Lock {
    let Ok(file) = File::open(folder) else { return Lock::Impossible };
    match file.try_lock() {
        Ok(()) => Lock::Held(file),
        Err(TryLockError::WouldBlock) => Lock::Others,
        Err(TryLockError::Error(_)) => Lock::Impossible,
    }
}

/// Removes the folders beside `target` whose names are `start`, a process id and a number, and that no
/// process is at work in. Returns how many bytes they took.
fn remove_left(target: &Path, start: &str) -> u64 {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let above = target.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut removed = 0;
    for entry in fs::read_dir(above).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let numbers = name.to_str().and_then(|name| name.strip_prefix(start)?.split_once('-'));
        let is_one = numbers.is_some_and(|(process, number)| is_number(process) && is_number(number));
        let folder = entry.path();
        if is_one
            && entry.file_type().is_ok_and(|kind| kind.is_dir())
            && let Lock::Held(_lock) = lock(&folder)
        {
            let bytes = bytes_in(&folder);
            removed += if fs::remove_dir_all(&folder).is_ok() { bytes } else { 0 };
        }
    }
    removed
}

/// How many bytes the files in a folder and in the folders below it have.
fn bytes_in(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let bytes = entries.map(|entry| match entry.metadata() {
        Ok(there) if there.is_dir() => bytes_in(&entry.path()),
        there => there.map_or(0, |there| there.len()),
    });
    bytes.sum()
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
    fn two_that_fill_the_same_folder_do_not_meet() {
        let here = tempfile::tempdir().unwrap();
        let target = here.path().join("data");
        let other = NewFolder::begin(&target).unwrap();
        fs::write(other.path().join("old"), "1").unwrap();
        let folder = NewFolder::begin(&target).unwrap();
        assert!(folder.path() != other.path() && fs::read_dir(folder.path()).unwrap().next().is_none());
        assert_eq!((folder.removed(), fs::read(other.path().join("old")).unwrap()), (0, b"1".to_vec()));
        folder.finish().unwrap();
        assert!(!target.join("old").exists());
    }

    #[cfg(unix)]
    #[test]
    fn what_a_killed_process_has_left_is_removed() {
        let here = tempfile::tempdir().unwrap();
        let left = here.path().join(".data.partial-123-0");
        fs::create_dir_all(left.join("train/cat")).unwrap();
        fs::write(left.join("train/cat/0.jpg"), "12345").unwrap();
        let others = [".data.partial-123", ".data.partial-x-0", ".other.partial-123-0"];
        others.iter().for_each(|other| fs::create_dir(here.path().join(other)).unwrap());
        let folder = NewFolder::begin(&here.path().join("data")).unwrap();
        assert_eq!((folder.removed(), left.exists()), (5, false));
        assert!(others.iter().all(|other| here.path().join(other).is_dir()));
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
