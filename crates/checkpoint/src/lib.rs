//! Checkpoint files as containers of named arrays: safetensors and PyTorch's own files read, safetensors
//! written, whole or not at all.
//!
//! [`read()`] tells the format by the first bytes and gives the [`Contents`]: arrays under the names that the
//! file has, its strings, and what was passed over. [`Metadata`] is what those strings say about a network;
//! [`Weights`] chooses where a file holds several sets of them. [`read_training`] reads a checkpoint to
//! resume from, with what its optimizer remembers. [`write()`] writes a file.
//!
//! ```
//! use std::collections::BTreeMap;
//!
//! use resnet_checkpoint::{Error, Weights};
//!
//! # fn main() -> Result<(), Error> {
//! # let folder = tempfile::tempdir().expect("a folder");
//! let file = folder.path().join("net.safetensors");
//! let shapes = BTreeMap::from([("fc.weight", &[1, 2][..])]);
//! resnet_checkpoint::write::<Error>(&file, &shapes, &BTreeMap::new(), |_| Ok(vec![3.0, 4.0]))?;
//!
//! let contents = resnet_checkpoint::read(&file, &Weights::Usual)?;
//! assert_eq!(contents.tensors["fc.weight"].shape, [1, 2]);
//! # Ok(())
//! # }
//! ```
//!
//! It knows no network and no tensor library: names are only names here. `resnet-models` knows whose they
//! are. Whatever a file claims (a length, a depth, a repeated number) is bounded by the bytes that it has
//! before memory is asked for, and nothing in it is run.
//!
//! | file | |
//! |---|---|
//! | `read.rs` | any file; the format decides who reads it |
//! | `formats.rs` | formats by their first bytes, and what to do about those that are not read |
//! | `safetensors.rs` | the safetensors format |
//! | `index.rs` | weights in several files |
//! | `pytorch/` | both of `torch.save`'s layouts, and the weights in them |
//! | `floats.rs` | numbers as files hold them, and as f32 |
//! | `contents.rs` | what a file holds |
//! | `weights.rs` | which of several sets of weights is read |
//! | `metadata.rs` | what a file says about its network |
//! | `keys.rs` | keys and names that more than one crate puts into files |
//! | `write.rs` | safetensors written |
//! | `error.rs`, `text.rs` | what can go wrong; names in messages |

mod contents;
mod error;
mod floats;
mod formats;
mod index;
pub mod keys;
mod metadata;
mod pytorch;
mod read;
mod safetensors;
mod text;
mod weights;
mod write;

pub use contents::{Array, Contents, Converted, Ignored, LeftOut, NonFinite, Precision};
pub use error::Error;
pub use index::{is_index, parts};
pub use metadata::{Fault, Metadata, Preprocessing, Resampling, is_side};
pub use read::{TrainingCheckpoint, read, read_training};
pub use safetensors::Stored;
pub use text::{LISTED, clip, list};
pub use weights::{Taken, Weights};
pub use write::write;
