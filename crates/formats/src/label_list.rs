//! The text of a list of labels: one line per image, with the image's name, or in the order of the names.
//!
//! Columns are separated by tabs, commas, semicolons (cells may be quoted, as spreadsheets write them) or
//! blanks. A header says which columns hold names and labels; without one they are the first two, in either
//! order.

use std::collections::HashMap;

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

/// What separates columns.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Delimiter {
    Blanks,
    Of(char),
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
    let Some((_, first)) = lines.first() else { return Err("it is empty".to_owned()) };
    let delimiter =
        ['\t', ',', ';'].into_iter().find(|&c| first.contains(c)).map_or(Delimiter::Blanks, Delimiter::Of);
    let mut rows = Vec::with_capacity(lines.len());
    for (line, text) in lines {
        rows.push((line, cells(text, delimiter).map_err(|cause| format!("line {line}: {cause}"))?));
    }
    if rows.iter().all(|(_, cells)| cells.len() == 1) {
        return in_order(rows);
    }
    let (columns, header) = columns(&rows)?;
    let named = rows.iter().skip(header).map(|(line, cells)| row(*line, cells, columns));
    let named = named.collect::<Result<Vec<Row>, String>>()?;
    if named.is_empty() { Err("it names no image".to_owned()) } else { Ok(Rows::Named(named)) }
}

fn in_order(rows: Vec<(usize, Vec<String>)>) -> Result<Rows, String> {
    let rows = rows.into_iter().map(|(line, mut cells)| {
        let label = cells.pop().unwrap_or_default();
        match is_number(&label) || is_synset(&label) {
            true => Ok(Row { line, name: String::new(), label }),
            false => Err(format!("line {line} has one column, and {label:?} is no label")),
        }
    });
    rows.collect::<Result<_, _>>().map(Rows::InOrder)
}

fn row(line: usize, cells: &[String], (name, label): (usize, usize)) -> Result<Row, String> {
    let (Some(name), Some(label)) = (cells.get(name), cells.get(label)) else {
        let count = cells.len();
        return Err(format!("line {line} has {count} columns, too few for a name and a label"));
    };
    let name = name.replace('\\', "/");
    let name = name.strip_prefix("./").unwrap_or(&name).to_owned();
    // After a synset there may be the object's box, as in Kaggle's lists, or words.
    let first = label.split_whitespace().next().unwrap_or_default();
    let label = if is_synset(first) { first } else { label.as_str() };
    // `3.0`: spreadsheets write whole numbers like this if one of the column is missing.
    let label = label.strip_suffix(".0").filter(|label| is_number(label)).unwrap_or(label);
    match name.is_empty() || label.is_empty() {
        true => Err(format!("line {line} lacks a name or a label")),
        false => Ok(Row { line, name, label: label.to_owned() }),
    }
}

/// Which columns hold names and labels, and how many rows are a header: 0 or 1.
fn columns(rows: &[(usize, Vec<String>)]) -> Result<((usize, usize), usize), String> {
    let first = &rows[0].1;
    let is_of = |known: &[&str], column: usize| known.contains(&first[column].to_lowercase().as_str());
    let find = |known| (0..first.len()).find(|&column| is_of(known, column));
    let are_images = |rows: &[(usize, Vec<String>)], column: usize| {
        rows.iter().all(|(_, cells)| cells.get(column).is_some_and(|cell| is_image_name(cell)))
    };
    // An id may be the number of the row, and another image may be called by that number.
    let name = (0..first.len())
        .filter(|&column| is_of(&NAMES, column))
        .min_by_key(|&column| (!are_images(&rows[1..], column), is_of(&["id", "imageid"], column)));
    let label = find(&LABELS);
    let has_image = |(_, cells): &(usize, Vec<String>)| cells.iter().any(|cell| is_image_name(cell));
    match (name, label) {
        _ if has_image(&rows[0]) => {}
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
    let rest = &rows[1..];
    let is_headed = !has_image(&rows[0]) && !rest.is_empty() && rest.iter().all(has_image);
    let body = if is_headed { rest } else { rows };
    // The label may come before the name.
    let columns = if are_images(body, 1) && !are_images(body, 0) { (1, 0) } else { (0, 1) };
    Ok((columns, usize::from(is_headed)))
}

fn cells(line: &str, delimiter: Delimiter) -> Result<Vec<String>, String> {
    match delimiter {
        Delimiter::Of(delimiter) => quoted(line, delimiter),
        Delimiter::Blanks => {
            let words: Vec<&str> = line.split_whitespace().collect();
            let is_label = |word: &str| is_number(word) || is_synset(word);
            let own = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
            match words[..] {
                [] | [_] | [_, _] => Ok(own(&words)),
                // After the label may come its meaning, or the object's box.
                [name, label, ..] if is_image_name(name) && is_label(label) => Ok(own(&[name, label])),
                [.., last] if is_label(last) => {
                    Ok(vec![line[..line.len() - last.len()].trim_end().to_owned(), last.to_owned()])
                }
                _ => Err(format!("{} words are no name with a label", words.len())),
            }
        }
    }
}

/// The cells of a line of delimited values. A cell may be in quotes; a quote inside it is then doubled.
fn quoted(line: &str, delimiter: char) -> Result<Vec<String>, String> {
    let (mut cells, mut rest) = (Vec::new(), line);
    loop {
        rest = rest.trim_start_matches(' ');
        let after = match rest.strip_prefix('"') {
            None => {
                let end = rest.find(delimiter).unwrap_or(rest.len());
                cells.push(rest[..end].trim().to_owned());
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
                cells.push(cell.trim().to_owned());
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
/// one leading folder less each time, and last by its name without folders and ending.
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
                return Ok(row);
            }
            match rest.split_once('/') {
                Some((_, below)) => rest = below,
                None => break,
            }
        }
        match loose.get(stem(rest)) {
            Some(Some(row)) => Ok(*row),
            Some(None) => Err("the list has several labels for this name"),
            None => Err("the list has no label for it"),
        }
    };
    Ok(images.iter().map(row_of).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Names and labels of a list by name.
    fn named(text: &str) -> Vec<(String, String)> {
        match parse(text) {
            Ok(Rows::Named(rows)) => rows.into_iter().map(|row| (row.name, row.label)).collect(),
            other => panic!("{text:?}: {other:?}"),
        }
    }

    #[test]
    fn each_form_of_list_is_understood() {
        for (text, wanted) in [
            ("a.JPEG 65\nb.JPEG 970\n", [("a.JPEG", "65"), ("b.JPEG", "970")]),
            ("\u{feff}a.JPEG 65\r\n\r\nb.JPEG 970\r\n", [("a.JPEG", "65"), ("b.JPEG", "970")]),
            (
                "a.jpg\tn01440764\t0\t32\t32\t62\nb.jpg\tn02099601\t1\t2\t3\t4",
                [("a.jpg", "n01440764"), ("b.jpg", "n02099601")],
            ),
            (
                "a.jpg n01440764 0 32 32 62\nb.jpg n02099601 1 2 3 4",
                [("a.jpg", "n01440764"), ("b.jpg", "n02099601")],
            ),
            (
                "ImageId,PredictionString\na,n03995372 85 1 499 272\nb,n01440764 0 0 9 9 n01440764 1 1 2 2 \n",
                [("a", "n03995372"), ("b", "n01440764")],
            ),
            (
                "\"id\",\"breed\"\n\"a\",\"boston \"\"bull\"\"\"\n\"b\",\"dhole, wild\"",
                [("a", "boston \"bull\""), ("b", "dhole, wild")],
            ),
            ("label,size,image\n3,1,x/a.png\n4,2,.\\x\\b.png", [("x/a.png", "3"), ("x/b.png", "4")]),
            ("image;kind\na.jpg;cat\nb.jpg;dog", [("a.jpg", "cat"), ("b.jpg", "dog")]),
            ("cat,a.jpg\ndog,b.jpg\n", [("a.jpg", "cat"), ("b.jpg", "dog")]),
            ("# by hand\nmy cat.jpg 0\nb.jpg 1 # not me", [("my cat.jpg", "0"), ("b.jpg", "1")]),
            ("filename label\na 3.0\nb 4", [("a", "3"), ("b", "4")]),
            ("key,cat\nfile2,dog", [("key", "cat"), ("file2", "dog")]),
            ("id,filename,label\n0,1.jpg,cat\n1,0.jpg,dog", [("1.jpg", "cat"), ("0.jpg", "dog")]),
            ("id,image,label\n0,1,cat\n1,0,dog", [("1", "cat"), ("0", "dog")]),
            ("name,id,label\ntom,0.jpg,cat\nrex,1.jpg,dog", [("0.jpg", "cat"), ("1.jpg", "dog")]),
        ] {
            let wanted = wanted.map(|(name, label)| (name.to_owned(), label.to_owned()));
            assert_eq!(named(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn labels_alone_are_in_order() {
        let Ok(Rows::InOrder(rows)) = parse("490\r\n361\r\n171\r\n") else { panic!("three labels") };
        assert_eq!(rows.iter().map(|row| row.label.as_str()).collect::<Vec<_>>(), ["490", "361", "171"]);
        assert!(matches!(parse("n01751748\nn09193705"), Ok(Rows::InOrder(rows)) if rows.len() == 2));
        assert!(parse_at_most("1\n2\n", 2).is_ok());
        assert!(parse_at_most("1\n2\n3\n", 2).unwrap_err().contains("more than 2 rows"));
    }

    #[test]
    fn what_is_no_list_is_told_by_line() {
        for (text, wanted) in [
            ("", "empty"),
            ("\u{feff}\r\n# nothing\n", "empty"),
            ("tench\ngoldfish", "line 1 has one column, and \"tench\""),
            ("490\nx", "line 2 has one column"),
            ("a.jpg,\"3", "line 1: a quote is not closed"),
            ("a.jpg,3\nb.jpg,\"3\" or 4", "line 2: something follows"),
            ("a.jpg,3\nb.jpg", "line 2 has 1 columns"),
            ("a.jpg,3\nb.jpg,", "line 2 lacks"),
            ("a.jpg,3\n,4", "line 2 lacks"),
            ("id,width\na,640\nb,480", "none of its columns (id, width)"),
            ("image,width,height\na.jpg,3,4", "none of its columns (image, width, height)"),
            ("image,label", "no image"),
            ("a cat on a mat", "line 1: 5 words"),
        ] {
            let message = parse(text).unwrap_err();
            assert!(message.contains(wanted), "{text:?}: {message}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_rows_or_an_error(text in "[a-c.jpg\",;\t 0-9n\r\n]{0,200}") {
            if let Ok(Rows::Named(rows)) = parse(&text) {
                prop_assert!(rows.iter().all(|row| !row.name.is_empty() && !row.label.is_empty()));
            }
        }
    }
}
