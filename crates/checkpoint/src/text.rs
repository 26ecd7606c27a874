//! Names and texts from files as messages show them: lists of limited length, unprintable characters escaped.

use std::fmt::Display;

use resnet_words::is_unprintable;

/// Names that a message lists before "and N more".
pub const LISTED: usize = 10;

/// Names in one line, the first [`LISTED`] of them: `a, b, c and 5 more`.
pub fn list(names: &[impl Display]) -> String {
    let shown: Vec<String> = names.iter().take(LISTED).map(|name| clip(&name.to_string(), 160)).collect();
    let more = names.len() - shown.len();
    let shown = shown.join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

/// The text's first `longest` characters, unprintable ones escaped, and `...` if there are more.
pub fn clip(text: &str, longest: usize) -> String {
    let mut clipped: String = text.chars().take(longest).flat_map(visible).collect();
    if text.chars().nth(longest).is_some() {
        clipped.push_str("...");
    }
    clipped
}

/// An unprintable character's escape; anything else as it is.
fn visible(c: char) -> impl Iterator<Item = char> {
    let escape = is_unprintable(c).then(|| c.escape_debug());
    let plain = escape.is_none().then_some(c);
    escape.into_iter().flatten().chain(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_texts_are_shortened_and_escaped() {
        let names: Vec<usize> = (0..12).collect();
        assert_eq!(list(&names), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more");
        assert_eq!(list(&names[..2]), "0, 1");
        assert_eq!(clip("a\u{1b}[31m\nb", 80), "a\\u{1b}[31m\\nb");
        assert_eq!(clip("a\u{202e}b\u{2028}c", 80), "a\\u{202e}b\\u{2028}c");
        assert_eq!(clip("äöü", 2), "äö...");
    }
}
