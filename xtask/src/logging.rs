//! Logs by `tracing`, to standard error, past the progress bars. `RUST_LOG` chooses what is shown.

use std::io::IsTerminal as _;

use tracing_indicatif::IndicatifLayer;
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::prelude::*;

/// Target of the spans that are drawn as bars, and of nothing else.
pub(crate) const BARS: &str = "xtask::bars";

/// What is shown unless `RUST_LOG` says otherwise.
const DEFAULT: &str =
    "warn,xtask=info,resnet_data=info,resnet_models=info,resnet_train=info,resnet_record=info";

/// Starts logging for the whole program.
pub(crate) fn start() {
    let (filter, complaint) = match std::env::var("RUST_LOG") {
        Ok(text) if !text.trim().is_empty() => match EnvFilter::try_new(&text) {
            Ok(filter) => (filter, None),
            Err(error) => {
                (EnvFilter::new(DEFAULT), Some(format!("RUST_LOG={text} is not understood ({error})")))
            }
        },
        _ => (EnvFilter::new(DEFAULT), None),
    };
    let bars = IndicatifLayer::new();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(bars.get_stderr_writer())
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .without_time()
        .with_target(false)
        .compact()
        .with_filter(filter);
    let bars = bars.with_filter(filter_fn(|metadata| metadata.is_span() && metadata.target() == BARS));
    tracing_subscriber::registry().with(lines).with(bars).init();
    if let Some(complaint) = complaint {
        tracing::warn!("{complaint}; write for example RUST_LOG=debug");
    }
}
