//! Repositories of the Hugging Face hub, through its cache.

mod checksum;
mod download;
mod error;
mod expand;
mod listing;
mod model;
pub mod names;
mod progress;
mod repository;
mod settings;

pub use error::Error;
pub use listing::Listing;
pub use model::HubModel;
pub use progress::{NoProgress, Progress};
pub use repository::{Missing, Repository, RepositoryKind};
pub use settings::{Network, Settings};
