//! Text for people at the width of their terminal: lines break at words, under the word that they belong to.
//!
//! Widths are columns; `None` is a pipe or a file, where lines are as long as they are. Only [`out`] and
//! [`err`] ask a terminal.

use console::{Term, measure_text_width};

/// Where the text after a label begins.
const LABEL: usize = 16;

/// The columns of standard output, if it is a terminal.
pub fn out() -> Option<usize> {
    columns(&Term::stdout())
}

/// The columns of standard error, if it is a terminal.
pub fn err() -> Option<usize> {
    columns(&Term::stderr())
}

/// Whether colours are wanted on a terminal: `NO_COLOR` is not set, or is empty.
pub fn has_colours() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
}

fn columns(terminal: &Term) -> Option<usize> {
    // Some terminals say 0, which means that they don't know.
    terminal.size_checked().map(|(_, columns)| usize::from(columns)).filter(|columns| *columns > 0)
}

/// `text`, each of whose lines keeps to `width`; what does not fit goes on `indent` columns from the left.
///
/// Lines break at blanks only, so a word that is longer than a line stays whole.
pub fn wrap(text: &str, width: Option<usize>, indent: usize) -> String {
    let Some(width) = width else { return text.to_owned() };
    // A third of the line is for words, however far the indent goes.
    let indent = indent.min(width * 2 / 3);
    let lines: Vec<String> = text.split('\n').map(|line| wrap_line(line, width, indent)).collect();
    lines.join("\n")
}

/// Like [`wrap`], but for lines that begin with two blanks, which stay whole: they are commands to be copied.
pub fn sentence(text: &str, width: Option<usize>, indent: usize) -> String {
    let wrapped =
        |line| if str::starts_with(line, "  ") { line.to_owned() } else { wrap(line, width, indent) };
    text.split('\n').map(wrapped).collect::<Vec<_>>().join("\n")
}

fn wrap_line(line: &str, width: usize, indent: usize) -> String {
    if measure_text_width(line) <= width {
        return line.to_owned();
    }
    let mut wrapped = String::new();
    let (mut column, mut has_words) = (0, false);
    // Blanks that wait for a word on the same line.
    let mut blanks = "";
    for piece in pieces(line) {
        if piece.starts_with(' ') {
            blanks = piece;
            continue;
        }
        let length = measure_text_width(piece);
        if has_words && column + blanks.len() + length > width {
            wrapped.push('\n');
            wrapped.push_str(&" ".repeat(indent));
            column = indent;
        } else {
            wrapped.push_str(blanks);
            column += blanks.len();
        }
        blanks = "";
        wrapped.push_str(piece);
        (column, has_words) = (column + length, true);
    }
    wrapped
}

/// Runs of blanks, and what is between them.
fn pieces(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    std::iter::from_fn(move || {
        let is_blank = rest.starts_with(' ');
        let end = rest.find(|c: char| (c == ' ') != is_blank).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

/// How many columns `text` takes: letters of Chinese, Japanese and Korean take two each.
pub fn width(text: &str) -> usize {
    measure_text_width(text)
}

/// `text` with blanks behind it, so that it takes at least so many columns.
pub fn padded(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// `label` and, from a fixed column on, `text`, which wraps there. After a label that is wider than its
/// column, the text begins two blanks later.
pub fn labelled(label: &str, text: &str, width: Option<usize>) -> String {
    let gap = if measure_text_width(label) < LABEL { "" } else { "  " };
    wrap(&format!("{}{gap}{text}", padded(label, LABEL)), width, LABEL)
}

/// `parts` on one line, two blanks between them; where there is no room, the line breaks between two parts.
pub fn parts(parts: &[String], width: Option<usize>) -> String {
    let mut lines = vec![String::new()];
    for part in parts.iter().filter(|part| !part.is_empty()) {
        let line = lines.last().map_or(0, |line| measure_text_width(line));
        match lines.last_mut() {
            Some(last) if line == 0 => last.push_str(part),
            Some(last) if width.is_none_or(|width| line + 2 + measure_text_width(part) <= width) => {
                last.push_str("  ");
                last.push_str(part);
            }
            _ => lines.push(format!("  {part}")),
        }
    }
    let lines: Vec<String> = lines.iter().map(|line| wrap(line, width, 2)).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "about 9.9 GB: 9.3 GB for a training step, 617 MB of batches ahead, the rest is the program";

    #[test]
    fn text_wraps_at_words_under_its_label() {
        let at = |width| labelled("memory", TEXT, width);
        let forty = "memory          about 9.9 GB: 9.3 GB for\n\
                     \u{20}               a training step, 617 MB\n\
                     \u{20}               of batches ahead, the\n\
                     \u{20}               rest is the program";
        assert_eq!(at(Some(40)), forty);
        let eighty = "memory          about 9.9 GB: 9.3 GB for a training step, 617 MB of batches\n\
                      \u{20}               ahead, the rest is the program";
        assert_eq!(at(Some(80)), eighty);
        let whole = format!("memory          {TEXT}");
        assert_eq!([at(Some(200)), at(None)], [whole.clone(), whole]);
    }

    #[test]
    fn a_label_wider_than_its_column_is_parted_from_its_text() {
        assert_eq!(
            labelled("undecided at this scale", "of 3 runs", None),
            "undecided at this scale  of 3 runs"
        );
        assert_eq!(labelled("sixteen letters_", "of 3 runs", None), "sixteen letters_  of 3 runs");
        assert_eq!(labelled("fifteen letters", "of 3 runs", None), "fifteen letters of 3 runs");
    }

    #[test]
    fn a_command_in_a_sentence_stays_whole() {
        let command = "  cargo xtask train --recipe runs/quick-start-1/recipe.toml --from runs/quick-start-1";
        let told =
            sentence(&format!("error: the schedule cannot change; start a new run:\n{command}"), Some(40), 7);
        assert_eq!(told, format!("error: the schedule cannot change; start\n       a new run:\n{command}"));
    }

    #[test]
    fn no_line_is_too_wide_and_no_word_is_lost() {
        for width in 1..120 {
            let wrapped = labelled("memory", TEXT, Some(width));
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            assert_eq!(words(&wrapped), words(&format!("memory {TEXT}")), "{width}");
            for line in wrapped.lines() {
                let alone = line.trim().split(' ').count() == 1;
                assert!(alone || measure_text_width(line) <= width, "{width}: {line:?}");
                assert_eq!(line, line.trim_end(), "{width}");
            }
        }
    }

    #[test]
    fn a_word_that_is_too_long_stays_whole_and_colours_take_no_room() {
        let path = "a/very/long/path/to/some/file.safetensors";
        assert_eq!(wrap(&format!("see {path} now"), Some(20), 2), format!("see\n  {path}\n  now"));
        let coloured = "\u{1b}[33mWARN\u{1b}[0m 23456 890";
        assert_eq!(wrap(coloured, Some(14), 0), coloured);
        // Characters that take two columns.
        assert_eq!(wrap("猫猫猫 犬犬犬", Some(12), 0), "猫猫猫\n犬犬犬");
    }

    #[test]
    fn parts_are_not_torn_where_they_fit_a_line() {
        let row: Vec<String> = ["epoch 1/3", "loss 0.512", "val 93.26 % (best)"].map(str::to_owned).into();
        assert_eq!(parts(&row, None), "epoch 1/3  loss 0.512  val 93.26 % (best)");
        assert_eq!(parts(&row, Some(41)), "epoch 1/3  loss 0.512  val 93.26 % (best)");
        assert_eq!(parts(&row, Some(40)), "epoch 1/3  loss 0.512\n  val 93.26 % (best)");
        assert_eq!(parts(&row, Some(15)), "epoch 1/3\n  loss 0.512\n  val 93.26 %\n  (best)");
    }
}
