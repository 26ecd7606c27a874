//! Repositories of the Hugging Face hub, through its cache.

mod cache;
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
mod settings;

pub use error::Error;
pub use listing::Listing;
pub use missing::Missing;
pub use model::HubModel;
pub use progress::{NoProgress, Progress};
pub use repository::{Repository, RepositoryKind};
pub use settings::{Network, Settings};
