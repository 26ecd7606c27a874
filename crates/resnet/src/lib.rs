//! Residual networks on candle, through one crate: load pretrained weights, classify images, extract
//! features, draw heat maps, fine-tune on other classes, export.
//!
//! ```no_run
//! use resnet::Pretrained;
//!
//! # fn main() -> Result<(), resnet::Error> {
//! let network = Pretrained::load("timm/resnet50.a1_in1k")?;
//! for answer in network.predict_files(&["cat.jpg"])? {
//!     for guess in answer?.top(5) {
//!         println!("{:.1} %  {}", 100.0 * guess.probability, guess.name);
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A network for other classes starts from those weights; only its head is fresh. The images are in memory
//! here; for images in files there are [`Training`] and [`StartingWeights`]:
//!
//! ```no_run
//! use resnet::{Dialect, Pretrained, Recipe, data};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let images = data::open_cifar("cifar-10-batches-bin", None)?;
//! let recipe = Recipe::built_in("cifar10-resnet20-v2").expect("a built-in recipe");
//! let pretrained = Pretrained::load("resnet20-cifar10.safetensors")?;
//! let mut network = pretrained.with_new_head(images.train.classes(), 0)?;
//! let results = network.fine_tune(&recipe, &images, "runs/mine")?;
//! println!("loss {:.3}", results.train_loss);
//! network.export(Dialect::Timm, "mine.safetensors")?;
//! # Ok(())
//! # }
//! ```
//!
//! Everything runs on the CPU in f32. Build with `--release`, or set `opt-level = 3` for
//! `[profile.dev.package."*"]`: without optimisation the kernels are slow. Tensors are those of candle 0.11,
//! re-exported as `ops::candle_core`.
//!
//! This crate knows no command line. An [`Error`] names its cause, and what to do about it is up to the
//! caller; what else a caller may want to know is returned as data ([`Note`], [`Origin`]). The crates that
//! this one stands on are re-exported.
//!
//! | file | |
//! |---|---|
//! | `location.rs` | where weights come from: a file, a run, a repository's folder, the hub |
//! | `load.rs` | weights loaded: what file, config and caller say about them, put together |
//! | `pretrained.rs` | weights in their network, and what is known about them |
//! | `transform.rs` | how an image becomes an input |
//! | `usual.rs` | what is assumed of images and classes where nobody says it |
//! | `predict.rs` | classes and features of images |
//! | `heat_map.rs` | where the network sees a class |
//! | `images.rs` | the data set of a recipe or in a folder |
//! | `open_options.rs` | which splits, how samples in files are found, what is done about broken ones |
//! | `evaluate.rs` | scores on a data set |
//! | `starting.rs` | weights that a training begins with |
//! | `training.rs` | a training by a recipe |
//! | `cost.rs` | what a training takes: memory, threads |
//! | `replay.rs` | where two runs first differ, by training them again |
//! | `fine_tune.rs` | a new head, trained |
//! | `export.rs` | a file for others |
//! | `network.rs` | a network as the trainer sees it |
//! | `published.rs` | the papers' error of a network |
//! | `progress.rs` | the progress of downloads |
//! | `error.rs` | what can go wrong |
//!
//! Features, both on by default: `hub` (models and data sets of the Hugging Face hub) and `parquet`.

mod cost;
mod error;
mod evaluate;
mod export;
mod fine_tune;
mod heat_map;
mod images;
mod load;
mod location;
mod network;
mod open_options;
mod predict;
mod pretrained;
mod progress;
mod published;
mod replay;
mod starting;
mod training;
mod transform;
mod usual;

/// The programs of README.md, so that they compile.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
mod readme {}

pub use resnet_blocks as blocks;
pub use resnet_checkpoint as checkpoint;
pub use resnet_data as data;
pub use resnet_files as files;
#[cfg(feature = "hub")]
pub use resnet_hub as hub;
pub use resnet_kernels as kernels;
pub use resnet_models as models;
pub use resnet_ops as ops;
pub use resnet_record as record;
pub use resnet_train as train;
pub use resnet_vision as vision;

pub use cost::{TrainingMemory, loader_threads};
pub use error::{Error, Recognised};
pub use evaluate::{Crops, EvalOptions, TestFeed, View};
pub use export::Exported;
pub use heat_map::HeatMap;
pub use images::{Images, TestImages, absolute_origin, origin_folder, origin_path};
pub use load::LoadOptions;
pub use location::Location;
pub use network::ResNet;
pub use open_options::{Needed, OpenOptions, on_broken};
pub use predict::{Guess, Prediction, Predictor};
pub use pretrained::{ClassNames, Note, Origin, Pretrained};
pub use progress::{NoProgress, Progress};
pub use published::published_error;
pub use replay::{LayerDifference, Replay, Replayed, replay};
pub use resnet_models::checkpoint::{Dialect, Policy};
pub use resnet_record::Recipe;
pub use resnet_vision::Image;
pub use starting::{Started, StartingWeights};
pub use training::Training;
