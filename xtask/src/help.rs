//! Parses the command line; help and errors wrap at words, each line under the text that it belongs to.
//!
//! clap would do that with its feature `wrap_help`, which finds the terminal's width with a crate of its own
//! and leaves no say in it.

use std::io::IsTerminal as _;

use clap::Parser;

use crate::text;

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
        let has_colours = std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
        let rendered = if has_colours { rendered.ansi().to_string() } else { rendered.to_string() };
        let wrapped = wrap(rendered.trim_end(), Some(width));
        match told.use_stderr() {
            true => eprintln!("{wrapped}"),
            false => println!("{wrapped}"),
        }
        std::process::exit(told.exit_code())
    })
}

/// Each line wraps to the column where its own text begins: after the name of an option, or at its indent.
fn wrap(help: &str, width: Option<usize>) -> String {
    let lines = help.lines().map(|line| text::wrap(line, width, text_of(line)));
    lines.collect::<Vec<_>>().join("\n")
}

/// The column in which the text of a line begins.
fn text_of(line: &str) -> usize {
    let plain = console::strip_ansi_codes(line);
    let start = plain.len() - plain.trim_start().len();
    // A value that an option may have: `- timm:         timm's names`.
    let name =
        plain[start..].strip_prefix("- ").and_then(|value| value.find(": ")).map(|end| start + 3 + end);
    match plain[start..].find("  ").map(|end| start + end).or(name) {
        Some(end) => end + (plain[end..].len() - plain[end..].trim_start().len()),
        None if plain.starts_with("Usage: ") => "Usage: ".len(),
        None => start,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use console::measure_text_width;

    use super::*;
    use crate::args::Cli;

    const OPTION: &str =
        "      --epochs <N>  Epochs to train, instead of the recipe's duration, however long that is";

    #[test]
    fn a_description_wraps_under_itself() {
        let forty = "      --epochs <N>  Epochs to train,\n\
                     \u{20}                   instead of the\n\
                     \u{20}                   recipe's duration,\n\
                     \u{20}                   however long that is";
        assert_eq!(wrap(OPTION, Some(40)), forty);
        let eighty = "      --epochs <N>  Epochs to train, instead of the recipe's duration, however\n\
                      \u{20}                   long that is";
        assert_eq!(wrap(OPTION, Some(80)), eighty);
        assert_eq!([Some(200), None].map(|width| wrap(OPTION, width)), [OPTION; 2]);
        let value = "  - transformers: of Hugging Face";
        assert_eq!(wrap(value, Some(30)), "  - transformers: of Hugging\n                  Face");
    }

    #[test]
    fn the_help_of_every_command_keeps_to_the_terminal() {
        let mut commands = vec![Cli::command()];
        let mut faults = vec![];
        while let Some(mut command) = commands.pop() {
            commands.extend(command.get_subcommands().cloned());
            let help = command.render_long_help().ansi().to_string();
            for width in [40, 80, 200] {
                for line in wrap(&help, Some(width)).lines().filter(|line| measure_text_width(line) > width) {
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
