//! `Progress`: how a download reports what it has done.

/// Receives the progress of downloads, one file after the other.
pub trait Progress: Send + Sync {
    /// A download of `total_bytes` begins; `label` names the file.
    fn start(&self, label: &str, total_bytes: u64);
    /// `bytes` more have arrived.
    fn advance(&self, bytes: u64);
    /// The file is complete.
    fn finish(&self);
}

/// Ignores all reports.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn start(&self, _label: &str, _total_bytes: u64) {}
    fn advance(&self, _bytes: u64) {}
    fn finish(&self) {}
}
