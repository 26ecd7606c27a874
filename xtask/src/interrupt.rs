//! Ctrl-C: the first press asks a command to save and to end, the second ends the program at once.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use resnet_kernels::hangup;
use resnet_terminal::progress;

use crate::failure::INTERRUPTED;

/// A signal that follows the first one sooner is no second press where there is no terminal to press on: one
/// that is closed can send SIGHUP twice.
const ONE_EVENT: Duration = Duration::from_secs(1);

/// For a training: from now on Ctrl-C sets `stop`, and the training saves and ends after its step.
pub(crate) fn watch(stop: &Arc<AtomicBool>) -> anyhow::Result<()> {
    let flag = Arc::clone(stop);
    on_first_press(move || {
        flag.store(true, Ordering::Relaxed);
        progress::line("stopping after this step, then saving; press Ctrl-C again to leave at once");
    })
}

/// From here on Ctrl-C, SIGTERM and, unless `nohup` has it ignored, SIGHUP call `act`, on a thread of their
/// own; a second one exits, without a terminal only if it comes a second later.
pub(crate) fn on_first_press(act: impl Fn() + Send + 'static) -> anyhow::Result<()> {
    let mut first: Option<Instant> = None;
    let handler = move || match first {
        None => {
            first = Some(Instant::now());
            act();
        }
        Some(then) if then.elapsed() < ONE_EVENT && !std::io::stderr().is_terminal() => {}
        Some(_) => std::process::exit(INTERRUPTED.into()),
    };
    hangup::kept_ignored(|| ctrlc::set_handler(handler)).context("cannot watch for Ctrl-C")
}
