//! Data sets that stay in files while they are trained on: class folders, images with a list of labels, tar
//! shards, ImageNet's archives, tables of images, packed pixels.
//!
//! A [`Source`] is one split of such a data set. It knows from an [`Index`], which of shards, archives
//! and tables is kept beside the data, which records there are, and reads runs of them. What a record is
//! does not depend on where it lies: the bytes of an encoded image (or of one that needs no decoding), a
//! label and a name. [`open_files`] recognises which kind a folder holds.

mod archives;
mod cache;
pub(crate) mod candidates;
pub(crate) mod class_list;
mod class_numbers;
pub(crate) mod file_list;
pub(crate) mod folder_classes;
mod folders;
pub(crate) mod index;
pub(crate) mod index_file;
mod labels;
mod layout;
mod listed;
mod oddities;
mod open;
mod packed;
mod shards;
mod split;
#[cfg(feature = "parquet")]
mod tables;

use std::fmt;
use std::ops::Range;

pub use self::cache::IndexCache;
#[cfg(feature = "hub")]
pub(crate) use self::class_list::CLASS_MAPS;
pub use self::class_list::read_class_names;
pub use self::folder_classes::folder_names;
pub use self::index::Index;
pub use self::layout::Layout;
pub use self::oddities::{tell_empty_classes, tell_oddities};
pub use self::open::{FileSet, OpenFiles, UnlabelledTest, open_files};
pub use self::packed::open_image;
pub use self::split::Split;
pub use resnet_formats::class_list::parse_class_map;
pub use resnet_formats::classes::class_difference;
pub use resnet_formats::packed::PackWriter;
pub use resnet_formats::{Broken, Columns, IMAGE_ENDS, LeftOut, MAX_RECORD_BYTES, is_image_end};

/// One split of a data set in files.
///
/// Records have numbers, `0..index().len()`. They lie in blocks. In shards and tables a block is about two
/// megabytes of consecutive records; in all other layouts it is a single record. Reading inside a block is
/// sequential, so an order that shuffles blocks, and then the records of a few blocks together, is cheap and
/// well mixed.
pub trait Source: Send + Sync + fmt::Debug {
    /// The records of the split.
    fn index(&self) -> &Index;

    /// The encoded images of `records`, a range inside one block: one result per record, in order.
    ///
    /// The call as a whole never fails: if a file is gone or damaged, each of its records is [`Broken`].
    ///
    /// # Panics
    /// If `records` reaches past the index; some sources also panic if it spans several files.
    fn read(&self, records: Range<usize>) -> Vec<Result<Vec<u8>, Broken>>;
}

/// How many files are looked through at once when an index is made: waiting for a disk is most of it.
pub(crate) fn scanners() -> usize {
    std::thread::available_parallelism().map_or(4, |cores| cores.get().clamp(4, 16))
}
