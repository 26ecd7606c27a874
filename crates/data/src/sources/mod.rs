//! Data sets that stay in files while they are trained on: class folders, tar shards, tables of images,
//! packed pixels.
//!
//! A [`Source`] is one split of such a data set. It knows from an [`Index`], made once and kept beside the
//! data, which records there are, and reads runs of them. What a record is does not depend on where it lies:
//! the bytes of an encoded image (or of one that needs no decoding), a label and a name. [`open_files`]
//! tells by what a folder holds which kind it is.

mod archives;
mod cache;
pub(crate) mod class_list;
mod classes;
mod columns;
pub(crate) mod folder_classes;
mod folders;
pub(crate) mod index;
pub(crate) mod index_file;
mod labels;
mod layout;
mod left_out;
mod listed;
mod oddities;
mod open;
mod packed;
mod recognise;
pub(crate) mod series;
mod shards;
mod split;
#[cfg(feature = "parquet")]
mod tables;
pub(crate) mod tar_headers;

use std::fmt;
use std::ops::Range;

pub use self::cache::IndexCache;
#[cfg(feature = "hub")]
pub(crate) use self::class_list::CLASS_MAPS;
pub use self::classes::{class_difference, parse_class_map};
pub use self::columns::Columns;
pub use self::folder_classes::folder_names;
pub use self::index::Index;
pub use self::layout::Layout;
pub use self::left_out::LeftOut;
pub use self::oddities::{tell_empty_classes, tell_oddities};
pub use self::open::{FileSet, OpenFiles, open_files};
pub use self::packed::{PackWriter, open_image};
pub use self::split::Split;

/// The most bytes that one encoded image may have: a quarter of a GiB.
pub const MAX_RECORD_BYTES: u64 = 1 << 28;

/// One split of a data set in files.
///
/// Records have numbers, `0..index().len()`. They lie in blocks (a folder's are single files, a packed file's
/// single records, a shard's a megabyte or two that belong together), inside of which reading is sequential;
/// so whoever reads block by block reads as the disk likes it, and an order that shuffles blocks and then
/// what a few of them hold is cheap and well mixed.
pub trait Source: Send + Sync + fmt::Debug {
    /// What there is.
    fn index(&self) -> &Index;

    /// The encoded images of `records`, a range inside one block: one result a record, in order.
    ///
    /// Nothing here fails as a whole: where a file is gone or damaged, the records that it takes with it are
    /// [`Broken`], each for itself.
    ///
    /// # Panics
    /// If `records` reaches past the index.
    fn read(&self, records: Range<usize>) -> Vec<Result<Vec<u8>, Broken>>;
}

/// Something in the data that cannot be used: where it is, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The file, and where in it: "train/n01440764/a.jpg", "train-0003.tar: 0017.jpg at byte 51200".
    pub place: String,
    /// What is wrong: "it does not decode (...)".
    pub cause: String,
    /// How many records are lost with it; an estimate where a shard is cut off. At least 1.
    pub records: u64,
}

impl Broken {
    pub(crate) fn new(place: impl Into<String>, cause: impl Into<String>) -> Self {
        Self { place: place.into(), cause: cause.into(), records: 1 }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.cause)
    }
}

/// Ends of file names that are taken for images, in lower case. Windows saves JPEG files as `.jfif`.
pub const IMAGE_ENDS: [&str; 10] = ["jpg", "jpeg", "jfif", "jpe", "png", "webp", "bmp", "gif", "tif", "tiff"];

/// Whether `end`, what follows a name's last dot, is an image's.
pub fn is_image_end(end: &str) -> bool {
    IMAGE_ENDS.iter().any(|known| known.eq_ignore_ascii_case(end))
}

/// How many files are looked through at once when an index is made: waiting for a disk is most of it.
pub(crate) fn scanners() -> usize {
    std::thread::available_parallelism().map_or(4, |cores| cores.get().clamp(4, 16))
}
