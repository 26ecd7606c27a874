//! The help of a command line, whose descriptions wrap under themselves.

use crate::text;

/// `help` at `width`: each line wraps to the column where its own text begins, after the name of an option or
/// at its indent.
pub fn wrap(help: &str, width: Option<usize>) -> String {
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
    use super::*;

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
}
