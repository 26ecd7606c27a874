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
    /// Stopped by Ctrl-C; what there is to say was said: exit code 130.
    Interrupted,
    /// Failed in parts, each of which was reported when it happened: exit code 1.
    Reported,
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

/// Tells the user what went wrong, if anything did.
pub(crate) fn exit_code(done: anyhow::Result<()>) -> ExitCode {
    let Err(error) = done else { return ExitCode::SUCCESS };
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

/// Prints `error: ` and the sentence. Whatever it quotes, it steers no terminal.
pub(crate) fn report(error: &anyhow::Error) {
    let sentence = sentence(error);
    let lines: Vec<_> = sentence.lines().map(resnet_data::names::printable).collect();
    crate::progress::line(&format!("error: {}", lines.join("\n")));
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
    fn causes_are_told_once() {
        let inner = anyhow::anyhow!("No such file");
        assert_eq!(sentence(&inner.context("cannot read x")), "cannot read x: No such file");
        let error =
            Err::<(), _>(std::io::Error::other("disk full")).context("cannot write x: disk full; make room");
        assert_eq!(sentence(&error.unwrap_err()), "cannot write x: disk full; make room");
    }
}
