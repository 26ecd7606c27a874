//! Class folders: ImageNet's layout, or any folder whose folders are classes and hold pictures at any depth.
//!
//! Classes are numbered in order of their folders' names. Hidden files and folders, and files that by their
//! names are no pictures, are passed over. A link to a folder is followed where it stands for a class and
//! nowhere below, so no loop can be walked into.

use std::fs::{self, File};
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;

use super::cache::{self, IndexCache};
use super::index::{Entry, Stamp};
use super::{Broken, Index, Layout, MAX_RECORD_BYTES, Source, classes, is_picture_end, scanners};
use crate::Error;
use crate::prefetch::Prefetch;

/// Folders inside each other below a class.
const MAX_DEPTH: usize = 16;

/// A split in class folders.
#[derive(Debug)]
pub(crate) struct Folders {
    pub(crate) index: Index,
}

impl Source for Folders {
    fn index(&self) -> &Index {
        &self.index
    }

    fn read(&self, records: Range<usize>) -> Vec<Result<Vec<u8>, Broken>> {
        let read = |record| {
            let place = self.index.place(record);
            let bytes = read_file(Path::new(&place)).map_err(|error| Broken::new(&place, error.cause()))?;
            if bytes.is_empty() { Err(Broken::new(place, EMPTY)) } else { Ok(bytes) }
        };
        records.map(read).collect()
    }
}

const EMPTY: &str = "it is empty";

/// A file's bytes; never waits on a pipe, never more than a record may have.
fn read_file(path: &Path) -> Result<Vec<u8>, Error> {
    let io = |action, cause| Error::io(action, path, cause);
    let metadata = fs::metadata(path).map_err(|cause| io("open", cause))?;
    if !metadata.is_file() || metadata.len() > MAX_RECORD_BYTES {
        let cause = match metadata.is_file() {
            true => format!("its {} bytes are more than {MAX_RECORD_BYTES}", metadata.len()),
            false => "it is not a file".to_owned(),
        };
        return Err(Error::bad_file(path.display().to_string(), cause, "remove it"));
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    let file = File::open(path).map_err(|cause| io("open", cause))?;
    file.take(MAX_RECORD_BYTES).read_to_end(&mut bytes).map_err(|cause| io("read", cause))?;
    Ok(bytes)
}

/// The folders in `root` that may be classes, in order of name.
pub(crate) fn class_folders(root: &Path) -> Result<Vec<String>, Error> {
    let io = |cause| Error::io("list", root, cause);
    let mut names = Vec::new();
    for entry in fs::read_dir(root).map_err(io)? {
        let entry = entry.map_err(io)?;
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
            let shown = entry.path().display().to_string();
            return Err(Error::bad_file(shown, "its name is not UTF-8", "rename it"));
        };
        if !name.starts_with('.') && entry.path().is_dir() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Whether a folder holds a picture, not counting those in folders below.
pub(crate) fn holds_picture(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.take(10_000).any(|entry| {
        let path = entry.path();
        let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default();
        is_picture_end(end) && !entry.file_name().to_string_lossy().starts_with('.') && path.is_file()
    })
}

/// Opens the split in `root`, whose folders are its classes.
pub(crate) fn open(root: &Path, split: &str, cache: &IndexCache) -> Result<Index, Error> {
    let names = class_folders(root)?;
    let is_fresh = |index: &Index| {
        index.layout == Layout::Folders
            && index.classes[..] == names[..]
            && cache::unchanged(root, &index.files)
            && cache::unchanged(root, &index.others)
    };
    cache::load_or_build(cache, root, split, is_fresh, || build(root, &names))
}

fn build(root: &Path, names: &[String]) -> Result<Index, Error> {
    if names.len() > classes::MAX_CLASSES {
        let cause = format!("it holds {} folders, too many to be classes", names.len());
        return Err(Error::bad_file(root.display().to_string(), cause, "give the folder of the data"));
    }
    let (owned_root, owned_names) = (root.to_owned(), names.to_vec());
    let threads = scanners();
    let classes = Prefetch::new(0..names.len(), threads, 4 * threads, move |class| {
        let mut found = Found::default();
        found.walk(&owned_root, &owned_names[class], 0).map(|()| found)
    });
    let mut index = Index::new(Layout::Folders, root, Vec::new());
    for (label, found) in classes.enumerate() {
        let found = found?;
        for (stamp, pictures) in found.folders {
            let file = index.files.len() as u32;
            index.files.push(stamp);
            for (name, bytes) in pictures {
                index.push(&Entry { file, offset: 0, bytes, label: label as u32, name: &name });
            }
        }
        index.others.extend(found.empty);
        index.faults.extend(found.faults);
        index.ignored += found.ignored;
    }
    index.classes = names.into();
    index.cut_blocks(&[]);
    Ok(index)
}

/// What lies in one class.
#[derive(Default)]
struct Found {
    /// Each folder with the names and sizes of its pictures.
    folders: Vec<(Stamp, Vec<(String, u32)>)>,
    /// Pictures without bytes: if one is mended in place, its folder doesn't change.
    empty: Vec<Stamp>,
    faults: Vec<Broken>,
    ignored: u64,
}

impl Found {
    /// Adds `folder`, relative to `root`, and what is below.
    fn walk(&mut self, root: &Path, folder: &str, depth: usize) -> Result<(), Error> {
        let path = root.join(folder);
        let io = |cause| Error::io("list", &path, cause);
        // The stamp comes first: a change while the folder is listed makes it old.
        let stamp = cache::stamp(root, folder).map_err(io)?;
        let (mut pictures, mut below) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(&path).map_err(io)? {
            let entry = entry.map_err(io)?;
            let (name, kind) = (entry.file_name(), entry.file_type().map_err(io)?);
            if name.to_string_lossy().starts_with('.') {
                self.ignored += u64::from(!kind.is_dir());
                continue;
            }
            let end = Path::new(&name).extension().and_then(|end| end.to_str()).unwrap_or_default();
            if !kind.is_dir() && !is_picture_end(end) {
                self.ignored += 1;
                continue;
            }
            let relative = format!("{folder}/{}", name.to_string_lossy());
            let Some(name) = name.to_str().map(str::to_owned) else {
                self.faults.push(Broken::new(relative, "its name is not UTF-8"));
                continue;
            };
            if kind.is_dir() {
                below.push(relative);
                continue;
            }
            match cache::stamp(root, &relative) {
                Ok(_) if !entry.path().is_file() => {
                    self.faults.push(Broken::new(relative, "it is not a file"))
                }
                Ok(stamp) if stamp.bytes == 0 => {
                    self.faults.push(Broken::new(relative, EMPTY));
                    self.empty.push(stamp);
                }
                Ok(stamp) => pictures.push((name, u32::try_from(stamp.bytes).unwrap_or(u32::MAX))),
                Err(cause) => {
                    self.faults.push(Broken::new(relative.clone(), format!("cannot open it: {cause}")));
                    // Of no file that exists: the index is made anew until the link leads somewhere.
                    self.empty.push(Stamp { path: relative, bytes: 0, modified: i64::MIN });
                }
            }
        }
        pictures.sort();
        below.sort();
        self.faults.sort_by(|a, b| a.place.cmp(&b.place));
        self.folders.push((stamp, pictures));
        if depth == MAX_DEPTH && !below.is_empty() {
            let cause = format!("it lies {MAX_DEPTH} folders below its class and holds folders still");
            return Err(Error::bad_file(path.display().to_string(), cause, "flatten it"));
        }
        below.iter().try_for_each(|folder| self.walk(root, folder, depth + 1))
    }
}
