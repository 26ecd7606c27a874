//! The progress of downloads: the hub's trait, or without the feature `hub` one that is never called.

#[cfg(feature = "hub")]
pub use resnet_hub::{NoProgress, Progress};

/// Who would be told of downloads, if this was built with the feature `hub`.
#[cfg(not(feature = "hub"))]
pub trait Progress: Send + Sync {}

/// Nobody is told.
#[cfg(not(feature = "hub"))]
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

#[cfg(not(feature = "hub"))]
impl Progress for NoProgress {}
