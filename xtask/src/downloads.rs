//! Shows downloads: a bar for each file, or one for all of them.

use std::sync::{Mutex, PoisonError};

use resnet_terminal::numbers;
use resnet_terminal::progress::{self, Meter, Show, Unit};

/// Shows downloads, each under its own bar or several under one.
#[derive(Debug, Default)]
pub(crate) struct Downloads {
    /// The bytes of all files together, if they share a bar.
    total: Option<u64>,
    now: Mutex<Option<Download>>,
}

impl Downloads {
    /// Several files of `total` bytes together under one bar; if that is not known, each has its own.
    pub(crate) fn of(total: Option<u64>) -> Self {
        Downloads { total, now: Mutex::default() }
    }
}

#[derive(Debug)]
struct Download {
    label: String,
    done: u64,
    meter: Meter,
}

impl resnet_hub::Progress for Downloads {
    fn start(&self, label: &str, total_bytes: u64) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        match (&mut *now, self.total) {
            (Some(download), Some(_)) => label.clone_into(&mut download.label),
            (now, total) => {
                if total.is_none() {
                    progress::line(&format!("downloading {label}, {}", numbers::bytes(total_bytes)));
                }
                let meter = Meter::new(Unit::Bytes, 0, total.unwrap_or(total_bytes), Show::Always);
                *now = Some(Download { label: label.to_owned(), done: 0, meter });
            }
        }
    }

    fn advance(&self, bytes: u64) {
        if let Some(download) = &mut *self.now.lock().unwrap_or_else(PoisonError::into_inner) {
            download.done += bytes;
            let (done, label) = (download.done, &download.label);
            download.meter.update(done, |left| format!("{label} · {left}"));
        }
    }

    fn finish(&self) {
        if self.total.is_none() {
            *self.now.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }
}
