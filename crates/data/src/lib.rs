//! Image data sets: plain arrays in, plain arrays out.
//!
//! - [`open_dir`] reads CIFAR-10 and CIFAR-100 from a folder, an archive or parquet files, `download` gets
//!   them from the Hugging Face hub, and [`generated::shapes`] draws a data set where there is neither.
//! - [`sources`] has images that stay in files: class folders, tar shards, parquet files, packed pixels,
//!   listed once.
//! - [`Loader`] turns an [`ImageSet`] into batches: shuffled, augmented as in the paper, normalised, made
//!   ahead by threads, and the same to the bit whatever the number of threads.
//!
//! What is done to an image is `resnet_vision`'s, how files come from the hub `resnet_hub`'s.
//!
//! No tensor type appears here: arrays are `Vec<f32>` in the order `[n, 3, height, width]`.
//!
//! ```
//! use std::sync::Arc;
//! use resnet_data::{Loader, LoaderConfig, generated, stratified_split};
//! use resnet_vision::Normalisation;
//!
//! let data = generated::shapes(200, 50, 0);
//! let (train, validation) = stratified_split(data.train.labels(), 10, 20, 0)?;
//! assert_eq!(validation.len(), 20);
//! let train = Arc::new(data.train.subset(&train));
//! let loader = Loader::new(train, LoaderConfig::training(60, 0, Normalisation::HALF))?;
//! for batch in loader.epoch(0, 0) {
//!     assert_eq!(batch.images.len(), 60 * 3 * 32 * 32);
//! }
//! # Ok::<(), resnet_data::Error>(())
//! ```

pub mod cifar;
mod convert;
mod dataset;
mod error;
mod feed;
mod find_images;
mod fingerprint;
#[doc(hidden)]
pub mod fuzzing;
pub mod generated;
#[cfg(feature = "hub")]
mod hub;
mod image_file;
mod image_set;
pub mod imagenet;
mod inspect;
mod loader;
pub mod names;
mod open;
#[cfg(feature = "parquet")]
mod parquet_files;
mod prefetch;
mod purposes;
pub mod sources;
mod split;
mod split_role;
mod stream;
mod verify;

pub use convert::{Resizing, Target, convert};
pub use dataset::{DataKind, Dataset, HeldOut};
pub use error::Error;
pub use feed::{Batches, Feed, FeedTimes};
pub use find_images::{FoundImages, find_images};
pub use fingerprint::Fingerprint;
#[cfg(feature = "hub")]
pub use hub::{HubDataset, HubFile, HubFiles, Wanted, download};
pub use image_file::{MAX_FILE_BYTES, decode_image, read_image};
pub use image_set::ImageSet;
pub use inspect::{Inspection, Triple, contact_sheet, inspect};
pub use loader::{Epoch, LastBatch, Loader, LoaderConfig, Order};
pub use open::{open_dir, open_test};
pub use split::stratified_split;
pub use split_role::SplitRole;
pub use stream::{OnBroken, Share, StreamConfig, StreamLoader, Transform};
pub use verify::{BrokenSample, Verified, read_skip_list, verify};
