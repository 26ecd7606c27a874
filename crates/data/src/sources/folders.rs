//! Class folders: ImageNet's layout, or any folder whose folders are classes and hold images at any depth.
//!
//! `folder_classes.rs` numbers the classes. Hidden files and folders and those of systems are passed over;
//! files that by their names are no images are counted. A link to a folder is followed where it stands for a
//! class and nowhere below, so no loop can be walked into.
//!
//! All is listed anew at each start, with the sizes of the files: times alone don't tell that a folder still
//! holds what it held, because copying and unpacking set them back.

use std::fs::{self, FileType};
use std::io;
use std::ops::Range;
use std::path::Path;

use super::class_list::ClassList;
use super::folder_classes::FolderClasses;
use super::index::{Entry, Stamp};
use super::{Broken, Index, Layout, LeftOut, MAX_RECORD_BYTES, Source, is_image_end, scanners};
use resnet_formats::class_list::MAX_CLASSES;

use crate::Error;
use crate::image_file::read_bounded;
use crate::prefetch::Prefetch;
use resnet_formats::is_image_name;
use resnet_formats::names::{is_passed_over, name_of, text_of};

/// How deep folders may be nested below a class.
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
            let broken = |cause: String| Broken::new(self.index.place(record), cause);
            let read = read_bounded(&self.index.path_of_record(record), MAX_RECORD_BYTES, "remove it");
            let bytes = read.map_err(|error| broken(error.cause()))?;
            if bytes.is_empty() { Err(broken(EMPTY.to_owned())) } else { Ok(bytes) }
        };
        records.map(read).collect()
    }
}

const EMPTY: &str = "it is empty";

/// The folders in `root` that may be classes, in order of name.
pub(crate) fn class_folders(root: &Path) -> Result<Vec<String>, Error> {
    let io = |cause| Error::io("list", root, cause);
    let mut names = Vec::new();
    for entry in fs::read_dir(root).map_err(io)? {
        let entry = entry.map_err(io)?;
        let name = text_of(&entry.file_name()).into_owned();
        if !is_passed_over(&name) && entry.path().is_dir() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Whether a folder looks like a class: images lie in it or, as in Tiny ImageNet, in a folder `images` below.
pub(crate) fn is_class(folder: &Path) -> bool {
    holds_image(folder) || holds_image(&folder.join("images"))
}

/// Whether a folder holds an image, not counting those in folders below.
pub(crate) fn holds_image(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.take(10_000).any(|entry| {
        let name = entry.file_name();
        let name = text_of(&name);
        is_image_name(&name) && !is_passed_over(&name) && entry.path().is_file()
    })
}

/// What follows the last dot of a name.
fn ending(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, ending)| ending)
}

/// Lists the split in `root`, whose folders are its classes.
pub(crate) fn open(root: &Path, list: Option<&ClassList>) -> Result<Index, Error> {
    let names = class_folders(root)?;
    if names.len() > MAX_CLASSES {
        let cause = format!("it holds {} folders, too many to be classes", names.len());
        return Err(Error::bad_file(root.display().to_string(), cause, "give the folder of the data"));
    }
    let FolderClasses { classes, folders, warnings } = FolderClasses::new(root, names, list)?;
    let mut index = Index::new(Layout::Folders, root, Vec::new());
    index.classes = classes;
    index.warnings = warnings;
    count_outside(root, &mut index.left_out)?;
    let (owned_root, owned_folders, threads) = (root.to_owned(), folders.clone(), scanners());
    let listed = Prefetch::new(0..folders.len(), threads, 4 * threads, move |place| {
        let mut found = Found::default();
        found.walk(&owned_root, &owned_folders[place].1, 0).map(|()| found)
    });
    for ((label, _), found) in folders.into_iter().zip(listed) {
        let found = found?;
        for (path, images) in found.folders {
            let file = index.files.len() as u32;
            // A folder is listed at each start, so its size and time are not needed.
            index.files.push(Stamp { path, bytes: 0, modified: 0 });
            for (name, bytes) in images {
                index.push(&Entry { file, offset: 0, bytes, label, name: &name });
            }
        }
        index.faults.extend(found.faults);
        index.left_out.merge(&found.left_out);
    }
    index.cut_blocks(&[]);
    Ok(index)
}

/// Counts the images that lie in `root` itself and so have no class.
fn count_outside(root: &Path, left_out: &mut LeftOut) -> Result<(), Error> {
    let io = |cause| Error::io("list", root, cause);
    for entry in fs::read_dir(root).map_err(io)? {
        let entry = entry.map_err(io)?;
        let name = entry.file_name();
        let name = text_of(&name);
        let end = ending(&name).to_ascii_lowercase();
        if is_image_end(&end) && !is_passed_over(&name) && entry.path().is_file() {
            left_out.add(&format!(".{end} outside the class folders"), 1);
        }
    }
    Ok(())
}

/// What lies in one class.
#[derive(Default)]
struct Found {
    /// Each folder with the names and sizes of its images.
    folders: Vec<(String, Vec<(String, u32)>)>,
    faults: Vec<Broken>,
    left_out: LeftOut,
}

impl Found {
    /// Adds `folder`, relative to `root`, and what is below.
    fn walk(&mut self, root: &Path, folder: &str, depth: usize) -> Result<(), Error> {
        let path = root.join(name_of(folder));
        let io = |cause| Error::io("list", &path, cause);
        let (mut images, mut below) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(&path).map_err(io)? {
            let entry = entry.map_err(io)?;
            let (name, kind) = (entry.file_name(), entry.file_type().map_err(io)?);
            let name = text_of(&name);
            let is_image = is_image_name(&name);
            if is_passed_over(&name) {
                continue;
            }
            if kind.is_dir() {
                below.push(format!("{folder}/{name}"));
            } else if kind.is_symlink() && entry.path().is_dir() {
                self.left_out.add("(links to folders)", 1);
            } else if !is_image {
                self.left_out.add_file(&name);
            } else {
                match size(&entry, kind) {
                    Ok(bytes) => images.push((name.into_owned(), u32::try_from(bytes).unwrap_or(u32::MAX))),
                    Err(cause) => self.faults.push(Broken::new(format!("{folder}/{name}"), cause)),
                }
            }
        }
        images.sort();
        below.sort();
        self.faults.sort_by(|a, b| a.place.cmp(&b.place));
        self.folders.push((folder.to_owned(), images));
        if depth == MAX_DEPTH && !below.is_empty() {
            let cause = format!("it lies {MAX_DEPTH} folders below its class and holds folders still");
            return Err(Error::bad_file(path.display().to_string(), cause, "flatten it"));
        }
        below.iter().try_for_each(|folder| self.walk(root, folder, depth + 1))
    }
}

/// The bytes that a file has, or why it cannot be read.
fn size(entry: &fs::DirEntry, kind: FileType) -> Result<u64, String> {
    let metadata = if kind.is_symlink() { fs::metadata(entry.path()) } else { entry.metadata() };
    let metadata = metadata.map_err(|cause: io::Error| format!("cannot open it: {cause}"))?;
    match metadata.len() {
        _ if !metadata.is_file() => Err("it is not a file".to_owned()),
        0 => Err(EMPTY.to_owned()),
        bytes => Ok(bytes),
    }
}
