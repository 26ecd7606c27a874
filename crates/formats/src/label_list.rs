//! The text of a list of labels: one line per image, with the image's name, or in the order of the names.
//!
//! Columns are separated by tabs, commas, semicolons (cells may be quoted, as spreadsheets write them) or
//! blanks. A header says which columns hold names and labels; without one they are the first two, in either
//! order, or the second and the third where the first one counts the rows.

mod cells;

use std::borrow::Cow;
use std::collections::HashMap;

use self::cells::Delimiter;
use crate::{is_image_end, is_image_name};

/// What a list says.
#[derive(Debug, PartialEq, Eq)]
pub enum Rows {
    /// The name and the label of each image.
    Named(Vec<Row>),
    /// Labels alone, in the order of the images' names.
    InOrder(Vec<Row>),
}

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// Counted from 1.
    pub line: usize,
    /// The image's path with `/` between folders; empty in [`Rows::InOrder`].
    pub name: String,
    /// A number or the name of a class.
    pub label: String,
}

/// Headers of a column of images' names.
const NAMES: [&str; 17] = [
    "file",
    "file_name",
    "filename",
    "filenames",
    "filepath",
    "fname",
    "id",
    "image",
    "image_id",
    "image_name",
    "image_path",
    "imageid",
    "images",
    "img",
    "img_name",
    "name",
    "path",
];
/// Headers of a column of labels.
const LABELS: [&str; 19] = [
    "breed",
    "category",
    "category_id",
    "class",
    "class_id",
    "class_name",
    "classid",
    "classname",
    "cls",
    "label",
    "label_id",
    "labels",
    "predictionstring",
    "species",
    "synset",
    "target",
    "wnid",
    "wordnet_id",
    "y",
];

/// Headers of columns that say something else of an image, so that no label is read from them.
const NO_LABELS: [&str; 10] =
    ["bytes", "filesize", "fold", "height", "md5", "md5hash", "size", "split", "url", "width"];

/// The most rows of a list: ImageNet's 21,843 classes have 14 million images. A small archive may unpack to
/// many more rows than memory holds.
const MOST_ROWS: usize = 20_000_000;

/// Parses a list.
///
/// # Errors
/// What is wrong, as half a sentence with the line; a list of more than 20 million rows is refused.
pub fn parse(text: &str) -> Result<Rows, String> {
    parse_at_most(text, MOST_ROWS)
}

fn parse_at_most(text: &str, most: usize) -> Result<Rows, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines: Vec<(usize, &str)> = (1..)
        .zip(text.lines())
        .map(|(number, line)| (number, line.trim_matches(['\r', ' '])))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .take(most + 1)
        .collect();
    if lines.len() > most {
        return Err(format!("it has more than {most} rows, too many for a list of labels"));
    }
    let Some(&(number, first)) = lines.first() else { return Err("it is empty".to_owned()) };
    let delimiter = Delimiter::of_list(first);
    let cells = |line: usize, text| delimiter.cells(text).map_err(|cause| format!("line {line}: {cause}"));
    // Twice over the lines, as the cells of all of them may take much more memory than the text.
    let mut shape = Shape::of_first(cells(number, first)?);
    for &(line, text) in &lines[1..] {
        shape.add(&cells(line, text)?);
    }
    if shape.most == 1 {
        let labels = lines.iter().map(|&(line, text)| label(line, text.trim()));
        return labels.collect::<Result<_, _>>().map(Rows::InOrder);
    }
    let (columns, header) = shape.columns()?;
    let named = lines[header..].iter().map(|&(line, text)| row(line, &cells(line, text)?, columns));
    let named = named.collect::<Result<Vec<Row>, String>>()?;
    if named.is_empty() { Err("it names no image".to_owned()) } else { Ok(Rows::Named(named)) }
}

/// The row of a line with one cell.
fn label(line: usize, label: &str) -> Result<Row, String> {
    match is_number(label) || is_synset(label) {
        true => Ok(Row { line, name: String::new(), label: label.to_owned() }),
        false => Err(format!("line {line} has one column, and {label:?} is no label")),
    }
}

fn row(line: usize, cells: &[Cow<'_, str>], (name, label): (usize, usize)) -> Result<Row, String> {
    let (Some(name), Some(label)) = (cells.get(name), cells.get(label)) else {
        let count = cells.len();
        return Err(format!("line {line} has {count} columns, too few for a name and a label"));
    };
    let name = name.replace('\\', "/");
    let name = name.strip_prefix("./").unwrap_or(&name).to_owned();
    // After a synset there may be the object's box, as in Kaggle's lists, or words.
    let first = label.split_whitespace().next().unwrap_or_default();
    let label = if is_synset(first) { first } else { label };
    // `3.0`: spreadsheets write whole numbers like this if one of the column is missing.
    let label = label.strip_suffix(".0").filter(|label| is_number(label)).unwrap_or(label);
    match name.is_empty() || label.is_empty() {
        true => Err(format!("line {line} lacks a name or a label")),
        false => Ok(Row { line, name, label: label.to_owned() }),
    }
}

/// What the lines of a list have in common, by which its columns are told apart.
struct Shape<'a> {
    /// The cells of the first line, which may be a header.
    first: Vec<Cow<'a, str>>,
    /// The most cells of a line.
    most: usize,
    /// How many lines follow the first.
    rest: usize,
    /// Which columns have an image's name in each of these.
    images: Vec<bool>,
    /// Whether each of these has an image's name.
    name_images: bool,
    /// If their first cells count them, the number that the first line of all would have.
    counts_from: Option<i64>,
}

impl<'a> Shape<'a> {
    fn of_first(first: Vec<Cow<'a, str>>) -> Self {
        let (most, images) = (first.len(), vec![true; first.len()]);
        Shape { first, most, rest: 0, images, name_images: true, counts_from: None }
    }

    fn add(&mut self, cells: &[Cow<'_, str>]) {
        let is_image = |cell: &Cow<'_, str>| is_image_name(cell);
        self.rest += 1;
        self.most = self.most.max(cells.len());
        for (column, are) in self.images.iter_mut().enumerate() {
            *are &= cells.get(column).is_some_and(is_image);
        }
        self.name_images &= cells.iter().any(is_image);
        let zero = cells
            .first()
            .and_then(|cell| cell.parse().ok())
            .and_then(|number: i64| number.checked_sub(self.rest as i64));
        self.counts_from = zero.filter(|_| self.rest == 1 || zero == self.counts_from);
    }

    /// Which columns hold names and labels, and how many rows are a header: 0 or 1.
    fn columns(&self) -> Result<((usize, usize), usize), String> {
        let first = &self.first;
        let is_of = |known: &[&str], column: usize| known.contains(&first[column].to_lowercase().as_str());
        // An id may be the number of the row, and another image may be called by that number.
        let name = (0..first.len())
            .filter(|&column| is_of(&NAMES, column))
            .min_by_key(|&column| (!self.images[column], is_of(&["id", "imageid"], column)));
        let label = (0..first.len()).find(|&column| is_of(&LABELS, column));
        let is_image = |column: usize| first.get(column).is_some_and(|cell| is_image_name(cell));
        let has_image = (0..first.len()).any(is_image);
        match (name, label) {
            _ if has_image => {}
            (Some(name), Some(label)) => return Ok(((name, label), 1)),
            (Some(name), None) if first.len() == 2 && !is_of(&NO_LABELS, 1 - name) => {
                return Ok(((name, 1 - name), 1));
            }
            (None, Some(label)) if first.len() == 2 => return Ok(((1 - label, label), 1)),
            (Some(_), None) => {
                let columns = first.join(", ");
                return Err(format!("none of its columns ({columns}) is called `label` or `class`"));
            }
            _ => {}
        }
        let is_headed = !has_image && self.rest > 0 && self.name_images;
        let are_images = |column: usize| {
            self.images.get(column).is_some_and(|&are| are) && (is_headed || is_image(column))
        };
        // The label may come before the name; a number that counts the rows is none.
        let columns = match are_images(1) && !are_images(0) {
            true if first.len() > 2 && self.counts_rows(is_headed) => (1, 2),
            true => (1, 0),
            false => (0, 1),
        };
        Ok((columns, usize::from(is_headed)))
    }

    /// Whether the first column counts two rows and more, from 0 or 1.
    fn counts_rows(&self, is_headed: bool) -> bool {
        let first = match is_headed {
            true => self.counts_from.map(|zero| zero + 1).filter(|_| self.rest > 1),
            false => self.counts_from.filter(|zero| self.first[0].parse() == Ok(*zero)),
        };
        first.is_some_and(|first| [0, 1].contains(&first))
    }
}

/// Whether `text` is digits alone.
pub fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether `text` is WordNet's id of a synset, such as n01440764.
pub fn is_synset(text: &str) -> bool {
    text.len() == 9 && text.starts_with('n') && is_number(&text[1..])
}

/// The last part of a path.
pub fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// A name without its ending, if that is an image's.
pub fn stem(name: &str) -> &str {
    name.rsplit_once('.').filter(|(_, end)| is_image_end(end)).map_or(name, |(stem, _)| stem)
}

/// The row of each image, or why it has none. An image is looked up by its whole path, then by its path with
/// one leading folder less each time, and last by its name without folders and ending. A row is one image's:
/// where several find it, it is that of the one that it names by its whole path, or else of none.
///
/// # Errors
/// If an image is listed with different labels.
pub fn by_name(rows: &[Row], images: &[&str]) -> Result<Vec<Result<usize, &'static str>>, String> {
    let mut exact: HashMap<&str, usize> = HashMap::with_capacity(rows.len());
    // `None` for a name that has several labels.
    let mut loose: HashMap<&str, Option<usize>> = HashMap::with_capacity(rows.len());
    let differ = |a: usize, b: usize| rows[a].label != rows[b].label;
    for (number, row) in rows.iter().enumerate() {
        if let Some(before) = exact.insert(&row.name, number)
            && differ(before, number)
        {
            let (line, name) = (row.line, &row.name);
            return Err(format!("line {line}: {name} has another label than before"));
        }
        let known = loose.entry(stem(base(&row.name))).or_insert(Some(number));
        if known.is_some_and(|known| differ(known, number)) {
            *known = None;
        }
    }
    let row_of = |image: &&str| {
        let mut rest = *image;
        loop {
            if let Some(&row) = exact.get(rest).or_else(|| exact.get(stem(rest))) {
                return Ok((row, rest.len() == image.len()));
            }
            match rest.split_once('/') {
                Some((_, below)) => rest = below,
                None => break,
            }
        }
        match loose.get(stem(rest)) {
            Some(Some(row)) => Ok((*row, false)),
            Some(None) => Err("the list has several labels for this name"),
            None => Err("the list has no label for it"),
        }
    };
    let found: Vec<Result<(usize, bool), &'static str>> = images.iter().map(row_of).collect();
    // How many images find each row, and how many by their whole path.
    let mut finders = vec![(0u32, 0u32); rows.len()];
    for &(row, is_whole) in found.iter().flatten() {
        finders[row].0 += 1;
        finders[row].1 += u32::from(is_whole);
    }
    let own = |(row, is_whole): (usize, bool)| match finders[row] {
        (1, _) => Ok(row),
        (_, 1) if is_whole => Ok(row),
        _ => Err("the list has one row for several images of this name"),
    };
    Ok(found.into_iter().map(|found| found.and_then(own)).collect())
}

#[cfg(test)]
mod tests;
