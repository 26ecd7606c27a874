//! `ClassList`: a file that lists the classes of a data set in the order of their labels.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::index::Stamp;
use super::{Split, cache, classes};
use crate::Error;

/// The largest list that is read.
const MAX_BYTES: u64 = 1 << 24;
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
    /// The list for the data in `root`: the one that is `given`, else one that lies beside the data, or
    /// above where `root` is the folder of a split.
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
        let path = path.to_string_lossy();
        let stamp = cache::stamp(root, &path).map_err(|cause| Error::io("open", file, cause))?;
        let names = read(file, stamp.bytes)?.into();
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

/// The names in a file of `bytes` bytes: a class map in JSON, or a name a line.
fn read(file: &Path, bytes: u64) -> Result<Vec<String>, Error> {
    let bad = |cause: String| {
        Error::bad_file(
            file.display().to_string(),
            cause,
            "it should name a class a line, or be a list in JSON",
        )
    };
    if bytes > MAX_BYTES {
        return Err(bad(format!("its {bytes} bytes are too many for a list of classes")));
    }
    let text = fs::read(file).map_err(|cause| Error::io("read", file, cause))?;
    let text = String::from_utf8(text).map_err(|_| bad("it is not text in UTF-8".to_owned()))?;
    let text = text.trim_start_matches('\u{feff}');
    let is_json =
        file.extension().is_some_and(|end| end == "json") || text.trim_start().starts_with(['[', '{']);
    if is_json { classes::parse_class_map(text) } else { parse_lines(text) }.map_err(bad)
}

/// The names in a file that has one a line. Where each line begins with a WordNet id, as in ImageNet's
/// `LOC_synset_mapping.txt`, that is the name, as it is what folders are called.
pub(crate) fn parse_lines(text: &str) -> Result<Vec<String>, String> {
    let names: Vec<&str> = text.trim_end().lines().map(str::trim).collect();
    if let Some(line) = names.iter().position(|name| name.is_empty()) {
        return Err(format!("its line {} is empty, so it is not clear which label the next has", line + 1));
    }
    match names.len() {
        0 => return Err("it names no class".to_owned()),
        count if count > classes::MAX_CLASSES => return Err(format!("it has {count} classes")),
        _ => {}
    }
    let ids: Option<Vec<&str>> = names.iter().map(|name| wordnet_id(name)).collect();
    Ok(ids.unwrap_or(names).into_iter().map(str::to_owned).collect())
}

/// The id that a line such as `n01440764 tench, Tinca tinca` begins with.
fn wordnet_id(line: &str) -> Option<&str> {
    let id = line.split_whitespace().next()?;
    let digits = id.strip_prefix('n')?;
    (digits.len() == 8 && digits.bytes().all(|digit| digit.is_ascii_digit())).then_some(id)
}

#[cfg(test)]
mod tests {
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
        fs::write(&file, b"caf\xe9").unwrap();
        let message = ClassList::find(folder.path(), Some(&file)).unwrap_err().to_string();
        assert!(message.contains("UTF-8"), "{message}");
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
