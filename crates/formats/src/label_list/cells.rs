//! The cells of a line: what separates them, and how they are quoted.

use std::borrow::Cow;

use super::{is_number, is_synset};
use crate::is_image_name;

/// The most columns of a list: a line may be as long as the whole file.
const MOST_CELLS: usize = 1000;

/// What separates columns.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Delimiter {
    Blanks,
    Of(char),
}

impl Delimiter {
    /// That of the list whose first line this is.
    pub(super) fn of_list(first: &str) -> Self {
        ['\t', ',', ';'].into_iter().find(|&c| first.contains(c)).map_or(Delimiter::Blanks, Delimiter::Of)
    }

    /// The cells of a line, or what is wrong with it.
    pub(super) fn cells(self, line: &str) -> Result<Vec<Cow<'_, str>>, String> {
        match self {
            Delimiter::Of(delimiter) => quoted(line, delimiter),
            Delimiter::Blanks => words(line),
        }
    }
}

fn words(line: &str) -> Result<Vec<Cow<'_, str>>, String> {
    let is_label = |word: &str| is_number(word) || is_synset(word);
    let mut words = line.split_whitespace();
    let first: Vec<&str> = words.by_ref().take(3).collect();
    match first[..] {
        [] | [_] | [_, _] => Ok(first.into_iter().map(Cow::Borrowed).collect()),
        // After the label may come its meaning, or the object's box.
        [name, label, _] if is_image_name(name) && is_label(label) => Ok(vec![name.into(), label.into()]),
        _ => match line.split_whitespace().next_back() {
            Some(last) if is_label(last) => {
                Ok(vec![line[..line.len() - last.len()].trim_end().into(), last.into()])
            }
            _ => Err(format!("{} words are no name with a label", first.len() + words.count())),
        },
    }
}

/// The cells of a line of delimited values. A cell may be in quotes; a quote inside it is then doubled.
fn quoted(line: &str, delimiter: char) -> Result<Vec<Cow<'_, str>>, String> {
    let (mut cells, mut rest) = (Vec::new(), line);
    loop {
        if cells.len() == MOST_CELLS {
            return Err(format!("it has more than {MOST_CELLS} columns, too many for a list of labels"));
        }
        rest = rest.trim_start_matches(' ');
        let after = match rest.strip_prefix('"') {
            None => {
                let end = rest.find(delimiter).unwrap_or(rest.len());
                cells.push(Cow::Borrowed(rest[..end].trim()));
                &rest[end..]
            }
            Some(mut inside) => {
                let mut cell = String::new();
                loop {
                    let end = inside.find('"').ok_or("a quote is not closed")?;
                    cell.push_str(&inside[..end]);
                    inside = &inside[end + 1..];
                    match inside.strip_prefix('"') {
                        Some(more) => inside = more,
                        None => break,
                    }
                    cell.push('"');
                }
                cells.push(Cow::Owned(cell.trim().to_owned()));
                inside.trim_start_matches(' ')
            }
        };
        match after.strip_prefix(delimiter) {
            Some(more) => rest = more,
            None if after.is_empty() => return Ok(cells),
            None => return Err("something follows a closing quote".to_owned()),
        }
    }
}
