//! The lock of a run's folder: one process at a time writes there.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use crate::Error;

/// The name of an empty file. The process that writes holds it locked; the system releases it however that
/// process ends.
pub(crate) const LOCK: &str = ".lock";

/// Locks the folder until the file is dropped.
pub(crate) fn lock(dir: &Path) -> Result<File, Error> {
    let path = dir.join(LOCK);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(Error::io("write", &path))?;
    // Whoever lists runs holds a lock for an instant.
    let mut tried = file.try_lock();
    for _ in 0..20 {
        if !matches!(tried, Err(TryLockError::WouldBlock)) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
        tried = file.try_lock();
    }
    match tried {
        Err(TryLockError::WouldBlock) => Err(Error::InUse { folder: dir.to_owned() }),
        // A file system without locks: then it is up to the user, as it is for most programs.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}
