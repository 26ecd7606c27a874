//! Class folders: `train/CLASS/00000000.jpg`.

use std::fs;
use std::path::{Path, PathBuf};

use resnet_vision::image::extension;

use super::writer::{Sample, Writer};
use crate::Error;
use crate::sources::file_list::FileList;
use crate::sources::folder_names;

/// Writes a folder per class.
pub(super) struct Folders {
    out: PathBuf,
    split: PathBuf,
    /// By label.
    names: Vec<String>,
}

impl Folders {
    pub(super) fn new(out: &Path, classes: &[String]) -> Self {
        Folders { out: out.to_owned(), split: PathBuf::new(), names: folder_names(classes) }
    }
}

impl Writer for Folders {
    fn begin(&mut self, split: &str) -> Result<(), Error> {
        self.split = self.out.join(split);
        for name in &self.names {
            let folder = self.split.join(name);
            fs::create_dir_all(&folder).map_err(|cause| Error::write("create", &folder, cause))?;
        }
        Ok(())
    }

    fn sample(&mut self, Sample { number, label, bytes, .. }: Sample) -> Result<(), Error> {
        let folder = self.split.join(&self.names[label as usize]);
        let file = folder.join(format!("{number:08}.{}", extension(&bytes)));
        fs::write(&file, bytes).map_err(|cause| Error::write("write", &file, cause))
    }

    fn end(&mut self) -> Result<FileList, Error> {
        Ok(FileList::default())
    }
}
