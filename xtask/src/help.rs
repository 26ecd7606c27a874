//! Parses the command line; help and errors wrap at words, each line under the text that it belongs to.
//!
//! clap would do that with its feature `wrap_help`, which finds the terminal's width with a crate of its own
//! and leaves no say in it.

use std::io::IsTerminal as _;

use clap::Parser;
use resnet_terminal::help::wrap;
use resnet_terminal::text;

/// The parsed command line. For `--help`, or a wrong command line, the text is printed and the program ends.
pub(crate) fn parse<T: Parser>() -> T {
    T::try_parse().unwrap_or_else(|told| {
        let (is_terminal, width) = match told.use_stderr() {
            true => (std::io::stderr().is_terminal(), text::err()),
            false => (std::io::stdout().is_terminal(), text::out()),
        };
        // Without a terminal nothing wraps, and clap prints by itself.
        let Some(width) = width.filter(|_| is_terminal) else { told.exit() };
        let rendered = told.render();
        let rendered = if text::has_colours() { rendered.ansi().to_string() } else { rendered.to_string() };
        let wrapped = wrap(rendered.trim_end(), Some(width));
        match told.use_stderr() {
            true => eprintln!("{wrapped}"),
            false => println!("{wrapped}"),
        }
        std::process::exit(told.exit_code())
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Cli;

    #[test]
    fn the_help_of_every_command_keeps_to_the_terminal() {
        let mut commands = vec![Cli::command()];
        let mut faults = vec![];
        while let Some(mut command) = commands.pop() {
            commands.extend(command.get_subcommands().cloned());
            let help = command.render_long_help().ansi().to_string();
            for width in [40, 80, 200] {
                for line in wrap(&help, Some(width)).lines().filter(|line| text::width(line) > width) {
                    // The name of an option is one word, however long.
                    if line.trim().contains("  ") || width > 40 {
                        faults.push(format!("{} at {width}: {line}", command.get_name()));
                    }
                }
            }
        }
        assert!(faults.is_empty(), "{faults:#?}");
    }
}
