//! Images that have an EXIF orientation: counted, and reported once.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use resnet_vision::image::{self, Orientation};

/// The records whose images an EXIF orientation turned or, where that is ignored, would have turned.
#[derive(Debug, Default)]
pub(super) struct Turned {
    records: Mutex<BTreeSet<u64>>,
    told: AtomicBool,
}

impl Turned {
    fn records(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, record: u64) {
        self.records().insert(record);
    }

    pub(super) fn count(&self) -> u64 {
        self.records().len() as u64
    }

    /// Reports them at the end of the first epoch that had some.
    pub(super) fn tell(&self, orientation: Orientation) {
        let message = match (orientation, self.count()) {
            (_, 0) => return,
            (Orientation::Apply, count) => image::turned(count),
            (Orientation::Ignore, 1) => Some("1 image has an EXIF orientation, which is ignored".to_owned()),
            (Orientation::Ignore, count) => {
                Some(format!("{count} images have an EXIF orientation, which is ignored"))
            }
        };
        if let Some(message) = message.filter(|_| !self.told.swap(true, Relaxed)) {
            tracing::info!("{message}");
        }
    }
}
