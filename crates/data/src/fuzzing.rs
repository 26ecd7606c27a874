//! What must hold of the readers of this crate on any bytes: parts of the bodies of fuzz targets
//! (tests/fuzz/bodies).
//!
//! They are here because the kept index is not public, and the public functions above it would hide a fault:
//! they make a bad index anew. Each function panics if something that should hold does not.

use std::collections::HashSet;
use std::io::Cursor;
use std::path::Path;

use crate::sources::index::{Entry, Stamp};
use crate::sources::{Broken, Index, Layout, folder_classes, folder_names, index_file};
use resnet_formats::class_list;
use resnet_formats::tar_headers::{Members, UNIT};

/// The kept index, as it is and with a checksum that fits: what is read can be used and is written as it was.
/// Returns whether it is read.
pub fn index(bytes: &[u8]) -> bool {
    let root = Path::new("/data");
    let _ = index_file::from_bytes(bytes, root);
    let sealed = index_file::sealed(bytes);
    let Ok(index) = index_file::from_bytes(&sealed, root) else { return false };
    assert!(index_file::to_bytes(&index) == sealed, "{index:?} is written in another way than it was read");
    for record in 0..index.len() {
        let _ = (index.place(record), index.name(record), index.bytes(record));
        assert!((index.labels()[record] as usize) < index.classes().len());
    }
    let blocks = (0..index.blocks()).map(|block| index.block(block));
    for block in blocks.clone() {
        let file = index.file[block.start];
        assert!(
            index.file[block.clone()].iter().all(|&other| other == file),
            "{block:?} is of several files"
        );
    }
    assert_eq!(blocks.map(|block| block.len()).sum::<usize>(), index.len());
    assert_eq!(index.class_counts().iter().sum::<u64>(), index.len() as u64);
    true
}

/// The walk through a tar file: it ends, and members lie one behind the other inside the file.
pub fn tar(bytes: &[u8]) {
    let length = bytes.len() as u64;
    let mut members = Members::new(Cursor::new(bytes), length);
    let mut end = 0;
    loop {
        match members.next_file() {
            Ok(Some(member)) => {
                assert!(member.header >= end, "{member:?} begins before {end}");
                end = member.header + UNIT + member.bytes;
                assert!(end <= length, "{member:?} ends behind {length}");
                let contents = members.contents(member.header, member.bytes, length);
                assert!(contents.is_ok_and(|contents| contents.len() as u64 == member.bytes));
            }
            Ok(None) => return,
            Err(cut) => return assert!(cut.offset <= length.next_multiple_of(UNIT), "{cut:?}"),
        }
    }
}

/// A list of classes, one name per line: the folders of its classes are all different, and are those of their
/// labels.
pub fn class_list(text: &str) {
    let Ok(names) = class_list::parse_lines(text) else { return };
    assert!(names.iter().all(|name| !name.is_empty() && name.trim() == name));
    let folders = folder_names(&names);
    let different: HashSet<String> = folders.iter().map(|folder| folder.to_lowercase()).collect();
    assert_eq!(different.len(), names.len(), "{folders:?}");
    let is_odd = |c: char| c == '/' || c == '\\' || c.is_control();
    assert!(folders.iter().all(|folder| !folder.starts_with('.') && !folder.contains(is_odd)), "{folders:?}");
    let labels = folder_classes::labels_in(&names, &folders);
    assert!(labels.is_ok_and(|labels| labels.into_iter().eq(0..names.len() as u32)), "{names:?}");
}

/// An index of each layout without its header, for [`index`].
pub fn indexes() -> Vec<Vec<u8>> {
    let of = |layout| {
        let stamp = |path: &str, modified| Stamp { path: path.to_owned(), bytes: 7000, modified };
        let mut index = Index::new(layout, Path::new("/data"), vec![stamp("a.tar", -5), stamp("b.tar", 9)]);
        index.others.push(stamp("classes.json", 3));
        index.classes = ["cat".to_owned(), "dog".to_owned()].into();
        for (offset, file, label, name) in [(0, 0, 1, "x.jpg"), (1, 0, 0, ""), (0, 1, 1, "z.png")] {
            index.push(&Entry { file, offset, bytes: 99, label, name });
        }
        index.cut_blocks(&[]);
        index.faults.push(Broken::new("a.tar", "it is cut off"));
        index.left_out.add_file("notes.txt");
        index.left_out.add_file("README");
        index.warnings.push("b.tar ends without tar's end mark".to_owned());
        index_file::to_bytes(&index)[16..].to_vec()
    };
    [Layout::Folders, Layout::Shards, Layout::Tables].map(of).into()
}
