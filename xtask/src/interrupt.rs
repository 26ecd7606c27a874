//! Ctrl-C during a training: the first press ends it after the step and saves, the second ends the program.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use anyhow::Context as _;

use crate::failure::INTERRUPTED;
use crate::progress;

/// From here on Ctrl-C, SIGTERM and SIGHUP set the flag that is returned; a second one exits.
pub(crate) fn watch() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let (flag, presses) = (Arc::clone(&stop), AtomicU8::new(0));
    ctrlc::set_handler(move || {
        if presses.fetch_add(1, Ordering::Relaxed) > 0 {
            std::process::exit(INTERRUPTED.into());
        }
        flag.store(true, Ordering::Relaxed);
        progress::line("stopping after this step, then saving; press Ctrl-C again to leave at once");
    })
    .context("cannot watch for Ctrl-C")?;
    Ok(stop)
}
