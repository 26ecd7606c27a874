//! How a data set is opened: which splits, how samples in files are found, what is done about broken ones.

use std::path::PathBuf;

use resnet_data::sources::{Columns, OpenFiles};
use resnet_data::{OnBroken, read_skip_list};
use resnet_record::FileOptions;

use crate::Error;
use crate::progress::{NoProgress, Progress};

/// Which splits of a data set are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Needed {
    /// All of them, for a training.
    #[default]
    All,
    /// The evaluation split, or the only one; others need not be there.
    Evaluation,
}

/// How a data set is opened.
#[derive(Clone)]
pub struct OpenOptions<'a> {
    /// Which splits are used.
    pub needed: Needed,
    /// How images in files are found.
    pub files: OpenFiles,
    /// What is done about broken images in files.
    pub on_broken: OnBroken,
    /// Receives the progress of downloads.
    pub progress: &'a dyn Progress,
}

impl Default for OpenOptions<'_> {
    fn default() -> Self {
        OpenOptions {
            needed: Needed::All,
            files: OpenFiles::default(),
            on_broken: OnBroken::Fail,
            progress: &NoProgress,
        }
    }
}

impl OpenOptions<'_> {
    /// Reads samples in files as `files` says, such as those of a run's record.
    ///
    /// # Errors
    /// If the list of samples to leave out cannot be read.
    pub fn of(files: &FileOptions) -> Result<Self, Error> {
        let FileOptions { class_list, label_list, image_column, label_column, skip_list, .. } = files;
        let skip = skip_list.as_ref().map(|list| read_skip_list(list.as_ref())).transpose()?;
        let open = OpenFiles {
            classes: class_list.as_ref().map(PathBuf::from),
            labels: label_list.as_ref().map(PathBuf::from),
            columns: Columns { image: image_column.clone(), label: label_column.clone() },
            skip: skip.unwrap_or_default(),
            ..OpenFiles::default()
        };
        Ok(OpenOptions { files: open, on_broken: on_broken(files), ..OpenOptions::default() })
    }
}

/// What these options of a run say about broken samples.
pub fn on_broken(files: &FileOptions) -> OnBroken {
    match files.skip_broken {
        None => OnBroken::Fail,
        Some(percent) => OnBroken::Skip { most: percent / 100.0 },
    }
}

impl std::fmt::Debug for OpenOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenOptions")
            .field("needed", &self.needed)
            .field("files", &self.files)
            .field("on_broken", &self.on_broken)
            .finish_non_exhaustive()
    }
}
