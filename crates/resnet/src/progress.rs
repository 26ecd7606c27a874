//! The progress of downloads: the hub's trait, or without the feature `hub` one that is never called.

#[cfg(feature = "hub")]
pub use resnet_hub::{NoProgress, Progress};

/// Stands in for the hub's trait in a build without the feature `hub`; nothing is ever reported.
#[cfg(not(feature = "hub"))]
pub trait Progress: Send + Sync {}

/// Reports to nobody.
#[cfg(not(feature = "hub"))]
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

#[cfg(not(feature = "hub"))]
impl Progress for NoProgress {}
