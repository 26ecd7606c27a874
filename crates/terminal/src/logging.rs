//! Logs by `tracing`, to standard error, past the progress bars. `RUST_LOG` chooses what is shown.

use std::io::{self, IsTerminal as _, Write};

use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::prelude::*;

use crate::{screen, text, voice};

/// Columns that a line's level takes, under which its message wraps.
const LEVEL: usize = " WARN ".len();

/// Writes lines that wrap at the terminal's width. An event comes in one piece. It never fails: what cannot
/// be written is lost.
struct Wrapped;

impl Write for Wrapped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = text::sentence(&String::from_utf8_lossy(bytes), text::err(), LEVEL);
        if let Some(text) = voice::voiced(&text) {
            screen::write(&text);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts logging for the whole program; `default` is the filter unless `RUST_LOG` says otherwise, such as
/// `warn,my_crate=info`.
pub fn start(default: &str) {
    let (filter, complaint) = match std::env::var("RUST_LOG") {
        Ok(text) if !text.trim().is_empty() => match EnvFilter::try_new(&text) {
            Ok(filter) => (filter, None),
            Err(error) => {
                (EnvFilter::new(default), Some(format!("RUST_LOG={text} is not understood ({error})")))
            }
        },
        _ => (EnvFilter::new(default), None),
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(|| Wrapped)
        .with_ansi(std::io::stderr().is_terminal() && text::has_colours())
        .without_time()
        .with_target(false)
        .compact()
        .with_filter(filter);
    tracing_subscriber::registry().with(lines).init();
    if let Some(complaint) = complaint {
        tracing::warn!("{complaint}; write for example RUST_LOG=debug");
    }
}
