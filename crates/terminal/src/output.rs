//! Standard output: tables for people, JSON for scripts.

use std::fmt;
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

/// Nobody reads standard output any more, as in `cargo xtask models | head -1`. It ends a command, and is no
/// failure of it.
#[derive(Debug)]
pub struct Gone;

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody reads standard output any more")
    }
}

impl std::error::Error for Gone {}

/// `done`, where readers that have [`Gone`] are no error: at the end of a command, and where something else
/// than printing decides how it ends.
///
/// # Errors
/// Any other error of `done`.
pub fn unless_gone(done: anyhow::Result<()>) -> anyhow::Result<()> {
    done.or_else(|error| if error.is::<Gone>() { Ok(()) } else { Err(error) })
}

/// Prints a line of results as it is, such as a command to copy.
///
/// # Errors
/// [`Gone`], or if standard output cannot be written to.
pub fn line(text: &str) -> anyhow::Result<()> {
    match written(text) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Gone.into()),
        other => other.context("cannot write to standard output"),
    }
}

/// Prints sentences, which wrap at the terminal's width.
///
/// # Errors
/// As [`line()`].
pub fn sentences(text: &str) -> anyhow::Result<()> {
    line(&text::wrap(text, text::out(), 0))
}

/// Prints a result after its label.
///
/// # Errors
/// As [`line()`].
pub fn labelled(label: &str, text: &str) -> anyhow::Result<()> {
    line(&text::labelled(label, text, text::out()))
}

/// Prints `value` as JSON on one line.
///
/// # Errors
/// As [`line()`].
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
/// As [`line()`].
pub fn print_table(table: &Table) -> anyhow::Result<()> {
    line(&table.lines(text::out()).join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_that_are_gone_are_no_error_and_others_are() {
        assert!(unless_gone(Ok(())).is_ok());
        assert!(unless_gone(Err(Gone.into())).is_ok());
        assert!(unless_gone(Err::<(), _>(Gone).context("printing a table")).is_ok());
        assert!(unless_gone(Err(anyhow::anyhow!("disk full"))).is_err());
    }
}
