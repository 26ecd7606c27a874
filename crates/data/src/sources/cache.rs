//! Where an index is kept between two starts, and whether the one that is there is still good.
//!
//! Beside the data as `.resnet-SPLIT.index`, or, where that cannot be written, in the user's cache folder under a
//! name made from the data's path. It is written whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use atomic_write_file::AtomicWriteFile;

use super::index::Stamp;
use super::{Index, Layout, index_file};
use crate::Error;

/// A file written so shortly before its index may be written again within the same tick of the file system's
/// clock; such an index is not kept. Two seconds is the coarsest clock there is.
const TICK: Duration = Duration::from_secs(2);

/// Where indexes are kept.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum IndexCache {
    /// Beside the data, else in `$XDG_CACHE_HOME/resnet`, else in `~/.cache/resnet`.
    #[default]
    Automatic,
    /// In this folder.
    Folder(PathBuf),
    /// Nowhere: made anew at each start.
    Off,
}

/// The index of one split: the kept one if it is good, else what `build` makes, which is then kept.
pub(crate) fn load_or_build(
    cache: &IndexCache,
    root: &Path,
    split: &str,
    is_fresh: impl Fn(&Index) -> bool,
    build: impl FnOnce() -> Result<Index, Error>,
) -> Result<Index, Error> {
    let places = places(cache, root, split);
    for place in &places {
        let Ok(bytes) = fs::read(place) else { continue };
        match index_file::from_bytes(&bytes, root) {
            Ok(index) if is_fresh(&index) => return Ok(index),
            Ok(_) => tracing::info!("{} has changed; its index is made anew", root.display()),
            Err(cause) => tracing::warn!("{}: {cause}; the index is made anew", place.display()),
        }
    }
    let begun = SystemTime::now();
    let index = build()?;
    let youngest = index.files.iter().chain(&index.others).map(|stamp| stamp.modified).max();
    if youngest.is_some_and(|modified| modified > nanoseconds(begun) - TICK.as_nanos() as i64) {
        tracing::debug!("{} was written just now; its index is not kept yet", root.display());
        return Ok(index);
    }
    let bytes = index_file::to_bytes(&index);
    if !places.is_empty() && !places.iter().any(|place| write(place, &bytes).is_ok()) {
        let shown: Vec<String> = places.iter().map(|place| place.display().to_string()).collect();
        tracing::warn!("the index can be written to none of {}; each start makes it anew", shown.join(", "));
    }
    Ok(index)
}

fn write(place: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = AtomicWriteFile::open(place)?;
    file.write_all(bytes)?;
    file.commit()
}

/// Where an index may be, the best place first.
fn places(cache: &IndexCache, root: &Path, split: &str) -> Vec<PathBuf> {
    let named = |folder: &Path| {
        let path = fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
        // FNV-1a; two folders that share it find each other's index stale.
        let hash = path.to_string_lossy().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
        folder.join(format!("{hash:016x}-{split}.index"))
    };
    match cache {
        IndexCache::Off => Vec::new(),
        IndexCache::Folder(folder) => vec![named(folder)],
        IndexCache::Automatic => {
            let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
            let caches = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
            let users = caches.map(|folder| named(&folder.join("resnet")));
            [root.join(format!(".resnet-{split}.index"))].into_iter().chain(users).collect()
        }
    }
}

/// A file or folder of the split in `root` as it is now.
pub(crate) fn stamp(root: &Path, path: &str) -> io::Result<Stamp> {
    let metadata = fs::metadata(root.join(path))?;
    let bytes = if metadata.is_dir() { 0 } else { metadata.len() };
    Ok(Stamp { path: path.to_owned(), bytes, modified: nanoseconds(metadata.modified()?) })
}

/// A file of the index, if it is still the one that the index was made of; else why not.
pub(crate) fn reopen(index: &Index, file: u32) -> Result<File, String> {
    let opened = File::open(index.path(file)).map_err(|cause| format!("cannot open the file: {cause}"))?;
    let then = &index.files[file as usize];
    match stamp(&index.root, &then.path) {
        Ok(now) if now == *then => Ok(opened),
        _ => Err("the file has changed since its index was made; start again".to_owned()),
    }
}

/// Whether all of `stamps` are as they were.
pub(crate) fn unchanged(root: &Path, stamps: &[Stamp]) -> bool {
    stamps.iter().all(|old| stamp(root, &old.path).is_ok_and(|new| new == *old))
}

/// Whether an index of `layout` has just these files, unchanged, in this order.
pub(crate) fn is_fresh(index: &Index, layout: Layout, files: &[String]) -> bool {
    index.layout == layout
        && index.files.iter().map(|stamp| &stamp.path).eq(files)
        && unchanged(&index.root, &index.files)
        && unchanged(&index.root, &index.others)
}

/// Since 1970; negative before, and at its bounds where a clock is out of its mind.
fn nanoseconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
    }
}
