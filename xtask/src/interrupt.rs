//! Ctrl-C: the first press asks a command to save and to end, the second ends the program at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use anyhow::Context as _;
use resnet_kernels::hangup;
use resnet_terminal::progress;

use crate::failure::INTERRUPTED;

/// For a training: from now on Ctrl-C sets `stop`, and the training saves and ends after its step.
pub(crate) fn watch(stop: &Arc<AtomicBool>) -> anyhow::Result<()> {
    let flag = Arc::clone(stop);
    on_first_press(move || {
        flag.store(true, Ordering::Relaxed);
        progress::line("stopping after this step, then saving; press Ctrl-C again to leave at once");
    })
}

/// From here on Ctrl-C, SIGTERM and, unless `nohup` has it ignored, SIGHUP call `act`, on a thread of their
/// own; a second one exits.
pub(crate) fn on_first_press(act: impl Fn() + Send + 'static) -> anyhow::Result<()> {
    let presses = AtomicU8::new(0);
    let handler = move || {
        if presses.fetch_add(1, Ordering::Relaxed) > 0 {
            std::process::exit(INTERRUPTED.into());
        }
        act();
    };
    hangup::kept_ignored(|| ctrlc::set_handler(handler)).context("cannot watch for Ctrl-C")
}
