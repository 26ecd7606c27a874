//! Logs by `tracing`, to standard error, past the progress bars. `RUST_LOG` chooses what is shown.

use std::io::{self, IsTerminal as _, Write};

use tracing_indicatif::IndicatifLayer;
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;

use crate::{text, voice};

/// Target of the spans that are drawn as bars, and of nothing else.
pub const BARS: &str = "resnet_terminal::bars";

/// Columns that a line's level takes, under which its message wraps.
const LEVEL: usize = " WARN ".len();

/// Makes writers that wrap lines at the terminal's width. An event comes in one piece.
struct Wrapping<M>(M);

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for Wrapping<M> {
    type Writer = Wrapped<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Wrapped(self.0.make_writer())
    }
}

struct Wrapped<W>(W);

impl<W: Write> Write for Wrapped<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = text::sentence(&String::from_utf8_lossy(bytes), text::err(), LEVEL);
        let Some(text) = voice::voiced(&text) else { return Ok(bytes.len()) };
        self.0.write_all(text.as_bytes()).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
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
    let bars = IndicatifLayer::new();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(Wrapping(bars.get_stderr_writer()))
        .with_ansi(std::io::stderr().is_terminal() && text::has_colours())
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
