//! `FileList`: which files of a split are missing, by the list that [`convert`](crate::convert()) leaves
//! beside them, or else by their numbers.

use std::collections::BTreeMap;
use std::path::Path;

use resnet_formats::{Broken, names, series};

use super::{Index, Split};
use crate::Error;

/// Its name beside the data.
const NAME: &str = "files.json";
/// The largest list that is read.
const MAX_BYTES: u64 = 1 << 24;

/// How many samples each file has, by its name, of each split, by its word in the names of files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FileList(BTreeMap<String, BTreeMap<String, u64>>);

impl FileList {
    /// Adds the file at `path` of a split.
    pub(crate) fn add(&mut self, split: &str, path: &Path, samples: u64) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.0.entry(split.to_owned()).or_default().insert(name, samples);
    }

    /// Writes the list into the folder of its files; an empty one is not written.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        let file = folder.join(NAME);
        let text = serde_json::to_string_pretty(&self.0).map_err(std::io::Error::from);
        text.and_then(|text| std::fs::write(&file, text)).map_err(|cause| Error::write("write", &file, cause))
    }

    /// The list in a folder. A file of that name that is no such list is another program's.
    fn read(folder: &Path) -> Option<Self> {
        let bytes = resnet_files::read_at_most(&folder.join(NAME), MAX_BYTES).ok()??;
        serde_json::from_slice(&bytes).ok().map(FileList)
    }
}

/// A fault for each file that `split` lacks; `files` are those in `root` that `index` was made of.
pub(crate) fn missing(root: &Path, split: Split, files: &[String], index: &Index) -> Vec<Broken> {
    if files.is_empty() {
        return Vec::new();
    }
    if let Some(listed) = FileList::read(root).and_then(|mut list| list.0.remove(split.name())) {
        let there = |name: &String| files.binary_search(name).is_ok();
        let absent = listed.into_iter().filter(|(name, _)| !there(name));
        let fault = |(name, samples): (String, u64)| Broken {
            place: names::escaped(name.as_bytes()).into_owned(),
            cause: format!("the file is missing, and {NAME} beside it lists it"),
            records: samples.max(1),
        };
        return absent.map(fault).collect();
    }
    // About as many as the others have.
    let records = (index.len() as u64).div_ceil(files.len() as u64).max(1);
    let fault = |place| {
        let cause = "the file is missing, and others of its series are there".to_owned();
        Broken { place, cause, records }
    };
    series::missing(files).into_iter().map(fault).collect()
}
