//! Where an index is kept between two starts, and whether the one that is there is still good.
//!
//! Beside the data as `.resnet-SPLIT.index`, or, where that cannot be written, in the user's cache folder
//! under a name made from the data's path. It is written whole or not at all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::index::Stamp;
use super::{Index, Layout, index_file};
use crate::Error;
use resnet_formats::names::name_of;

/// A file written so shortly before its index may be written again within the same tick of the file system's
/// clock; such an index is not kept. Two seconds is the coarsest clock there is.
const TICK: Duration = Duration::from_secs(2);
/// The largest index that is read: it lies beside data that may be anybody's. One of 14 million images takes
/// a fifth of that.
const MAX_BYTES: u64 = 1 << 32;

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
    at_places(&places(cache, root, split), root, is_fresh, build)
}

fn at_places(
    places: &[PathBuf],
    root: &Path,
    is_fresh: impl Fn(&Index) -> bool,
    build: impl FnOnce() -> Result<Index, Error>,
) -> Result<Index, Error> {
    for place in places {
        match kept(place, root, MAX_BYTES) {
            Some(Ok(index)) if is_fresh(&index) => return Ok(index),
            Some(Ok(_)) => tracing::info!("{} has changed; its index is made anew", root.display()),
            Some(Err(cause)) => tracing::warn!("{}: {cause}; the index is made anew", place.display()),
            None => {}
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
    if !places.is_empty() && !places.iter().any(|place| resnet_files::write_cached(place, &bytes).is_ok()) {
        let shown: Vec<String> = places.iter().map(|place| place.display().to_string()).collect();
        tracing::warn!("the index can be written to none of {}; each start makes it anew", shown.join(", "));
    }
    Ok(index)
}

/// The index of the split in `root` that is kept at `place`, or what is wrong with it; `None` if there is
/// none.
fn kept(place: &Path, root: &Path, most: u64) -> Option<Result<Index, &'static str>> {
    // A link may lead to a device, which may never end.
    if !place.is_file() {
        return None;
    }
    let bytes = resnet_files::read_at_most(place, most).ok()?;
    Some(bytes.ok_or("it is larger than any index").and_then(|bytes| index_file::from_bytes(&bytes, root)))
}

/// Where an index may be, the best place first.
fn places(cache: &IndexCache, root: &Path, split: &str) -> Vec<PathBuf> {
    let named = |folder: &Path| {
        let path = fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
        // FNV-1a. Two folders with the same hash share an index file, and each finds the other's index stale.
        let hash = path.to_string_lossy().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
        folder.join(format!("{hash:016x}-{split}.index"))
    };
    match cache {
        IndexCache::Off => Vec::new(),
        IndexCache::Folder(folder) => vec![named(folder)],
        IndexCache::Automatic => {
            let users = resnet_files::user_cache().map(|folder| named(&folder));
            [root.join(format!(".resnet-{split}.index"))].into_iter().chain(users).collect()
        }
    }
}

/// A file or folder of the split in `root` as it is now.
pub(crate) fn stamp(root: &Path, path: &str) -> io::Result<Stamp> {
    let metadata = fs::metadata(root.join(name_of(path)))?;
    let bytes = if metadata.is_dir() { 0 } else { metadata.len() };
    Ok(Stamp { path: path.to_owned(), bytes, modified: nanoseconds(metadata.modified()?) })
}

/// Files of the split in `root` as they are now.
pub(crate) fn stamps<'a>(
    root: &Path,
    paths: impl IntoIterator<Item = &'a String>,
) -> Result<Vec<Stamp>, Error> {
    let one = |path: &String| stamp(root, path).map_err(|cause| Error::io("open", &root.join(path), cause));
    paths.into_iter().map(one).collect()
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
fn unchanged(root: &Path, stamps: &[Stamp]) -> bool {
    stamps.iter().all(|old| stamp(root, &old.path).is_ok_and(|new| new == *old))
}

/// Whether an index of `layout` has just these files, unchanged, in this order.
pub(crate) fn is_fresh(index: &Index, layout: Layout, files: &[String]) -> bool {
    index.layout == layout
        && index.files.iter().map(|stamp| &stamp.path).eq(files)
        && unchanged(&index.root, &index.files)
        && unchanged(&index.root, &index.others)
}

/// Nanoseconds since 1970: negative before, and clamped if a clock is far off.
fn nanoseconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::fs::File;

    use super::*;
    use crate::sources::index::Entry;

    /// A folder with shards, last written so many seconds ago, of which indexes are made, and how often.
    struct Data {
        folder: tempfile::TempDir,
        files: Vec<String>,
        built: Cell<u32>,
    }

    impl Data {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let data = Self { folder, files: vec![], built: Cell::new(0) };
            ["a.tar", "b.tar"].into_iter().fold(data, |data, file| data.with(file, b"shard", 100))
        }

        fn with(mut self, file: &str, bytes: &[u8], age: u64) -> Self {
            let path = self.folder.path().join(file);
            // Room for the header of the record that the index tells of.
            fs::write(&path, [bytes, &[0; 1024]].concat()).unwrap();
            let then = SystemTime::now() - Duration::from_secs(age);
            File::options().write(true).open(path).unwrap().set_modified(then).unwrap();
            self.files.retain(|known| known != file);
            self.files.push(file.to_owned());
            self.files.sort();
            self
        }

        fn without(mut self, file: &str) -> Self {
            fs::remove_file(self.folder.path().join(file)).unwrap();
            self.files.retain(|known| known != file);
            self
        }

        /// Opens the index and returns how many had to be made so far.
        fn open(&self, places: &[PathBuf]) -> u32 {
            let root = self.folder.path();
            let fresh = |index: &Index| is_fresh(index, Layout::Shards, &self.files);
            let build = || {
                self.built.set(self.built.get() + 1);
                let stamps = self.files.iter().map(|file| stamp(root, file).unwrap()).collect();
                let mut index = Index::new(Layout::Shards, root, stamps);
                index.classes = ["cat".to_owned()].into();
                index.push(&Entry { file: 0, offset: 0, bytes: 5, label: 0, name: "0.jpg" });
                index.cut_blocks(&[]);
                Ok(index)
            };
            let index = at_places(places, root, fresh, build).unwrap();
            assert!(fresh(&index) && index.len() == 1 && index.name(0) == "a.tar:0.jpg");
            self.built.get()
        }
    }

    #[test]
    fn where_nothing_can_be_written_the_next_place_is_taken() {
        let data = Data::new();
        let at = |name: &str| data.folder.path().join(name);
        // A file where a folder is needed, and a folder where the file is to be: so even root cannot write.
        fs::write(at("file"), "").unwrap();
        fs::create_dir(at("folder.index")).unwrap();
        let refused = [at("file").join("x.index"), at("folder.index")];
        assert_eq!([data.open(&refused), data.open(&refused)], [1, 2], "each start makes it anew");
        let places = [&refused[..], &[at("caches").join("x.index")]].concat();
        assert_eq!([data.open(&places), data.open(&places)], [3, 3]);
        assert!(places[2].is_file() && places[1].is_dir());
        let left: Vec<_> = fs::read_dir(data.folder.path()).unwrap().flatten().collect();
        assert_eq!(left.len(), 5, "no half-written file stays: {left:?}");
    }

    #[test]
    fn each_change_of_the_files_makes_a_new_index() {
        let mut data = Data::new();
        let places = [data.folder.path().join("x.index")];
        let mut made = data.open(&places);
        let changes: [fn(Data) -> Data; 5] = [
            |data| data.with("b.tar", b"drahs", 90),
            |data| data.with("b.tar", b"longer", 90),
            |data| data.with("c.tar", b"shard", 90),
            |data| data.without("b.tar"),
            |data| data.with("a.tar", b"shard", 200),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            data = change(data);
            made += 1;
            assert_eq!([data.open(&places), data.open(&places)], [made, made], "change {number}");
        }
    }

    #[test]
    fn a_damaged_index_is_made_anew_and_mended() {
        let data = Data::new();
        let places = [data.folder.path().join("x.index")];
        let mut made = data.open(&places);
        let whole = fs::read(&places[0]).unwrap();
        let changed = |place: usize| {
            let mut bytes = whole.clone();
            bytes[place] ^= 1;
            bytes
        };
        let (root, most) = (data.folder.path(), whole.len() as u64);
        assert!(matches!(kept(&places[0], root, most), Some(Ok(_))));
        assert_eq!(kept(&places[0], root, most - 1), Some(Err("it is larger than any index")));
        let longer = [&whole[..], b"\0"].concat();
        let damaged =
            [vec![], whole[..whole.len() / 2].to_vec(), changed(7), changed(9), changed(60), longer];
        for (number, bytes) in damaged.into_iter().enumerate() {
            fs::write(&places[0], bytes).unwrap();
            made += 1;
            assert_eq!(data.open(&places), made, "damage {number}");
            assert!(fs::read(&places[0]).unwrap() == whole);
            assert_eq!(data.open(&places), made);
        }
    }
}
