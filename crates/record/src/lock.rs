//! The lock of a run's folder: one process at a time writes there.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use crate::Error;

/// The name of an empty file. The process that writes holds it locked; the system releases it however that
/// process ends.
pub(crate) const LOCK: &str = ".lock";

/// The lock of a folder, held until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
    is_exclusive: bool,
}

impl Lock {
    /// Whether no other process can write to the folder; a file system without locks keeps nobody out.
    pub(crate) fn is_exclusive(&self) -> bool {
        self.is_exclusive
    }
}

/// Locks the folder. On a file system without locks that is up to the user, whom a warning tells so.
pub(crate) fn lock(dir: &Path) -> Result<Lock, Error> {
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
    Ok(Lock { is_exclusive: excludes_others(tried, dir)?, _file: file })
}

/// Whether a lock that was tried keeps others out.
fn excludes_others(tried: Result<(), TryLockError>, dir: &Path) -> Result<bool, Error> {
    match tried {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Err(Error::InUse { folder: dir.to_owned() }),
        Err(TryLockError::Error(cause)) => {
            tracing::warn!(
                "{} is on a file system without locks ({cause}): see that no other process trains this run",
                dir.display()
            );
            Ok(false)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_the_system_does_not_know_keeps_nobody_out_and_stops_nobody() {
        let unsupported = std::io::Error::from(std::io::ErrorKind::Unsupported);
        let dir = Path::new("run");
        assert!(!excludes_others(Err(TryLockError::Error(unsupported)), dir).unwrap());
        assert!(excludes_others(Ok(()), dir).unwrap());
        let taken = excludes_others(Err(TryLockError::WouldBlock), dir);
        assert!(matches!(taken, Err(Error::InUse { .. })), "{taken:?}");
    }
}
