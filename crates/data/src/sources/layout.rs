//! `Layout`: the ways in which a split lies on disk.

use std::fmt;

/// How a split lies on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// One folder per class, one file per image.
    Folders,
    /// Tar files in WebDataset's convention.
    Shards,
    /// Parquet files with a column of images.
    Tables,
    /// Files of pixels, made by [`convert`](crate::convert).
    Packed,
    /// A folder of images whose labels are in a list.
    Listed,
    /// Tar files as ImageNet's are downloaded: of class tars, or of images whose labels are in a list.
    Archives,
}

impl Layout {
    /// For messages: "class folders", "tar shards", "parquet files", "packed files", "listed images", "image
    /// archives".
    pub fn name(self) -> &'static str {
        match self {
            Layout::Folders => "class folders",
            Layout::Shards => "tar shards",
            Layout::Tables => "parquet files",
            Layout::Packed => "packed files",
            Layout::Listed => "listed images",
            Layout::Archives => "image archives",
        }
    }

    /// Whether each record is a block of its own, so that an epoch mixes all of them. A packed record is
    /// large enough to be fetched by itself, and a window of sixteen blocks of two megabytes would hold only
    /// some hundred; in an archive, those beside each other are of one class.
    pub(crate) fn is_read_singly(self) -> bool {
        matches!(self, Layout::Folders | Layout::Packed | Layout::Listed | Layout::Archives)
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
