//! [`FileOptions`]: how a run finds samples in files, and which it leaves out.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// How samples in files are read: what somebody gave beside the folder of the data. Nothing is given of data
/// sets that are read into memory.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FileOptions {
    /// The file that lists the classes in the order of their labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_list: Option<String>,
    /// The file that lists the labels of images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_list: Option<String>,
    /// The column of images in parquet files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_column: Option<String>,
    /// The column of labels in parquet files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_column: Option<String>,
    /// The file that lists the samples to leave out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_list: Option<String>,
    /// How many samples may be broken and left out, in percent of all; without it the first one is an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_broken: Option<f64>,
}

impl FileOptions {
    /// These, and those of `earlier` where none are given.
    ///
    /// ```
    /// use resnet_record::FileOptions;
    ///
    /// let given = |column: &str| Some(column.to_owned());
    /// let mut earlier = FileOptions::default();
    /// (earlier.image_column, earlier.label_column) = (given("photo"), given("kind"));
    /// let now = FileOptions { label_column: given("breed"), ..FileOptions::default() };
    /// let both = now.or(&earlier);
    /// assert_eq!([both.image_column, both.label_column], [given("photo"), given("breed")]);
    /// ```
    #[must_use]
    pub fn or(&self, earlier: &FileOptions) -> FileOptions {
        let or = |own: &Option<String>, earlier: &Option<String>| own.clone().or_else(|| earlier.clone());
        FileOptions {
            class_list: or(&self.class_list, &earlier.class_list),
            label_list: or(&self.label_list, &earlier.label_list),
            image_column: or(&self.image_column, &earlier.image_column),
            label_column: or(&self.label_column, &earlier.label_column),
            skip_list: or(&self.skip_list, &earlier.skip_list),
            skip_broken: self.skip_broken.or(earlier.skip_broken),
        }
    }

    /// The list of classes alone, if its file is still there: what holds for other data than the run's own,
    /// since labels have to be numbered as they were in training.
    #[must_use]
    pub fn classes_alone(&self) -> FileOptions {
        let class_list = self.class_list.clone().filter(|list| Path::new(list).exists());
        FileOptions { class_list, ..FileOptions::default() }
    }
}
