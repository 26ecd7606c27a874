//! Files that a crash cannot tear: written whole, or left as they were; and files of others, read only as far
//! as is sensible.
//!
//! Checkpoints, records of runs, the hub's cache, indexes of data sets and heat maps are all written this
//! way. This crate lies below all crates that read or write files, and knows no file format.
//!
//! ```
//! use std::io::Write as _;
//!
//! # fn main() -> std::io::Result<()> {
//! # let folder = tempfile::tempdir()?;
//! let file = folder.path().join("record.json");
//! resnet_files::write_whole(&file, |out| out.write_all(b"{}"))?;
//! assert_eq!(std::fs::read(&file)?, b"{}");
//! # Ok(())
//! # }
//! ```
//!
//! | file | |
//! |---|---|
//! | `lib.rs` | [`write_whole`], [`may_replace`], [`link_or_copy`] |
//! | `folder.rs` | [`NewFolder`] |
//! | `bounded.rs` | [`read_at_most`] |
//! | `cache.rs` | [`user_cache`], [`write_cached`] |

mod bounded;
mod cache;
mod folder;

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use atomic_write_file::AtomicWriteFile;

pub use bounded::read_at_most;
pub use cache::{user_cache, write_cached};
pub use folder::NewFolder;

/// How many links in a row are followed, as Linux has it.
const MAX_LINKS: usize = 40;

/// Writes a file whole or not at all: `fill` writes to a temporary file in the same folder, which is synced
/// to the disk and then renamed to `path`. Returns what `fill` returns.
///
/// A link stays a link: the file that it leads to is written, even if it does not exist yet. A device or a
/// pipe, which no file can replace, is written to directly.
///
/// # Errors
/// The error of `fill`, or what the system refuses. A file at `path` is then as it was, and no temporary file
/// is left.
pub fn write_whole<T, E: From<io::Error>>(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> Result<T, E>,
) -> Result<T, E> {
    let there = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        there => Some(there?),
    };
    match there {
        // The rename would fail and leave its temporary file.
        Some(there) if there.is_dir() => Err(io::Error::from(io::ErrorKind::IsADirectory).into()),
        Some(there) if !there.is_file() => {
            let mut out = BufWriter::new(OpenOptions::new().write(true).open(path)?);
            let filled = fill(&mut out)?;
            out.flush()?;
            Ok(filled)
        }
        _ => {
            let mut out = BufWriter::new(AtomicWriteFile::open(followed(path))?);
            let filled = fill(&mut out)?;
            out.into_inner().map_err(io::IntoInnerError::into_error)?.commit()?;
            Ok(filled)
        }
    }
}

/// The file that `path` names: if that is a link, the one that it leads to.
fn followed(path: &Path) -> PathBuf {
    let mut file = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(next) = fs::read_link(&file) else { break };
        file = file.parent().unwrap_or(Path::new("")).join(next);
    }
    file
}

/// Whether a program that replaces only files of its own may write to `path`: nothing is there, a file that
/// `is_ours`, or a device or a pipe, which loses nothing. `what` is the kind of its own files, for the
/// message.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if another file, a folder or a link to nowhere is there.
pub fn may_replace(path: &Path, what: &str, is_ours: impl FnOnce(File) -> bool) -> io::Result<()> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    let may = match fs::metadata(path) {
        Ok(there) if there.is_file() => File::open(path).is_ok_and(is_ours),
        Ok(there) => !there.is_dir(),
        // A link to nowhere is somebody's as well.
        Err(_) => false,
    };
    if may {
        return Ok(());
    }
    let cause = format!("it exists already and is no {what}; name another file, or remove this one");
    Err(io::Error::new(io::ErrorKind::AlreadyExists, cause))
}

/// Makes `new` a hard link to the file at `old`, or a copy if a link cannot be made. Removing or replacing
/// `old` does not change `new`. If there is a file at `new` already, it is left alone.
///
/// # Errors
/// What the system refuses. There is then no file at `new`, or the one that was there.
pub fn link_or_copy(old: &Path, new: &Path) -> io::Result<()> {
    // The file and not a link to it, through which it would change.
    match fs::hard_link(followed(old), new) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(_) => write_whole(new, |out| io::copy(&mut fs::File::open(old)?, out).map(|_| ())),
        Ok(()) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_name_stays_when_the_first_gets_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let (last, kept) = (folder.path().join("last"), folder.path().join("kept"));
        std::fs::write(&last, "1").unwrap();
        link_or_copy(&last, &kept).unwrap();
        write_whole(&last, |out| out.write_all(b"2")).unwrap();
        link_or_copy(&last, &kept).unwrap();
        assert_eq!(std::fs::read(&kept).unwrap(), b"1");
        assert!(link_or_copy(&folder.path().join("absent"), &folder.path().join("new")).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_fails_half_way_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        write_whole(&file, |out| out.write_all(b"old")).unwrap();
        let failed: io::Result<()> = write_whole(&file, |out| {
            out.write_all(&[1; 100_000])?;
            Err(io::Error::other("no more"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "no more");
        assert_eq!(std::fs::read(&file).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn links_stay_links_and_devices_devices() {
        use std::os::unix::fs::{FileTypeExt as _, symlink};
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("inner")).unwrap();
        symlink("inner/file", at("link")).unwrap();
        symlink(at("link"), at("outer")).unwrap();
        for text in ["new", "other"] {
            write_whole(&at("outer"), |out| out.write_all(text.as_bytes())).unwrap();
            assert_eq!(std::fs::read_to_string(at("inner/file")).unwrap(), text);
            assert!(at("outer").is_symlink() && at("link").is_symlink());
        }
        assert_eq!(std::fs::read_dir(at("inner")).unwrap().count(), 1);
        link_or_copy(&at("outer"), &at("kept")).unwrap();
        write_whole(&at("outer"), |out| out.write_all(b"last")).unwrap();
        assert_eq!(std::fs::read_to_string(at("kept")).unwrap(), "other");
        symlink("round", at("round")).unwrap();
        assert!(write_whole(&at("round"), |out| out.write_all(b"x")).is_err());
        assert!(at("round").is_symlink());

        symlink("/dev/null", at("null")).unwrap();
        for path in [Path::new("/dev/null"), &at("null")] {
            write_whole(path, |out| out.write_all(b"x")).unwrap();
        }
        assert!(std::fs::metadata("/dev/null").unwrap().file_type().is_char_device());
        assert!(at("null").is_symlink());
    }

    #[cfg(unix)]
    #[test]
    fn only_files_of_our_own_may_be_replaced() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("ours"), "ours").unwrap();
        std::fs::write(at("mine"), "mine").unwrap();
        symlink(at("ours"), at("to ours")).unwrap();
        symlink(at("mine"), at("to mine")).unwrap();
        symlink(at("absent"), at("to nowhere")).unwrap();
        symlink("/dev/null", at("to null")).unwrap();
        let may = |path: &Path| {
            may_replace(path, "list", |file| io::read_to_string(file).is_ok_and(|text| text == "ours"))
        };
        assert!(["new", "ours", "to ours", "to null"].iter().all(|name| may(&at(name)).is_ok()));
        for name in ["mine", "to mine", "to nowhere", "."] {
            let refused = may(&at(name)).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists, "{name}");
            assert!(refused.to_string().contains("is no list; name another file"), "{refused}");
        }
    }

    #[test]
    fn a_folder_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a");
        std::fs::create_dir(&inner).unwrap();
        let refused = write_whole(&inner, |out| out.write_all(b"x")).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::IsADirectory);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
