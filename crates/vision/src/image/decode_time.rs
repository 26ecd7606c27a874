//! `DecodeTime`: how long the decoding of one image has taken, added up over its parts and threads.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Nanoseconds so far.
#[derive(Debug, Default)]
pub(super) struct DecodeTime(AtomicU64);

impl DecodeTime {
    /// Adds the time since `start`.
    pub(super) fn add_since(&self, start: Instant) {
        self.0.fetch_add(start.elapsed().as_nanos() as u64, Relaxed);
    }

    /// The time added up so far.
    pub(super) fn total(&self) -> Duration {
        Duration::from_nanos(self.0.load(Relaxed))
    }
}
