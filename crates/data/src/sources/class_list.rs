//! `ClassList`: a file that lists the classes of a data set in the order of their labels.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use resnet_formats::class_list;
use resnet_formats::names::text_of;

use super::index::Stamp;
use super::{Split, cache};
use crate::Error;

/// The names of class lists beside the data; the first that is there counts.
pub(crate) const CLASS_MAPS: [&str; 3] = ["classes.json", "imagenet_class_index.json", "classes.txt"];

/// Who chose a class list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The caller: what it says must fit the data.
    Given,
    /// It lies beside the data, and may be about something else.
    Beside,
}

/// The classes of a data set in the order of their labels.
#[derive(Clone, Debug)]
pub(crate) struct ClassList {
    pub(crate) names: Arc<[String]>,
    pub(crate) file: PathBuf,
    /// The file as it was when it was read; an index that depends on the list keeps it.
    pub(crate) stamp: Stamp,
    pub(crate) origin: Origin,
}

impl ClassList {
    /// The list for the data in `root`: the one that is `given`, else one in `root`, else, if `root` is the
    /// folder of a split, one in the folder above it.
    pub(crate) fn find(root: &Path, given: Option<&Path>) -> Result<Option<Self>, Error> {
        if let Some(file) = given {
            return Self::read(root, file, Origin::Given).map(Some);
        }
        let beside = CLASS_MAPS.into_iter().map(|name| root.join(name));
        let is_split = |folder: &&Path| {
            let name = folder.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase());
            name.is_some_and(|name| Split::of_word(&name).is_some())
        };
        let absolute = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
        let parent = Some(absolute.as_path()).filter(is_split).and_then(Path::parent);
        let above = parent.into_iter().flat_map(|folder| CLASS_MAPS.map(|name| folder.join(name)));
        let found = beside.chain(above).find(|file| file.is_file());
        found.map(|file| Self::read(root, &file, Origin::Beside)).transpose()
    }

    fn read(root: &Path, file: &Path, origin: Origin) -> Result<Self, Error> {
        // Relative where it lies beside the data, so that it is found again after both were moved.
        let path = match file.strip_prefix(root) {
            Ok(name) if origin == Origin::Beside => name.to_owned(),
            _ => std::path::absolute(file).unwrap_or_else(|_| file.to_owned()),
        };
        let stamp = cache::stamp(root, &text_of(path.as_os_str()));
        let stamp = stamp.map_err(|cause| Error::io("open", file, cause))?;
        let names = class_list::read(file)?.into();
        Ok(Self { names, file: file.to_owned(), stamp, origin })
    }

    /// The label of each name; none where several classes share the name.
    pub(crate) fn labels(&self) -> HashMap<&str, Option<u32>> {
        let mut labels = HashMap::with_capacity(self.names.len());
        for (label, name) in (0..).zip(&*self.names) {
            labels.entry(name.as_str()).and_modify(|shared| *shared = None).or_insert(Some(label));
        }
        labels
    }
}

/// The names in a list of classes, in the order of their labels: one per line, or JSON.
///
/// # Errors
/// If the file cannot be read or is no such list.
pub fn read_class_names(file: &Path) -> Result<Vec<String>, Error> {
    Ok(class_list::read(file)?)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_list_has_a_class_a_line_or_is_json() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("list");
        let read = |text: &str| {
            fs::write(&file, text).unwrap();
            ClassList::find(folder.path(), Some(&file)).map(|list| list.unwrap().names.to_vec())
        };
        for text in
            ["cat\ndog\n", "\u{feff} cat\r\ndog \r\n\r\n", r#"["cat", "dog"]"#, "\n {\"dog\": 1, \"cat\": 0}"]
        {
            assert_eq!(read(text).unwrap(), ["cat", "dog"], "{text:?}");
        }
        assert_eq!(read("n01440764 tench, Tinca\nn01443537 goldfish").unwrap(), ["n01440764", "n01443537"]);
        assert_eq!(read("n01440764 tench\ngoldfish").unwrap(), ["n01440764 tench", "goldfish"]);
        for (text, word) in [("", "names no class"), ("a\n\nb", "line 2 is empty"), ("[1", "no JSON")] {
            let message = read(text).unwrap_err().to_string();
            assert!(message.contains(word) && message.contains("list"), "{text:?}: {message}");
        }
        fs::write(&file, "cat\ndog\n").unwrap();
        assert_eq!(read_class_names(&file).unwrap(), ["cat", "dog"]);
        fs::write(&file, b"caf\xe9").unwrap();
        let message = ClassList::find(folder.path(), Some(&file)).unwrap_err().to_string();
        assert!(message.contains("UTF-8"), "{message}");
    }

    #[cfg(unix)]
    #[test]
    fn a_list_may_lie_in_a_folder_whose_name_is_no_text() {
        use std::os::unix::ffi::OsStrExt as _;
        let folder = tempfile::tempdir().unwrap();
        for name in [&b"caf\xe9"[..], b"back\\x41slash"] {
            let root = folder.path().join(std::ffi::OsStr::from_bytes(name));
            fs::create_dir(&root).unwrap();
            let list = root.join("list.txt");
            fs::write(&list, "cat\ndog").unwrap();
            let found = ClassList::find(folder.path(), Some(&list)).unwrap().unwrap();
            assert_eq!(found.names[..], ["cat", "dog"]);
        }
    }

    #[test]
    fn a_list_lies_beside_the_data_or_above_a_split() {
        let folder = tempfile::tempdir().unwrap();
        let (above, root) = (folder.path(), folder.path().join("Train"));
        fs::create_dir(&root).unwrap();
        let names = |root: &Path| ClassList::find(root, None).unwrap().map(|list| list.names.to_vec());
        assert_eq!(names(&root), None);
        fs::write(above.join("classes.txt"), "above").unwrap();
        assert_eq!(names(&root).unwrap(), ["above"]);
        fs::write(root.join("classes.txt"), "beside").unwrap();
        assert_eq!(names(&root).unwrap(), ["beside"]);
        fs::rename(&root, above.join("others")).unwrap();
        fs::remove_file(above.join("others/classes.txt")).unwrap();
        assert_eq!(names(&above.join("others")), None);
    }
}
