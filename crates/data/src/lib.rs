//! Image data sets: plain arrays in, plain arrays out.
//!
//! - [`open_dir`] reads CIFAR-10 and CIFAR-100 from a folder, an archive or parquet files, [`download`] gets
//!   them from the Hugging Face hub, and [`generated::shapes`] draws a data set where there is neither.
//! - [`sources`] has the pictures that stay in files: class folders, tar shards, parquet files, packed
//!   pixels, listed once.
//! - [`Loader`] turns an [`ImageSet`] into batches: shuffled, augmented as in the paper, normalised, made
//!   ahead by threads, and the same to the bit whatever the number of threads.
//! - [`picture`] and [`Preprocess`] bring a photograph into the form that an ImageNet checkpoint expects,
//!   with Pillow's arithmetic.
//!
//! No tensor type appears here: arrays are `Vec<f32>` in the order `[n, 3, height, width]`.
//!
//! ```
//! use std::sync::Arc;
//! use resnet_data::{Loader, LoaderConfig, Normalisation, generated, stratified_split};
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

mod augment;
pub mod cifar;
mod dataset;
mod error;
mod feed;
mod fingerprint;
#[doc(hidden)]
pub mod fuzzing;
pub mod generated;
mod hub;
mod image_set;
pub mod imagenet;
mod jpeg;
mod loader;
pub mod names;
mod normalisation;
mod open;
#[cfg(feature = "parquet")]
mod parquet_files;
pub mod picture;
mod prefetch;
mod preprocess;
mod progress;
mod random;
mod resample;
pub mod sources;
mod split;
mod stream;

pub use augment::{
    Augmentation, ColourJitter, Crop, Decoding, Erasing, Filling, Flip, Key, Mix, PhotoAugmentation, Policy,
};
pub use dataset::{DataKind, Dataset, HeldOut};
pub use error::Error;
pub use feed::{Batches, Feed, FeedTimes};
pub use fingerprint::Fingerprint;
pub use hub::download;
#[cfg(feature = "hub")]
pub use hub::{HubDataset, HubFile, HubFiles, HubModel, Wanted};
pub use image_set::ImageSet;
pub use loader::{Batch, Epoch, LastBatch, Loader, LoaderConfig, Order};
pub use normalisation::{Normalisation, parse_rgb};
pub use open::{open_dir, open_test};
pub use picture::Picture;
pub use preprocess::Preprocess;
pub use progress::{NoProgress, Progress};
pub use resample::{Interpolation, resize};
pub use split::stratified_split;
pub use stream::{OnBroken, Share, StreamConfig, StreamLoader, View};
