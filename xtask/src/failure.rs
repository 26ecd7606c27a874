//! How a command ends: one sentence with its causes on standard error, and an exit code.

use std::fmt;
use std::process::ExitCode;

/// Exit code of a command that was stopped by Ctrl-C, as shells have it: 128 + SIGINT.
pub(crate) const INTERRUPTED: u8 = 130;

/// An end with an exit code of its own; every other error is exit code 1.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The command line asks for something that needs another option: exit code 2.
    Usage(String),
    /// Stopped by Ctrl-C; nothing more is printed: exit code 130.
    Interrupted,
    /// Some of the work failed, and each failure was reported when it happened: exit code 1.
    Reported,
}

impl Ended {
    /// The error of a command line that asks for something that needs another option.
    pub(crate) fn usage<T>(message: impl Into<String>) -> anyhow::Result<T> {
        Err(Ended::Usage(message.into()).into())
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Usage(message) => f.write_str(message),
            Ended::Interrupted => f.write_str("interrupted"),
            Ended::Reported => f.write_str("some of it failed"),
        }
    }
}

impl std::error::Error for Ended {}

/// Reports what went wrong, if anything did.
pub(crate) fn exit_code(done: anyhow::Result<()>) -> ExitCode {
    let Err(error) = resnet_terminal::output::unless_gone(done) else { return ExitCode::SUCCESS };
    match error.downcast_ref::<Ended>() {
        Some(Ended::Interrupted) => ExitCode::from(INTERRUPTED),
        Some(Ended::Reported) => ExitCode::FAILURE,
        Some(Ended::Usage(_)) => {
            report(&error);
            ExitCode::from(2)
        }
        None => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

/// Prints `error: ` and the sentence; with RUST_LOG=debug also where in the program it arose, as far as
/// RUST_BACKTRACE asks for that. Control characters in quoted names are escaped.
pub(crate) fn report(error: &anyhow::Error) {
    let told = sentence(error);
    let told = match crate::data_hints::of_data(error) {
        Some((plain, hinted)) => told.replace(&plain, &hinted),
        None => told,
    };
    let told = if tracing::enabled!(tracing::Level::DEBUG) { told } else { without_backtrace(&told) };
    let lines: Vec<_> = told.lines().map(resnet_data::names::printable).collect();
    resnet_terminal::progress::sentence(&format!("error: {}", lines.join("\n")), "error: ".len());
}

/// The text without the lines of a backtrace, which candle puts into its messages where RUST_BACKTRACE is
/// set.
fn without_backtrace(text: &str) -> String {
    let is_frame = |line: &str| {
        let line = line.trim_start();
        let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        line.starts_with("at ") || digits > 0 && line[digits..].starts_with(": ")
    };
    // A line of a message is no frame: ours have none, and those that candle's context adds are not indented.
    let is_kept = |line: &&str| !(line.trim().is_empty() || line.starts_with(' ') && is_frame(line));
    text.lines().filter(is_kept).collect::<Vec<_>>().join("\n")
}

/// The error and its causes as one sentence. Our crates put causes into their own messages, so a cause that
/// was already told is not told again.
fn sentence(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if told.is_empty() {
            told = text;
        } else if !told.contains(&text) {
            told = format!("{told}: {text}");
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn candles_backtrace_is_not_for_users() {
        let inner = Box::new(candle_core::Error::Msg("cannot halve an odd map".to_owned()));
        let backtrace = Box::new(std::backtrace::Backtrace::force_capture());
        let error = candle_core::Error::WithBacktrace { inner, backtrace }.context("in stages.1");
        let error = anyhow::Error::new(error).context("resnet20-v2 failed on images of 33 x 33");
        let told = sentence(&error);
        assert!(told.lines().count() > 5, "there is no backtrace to be left out: {told}");
        assert_eq!(
            without_backtrace(&told),
            "resnet20-v2 failed on images of 33 x 33: in stages.1\ncannot halve an odd map"
        );
        let plain = "config.json: 3: expected a number";
        assert_eq!(without_backtrace(plain), plain);
    }

    #[test]
    fn causes_are_told_once() {
        let inner = anyhow::anyhow!("No such file");
        assert_eq!(sentence(&inner.context("cannot read x")), "cannot read x: No such file");
        let error =
            Err::<(), _>(std::io::Error::other("disk full")).context("cannot write x: disk full; make room");
        assert_eq!(sentence(&error.unwrap_err()), "cannot write x: disk full; make room");
    }
}
