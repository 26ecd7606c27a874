//! Image data sets: from files and folders to batches of plain arrays.
//!
//! | module or file | what it is for |
//! |---|---|
//! | [`contents`] (`recognise.rs`) | what a folder or file holds, told without reading the data |
//! | [`open_cifar`], [`open_cifar_test`] (`open.rs`, [`cifar`]) | CIFAR-10 and CIFAR-100, read into memory |
//! | [`sources`] | images that stay in files: class folders, tar shards, parquet files, packed pixels |
//! | `hub/` | `download` and `HubDataset`: data sets of the Hugging Face hub (feature `hub`) |
//! | [`generated`] | a data set that is drawn, where there is neither file nor network |
//! | [`ImageSet`], [`Dataset`], [`HeldOut`] | decoded images in memory; test data that counts how often it is read |
//! | [`stratified_split`] | validation images held out of the training set |
//! | [`LoaderConfig`], [`Rank`] | how samples become batches, and which part of them a process shows |
//! | [`DataLoader`], [`FileLoader`] | batches from memory and from files, made ahead by threads |
//! | [`Feed`], [`Batches`] | what a training loop asks of either |
//! | [`Prefetch`] | threads that make items ahead of their reader |
//! | [`inspect()`], [`verify()`] | what a data set in files holds; which of its samples are broken |
//! | [`convert()`] (`convert/`) | a copy of a data set in files in another form |
//! | [`find_images()`], [`read_image`], [`decode_image`] (`image_file.rs`) | images in files of their own |
//! | [`imagenet`] | the thousand classes of ImageNet |
//! | [`Fingerprint`], [`Error`] | whether data have changed; what can go wrong |
//!
//! Features, both on by default: `parquet`, and `hub`, which needs it.
//!
//! Batches are the same to the bit whatever the number of threads, and wherever a run was interrupted.
//!
//! This crate must not know any tensor type, network, recipe or option of a command line. What is done to an
//! image is `resnet_vision`'s, how bytes are parsed `resnet_formats`', how files come from the hub
//! `resnet_hub`'s. Arrays are `Vec<f32>` in the order `[n, 3, height, width]`.
//!
//! ```
//! use std::sync::Arc;
//! use resnet_data::{DataLoader, LoaderConfig, generated, stratified_split};
//! use resnet_vision::{Augmentation, Normalisation};
//!
//! let data = generated::shapes(200, 50, 0);
//! let (train, validation) = stratified_split(data.train.labels(), 10, 20, 0)?;
//! assert_eq!(validation.len(), 20);
//! let train = Arc::new(data.train.subset(&train));
//! let how = (Augmentation::PAPER, Normalisation::HALF);
//! let loader = DataLoader::new(train, how, LoaderConfig::training(60, 0))?;
//! for batch in loader.epoch(0, 0) {
//!     assert_eq!(batch.images.len(), 60 * 3 * 32 * 32);
//! }
//! # Ok::<(), resnet_data::Error>(())
//! ```

pub mod cifar;
mod convert;
mod data_loader;
mod dataset;
mod error;
mod feed;
mod file_loader;
mod find_images;
#[doc(hidden)]
pub mod fuzzing;
pub mod generated;
#[cfg(feature = "hub")]
mod hub;
mod image_file;
mod image_set;
pub mod imagenet;
mod inspect;
mod loader_config;
mod new_folder;
mod open;
mod prefetch;
mod purposes;
mod recognise;
pub mod sources;
mod split;
mod split_role;
mod verify;

pub use convert::{CopyFormat, Resizing, convert};
pub use data_loader::{DataLoader, Epoch};
pub use dataset::{DataKind, Dataset, HeldOut};
pub use error::{Error, NotLeftOut};
pub use feed::{Batches, Feed, FeedTimes};
pub use file_loader::{FileLoader, FileTransform, OnBroken, Transform};
pub use find_images::{FoundImages, find_images};
#[cfg(feature = "hub")]
pub use hub::{HubDataset, HubFile, HubFiles, Wanted, download, download_with};
pub use image_file::{MAX_FILE_BYTES, decode_image, read_image};
pub use image_set::ImageSet;
pub use inspect::{Inspection, Triple, contact_sheet, inspect, write_contact_sheet};
pub use loader_config::{LastBatch, LoaderConfig, Order, Rank};
pub use open::{open_cifar, open_cifar_test};
pub use prefetch::Prefetch;
pub use recognise::{Contents, contents, layout_of};
pub use resnet_formats::{Error as FileError, Fingerprint, names};
pub use split::stratified_split;
pub use split_role::SplitRole;
pub use verify::{BrokenSample, Verified, broken_samples, read_skip_list, verify};
