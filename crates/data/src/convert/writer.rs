//! What `convert` asks of each form that it writes.

use std::fs;
use std::path::Path;

use crate::Error;
use crate::sources::file_list::FileList;

/// A sample to be written.
pub(super) struct Sample {
    /// Its number among all samples of all splits, from 0.
    pub(super) number: u64,
    pub(super) label: u32,
    /// Its name in lists of samples, without the folder of its split.
    pub(super) name: String,
    /// Where it lies, for messages.
    pub(super) place: String,
    /// The encoded image.
    pub(super) bytes: Vec<u8>,
}

/// One form of a data set: splits one after the other, each with its samples.
pub(super) trait Writer {
    /// Begins a split; `split` is its name in files and folders, "train" or "val".
    fn begin(&mut self, split: &str) -> Result<(), Error>;
    /// Writes a sample of the split.
    fn sample(&mut self, sample: Sample) -> Result<(), Error>;
    /// Ends the last split. Returns the files that hold samples, unless each sample is a file of its own.
    fn end(&mut self) -> Result<FileList, Error>;
}

/// Writes the classes' names in the order of their labels, so that the labels stay what they are.
pub(super) fn write_classes(out: &Path, classes: &[String]) -> Result<(), Error> {
    let file = out.join("classes.json");
    let text =
        serde_json::to_string_pretty(classes).map_err(|cause| Error::write("write", &file, cause.into()))?;
    fs::write(&file, text).map_err(|cause| Error::write("write", &file, cause))
}
