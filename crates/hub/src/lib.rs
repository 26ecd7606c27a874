//! Repositories of the Hugging Face hub: their files, downloaded with checksums into the cache that the
//! Python library uses too.
//!
//! ```no_run
//! use resnet_hub::{HubModel, NoProgress};
//!
//! # fn main() -> Result<(), resnet_hub::Error> {
//! let model = HubModel::new("timm/resnet50.a1_in1k", None)?;
//! let weights = model.first_of(&["model.safetensors", "pytorch_model.bin"], &NoProgress)?;
//! println!("{}", weights.display());
//! # Ok(())
//! # }
//! ```
//!
//! # The life of a download
//!
//! 1. **Settings.** The environment variables of the Python library name the cache, the server and the token
//!    (`settings.rs`, `expand.rs`). With `HF_HUB_OFFLINE` set, only the cache is read.
//! 2. **Listing.** [`Repository::listing`] asks the server which files a revision has, and how long they are
//!    (`listing.rs`). The answer is kept in the cache, so that a later start without a network knows which
//!    files are missing. Names are checked before they become part of a path (`names.rs`).
//! 3. **Cache.** [`Repository::get`] looks for the file in the snapshot of the revision, and makes no request
//!    if it is there (`repository.rs`).
//! 4. **Download.** The bytes are appended to `blobs/ETAG.part`, and a later start goes on where an earlier
//!    one stopped (`download.rs`). A request of any kind is made again if its connection is lost, or silent
//!    for half a minute, or if the server is busy (status 408, 425, 429 or from 500 on): up to nine times in
//!    a row, after waits that grow to a minute or that the server asks for. One that never answers at all is
//!    asked twice (`request.rs`).
//! 5. **Checksum.** The whole file is compared with the SHA-256 or the Git name that the server gave
//!    (`checksum.rs`). If they differ, it is thrown away.
//! 6. **Link.** The blob gets its final name, and `snapshots/COMMIT/NAME` a link to it.
//!
//! A file that cannot be had is [`Missing`], with the cause: offline, absent, refused or failed.
//!
//! # What this crate must not know
//!
//! Images, networks, data sets, and options of the command line: a repository is a set of named files.
//!
//! # Files
//!
//! | file | |
//! |---|---|
//! | `model.rs` | [`HubModel`]: the files of a model |
//! | `repository.rs` | [`Repository`]: one file or the listing, from the cache or the server |
//! | `download.rs`, `checksum.rs` | one file into the cache, resumed and checked |
//! | `request.rs` | how long a server is waited for, and when it is asked again |
//! | `listing.rs`, `missing.rs` | [`Listing`]: which files there are; [`Missing`]: why one is not |
//! | `settings.rs`, `expand.rs` | [`Settings`] from the environment; `~` and variables in paths |
//! | `names.rs`, `text.rs` | names from people and servers: checked for paths; escaped for messages |
//! | `progress.rs`, `error.rs` | [`Progress`], [`enum@Error`] |

mod checksum;
mod download;
mod error;
mod expand;
mod listing;
mod missing;
mod model;
pub mod names;
mod progress;
mod repository;
mod request;
mod settings;
mod text;

pub use error::Error;
pub use listing::Listing;
pub use missing::Missing;
pub use model::HubModel;
pub use progress::{NoProgress, Progress};
pub use repository::{Repository, RepositoryKind};
pub use settings::{NetworkAccess, Settings};
