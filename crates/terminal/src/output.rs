//! Standard output: tables for people, JSON for scripts.

use std::io::{self, Write as _};

use anyhow::Context as _;
use serde::Serialize;

use crate::table::Table;
use crate::text;

/// The form in which a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Tables and sentences.
    Text,
    /// One object, or one per line.
    Json,
}

/// Prints a line of results as it is, such as a command to copy.
///
/// # Errors
/// If standard output cannot be written to.
pub fn line(text: &str) -> anyhow::Result<()> {
    match written(text) {
        // The reader has closed its end, as in `cargo xtask models | head -1`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => other.context("cannot write to standard output"),
    }
}

/// Prints sentences, which wrap at the terminal's width.
///
/// # Errors
/// If standard output cannot be written to.
pub fn sentences(text: &str) -> anyhow::Result<()> {
    line(&text::wrap(text, text::out(), 0))
}

/// Prints a result after its label.
///
/// # Errors
/// If standard output cannot be written to.
pub fn labelled(label: &str, text: &str) -> anyhow::Result<()> {
    line(&text::labelled(label, text, text::out()))
}

/// Prints `value` as JSON on one line.
///
/// # Errors
/// If standard output cannot be written to.
pub fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(&serde_json::to_string(value).context("cannot write the result as JSON")?)
}

/// Prints `value` as JSON on one line, in the middle of work that goes on where nobody reads it any more.
///
/// # Errors
/// If standard output cannot be written to.
pub fn try_json(value: &impl Serialize) -> io::Result<()> {
    written(&serde_json::to_string(value)?)
}

fn written(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush())
}

/// Prints a table at the terminal's width.
///
/// # Errors
/// If standard output cannot be written to.
pub fn print_table(table: &Table) -> anyhow::Result<()> {
    line(&table.lines(text::out()).join("\n"))
}
