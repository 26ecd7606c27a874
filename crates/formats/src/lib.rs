//! Parsers of the files that image data sets come in: bytes in, records or one named error out.
//!
//! | file | what it reads |
//! |---|---|
//! | [`tar_headers`] | tar files, as a list of members with their places |
//! | [`webdataset`] | tar shards: members that share a name are a sample |
//! | [`image_tars`] | tars of images, and tars of class tars, as ImageNet is downloaded |
//! | [`packed`] | images kept as pixels; it writes them too |
//! | `parquet` | tables with a column of images and one of labels (feature `parquet`) |
//! | [`cifar`] | CIFAR's records: binary, pickled, in a table |
//! | [`classes`] | whether two lists of classes are the same, and how to number one as the other |
//! | [`class_list`] | the names of classes, a line each or in JSON |
//! | [`label_list`], [`label_file`] | lists of images with their labels |
//! | [`series`] | names of numbered files, and which of them are missing |
//! | [`names`] | file names as text of one line, and back |
//! | [`is_image_name`] (`image_ends.rs`) | which files are images by their names |
//! | [`Columns`] | which columns of a table hold images and labels |
//! | [`Broken`], [`LeftOut`], [`Error`] | what is wrong with a record, which files are passed over, what is wrong with a file |
//! | [`Fingerprint`], [`Input`] (`input.rs`) | whether data have changed; numbers and texts out of bytes |
//!
//! This crate must not know which data sets there are, what their folders look like, where indexes are kept
//! or what is done to an image: those are `resnet_data`'s.
//!
//! Nothing that a file says is believed beyond the file's length, and every length has a limit.
//!
//! ```
//! use std::io::Cursor;
//! use resnet_formats::tar_headers::Members;
//!
//! let mut writer = tar::Builder::new(Vec::new());
//! let mut header = tar::Header::new_gnu();
//! header.set_size(3);
//! writer.append_data(&mut header, "cat.jpg", &b"one"[..])?;
//! let bytes = writer.into_inner()?;
//!
//! let mut members = Members::new(Cursor::new(&bytes), bytes.len() as u64);
//! let member = members.next_file().map_err(|cut| cut.cause)?.expect("there is one");
//! assert_eq!((member.name.as_str(), member.bytes), ("cat.jpg", 3));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod broken;
pub mod cifar;
pub mod class_list;
pub mod classes;
mod columns;
mod error;
mod fingerprint;
mod image_ends;
pub mod image_tars;
mod input;
pub mod label_file;
pub mod label_list;
mod left_out;
pub mod names;
pub mod packed;
#[cfg(feature = "parquet")]
pub mod parquet;
pub mod series;
pub mod tar_headers;
pub mod webdataset;

pub use broken::{Broken, estimate_lost};
pub use columns::Columns;
pub use error::Error;
pub use fingerprint::Fingerprint;
pub use image_ends::{IMAGE_ENDS, is_image_end, is_image_name};
pub use input::Input;
pub use left_out::LeftOut;

/// The most bytes that one encoded image may have: a quarter of a GiB.
pub const MAX_RECORD_BYTES: u64 = 1 << 28;
