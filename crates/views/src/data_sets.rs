//! What a data set in files holds, and which of its samples are broken.

use std::collections::BTreeMap;

use resnet::data::names::printable;
use resnet::data::sources::FileSet;
use resnet::data::{BrokenSample, Inspection, Triple, Verified};
use resnet_terminal::output::{self, Format};
use resnet_terminal::{numbers, text};
use serde::Serialize;

/// Empty classes that are named; there can be thousands.
const NAMED: usize = 10;

/// A broken sample, for scripts.
#[derive(Serialize)]
pub(crate) struct Broken {
    name: String,
    cause: String,
}

impl Broken {
    pub(crate) fn all(samples: Vec<BrokenSample>) -> Vec<Self> {
        samples.into_iter().map(|BrokenSample { name, cause }| Broken { name, cause }).collect()
    }
}

#[derive(Serialize)]
struct Inspected<'a> {
    layout: &'a str,
    classes: usize,
    splits: Vec<Split<'a>>,
}

/// What one split holds; a triple is the smallest, the median and the largest.
#[derive(Serialize)]
struct Split<'a> {
    split: &'a str,
    images: usize,
    bytes: u64,
    per_class: [u64; 3],
    empty_classes: &'a [String],
    width: Option<[u64; 3]>,
    height: Option<[u64; 3]>,
    /// Files that are no images, by their ending.
    left_out: BTreeMap<&'a str, u64>,
    warnings: &'a [String],
    broken: Vec<Broken>,
}

impl<'a> Split<'a> {
    fn of(split: &'a Inspection) -> Self {
        let triple = |Triple { low, median, high }: Triple| [low, median, high];
        Split {
            split: split.role.name(),
            images: split.images,
            bytes: split.bytes,
            per_class: split.per_class.map(triple).unwrap_or_default(),
            empty_classes: &split.empty_classes,
            width: split.width.map(triple),
            height: split.height.map(triple),
            left_out: split.left_out.kinds().collect(),
            warnings: &split.warnings,
            broken: Broken::all(split.broken.clone()),
        }
    }
}

/// Prints what the `splits` of `set` hold.
///
/// # Errors
/// If standard output cannot be written to.
pub fn show_inspection(set: &FileSet, splits: &[Inspection], format: Format) -> anyhow::Result<()> {
    let (layout, classes) = (set.layout.name(), set.classes.len());
    if format == Format::Json {
        let splits = splits.iter().map(Split::of).collect();
        return output::json(&Inspected { layout, classes, splits });
    }
    let mut lines =
        vec![format!("{layout} in {}, {}", set.origin, numbers::counted(classes as u64, "class"))];
    splits.iter().for_each(|split| lines.extend(described(split)));
    output::line(&text::wrap(&lines.join("\n"), text::out(), 16))
}

fn described(split: &Inspection) -> Vec<String> {
    let mut lines = vec![format!(
        "\n{}: {}, {}",
        split.role.name(),
        numbers::counted(split.images as u64, "image"),
        numbers::bytes(split.bytes)
    )];
    let mut line = |label: &str, text: &str| lines.push(format!("  {label:<14}{}", printable(text)));
    let sizes = [("per class", split.per_class), ("width", split.width), ("height", split.height)];
    for (label, triple) in sizes.into_iter().filter_map(|(label, triple)| Some((label, triple?))) {
        line(label, &told(triple, if label == "per class" { " each" } else { "" }));
    }
    if !split.empty_classes.is_empty() {
        line("empty", &first_of(&split.empty_classes));
    }
    if !split.left_out.is_empty() {
        line("left out", &format!("{}; they are not image files that are read", split.left_out));
    }
    split.warnings.iter().for_each(|warning| line("warning", warning));
    split.broken.iter().for_each(|BrokenSample { name, cause }| line("broken", &format!("{name}: {cause}")));
    lines
}

/// The first ten names, and how many more there are.
fn first_of(names: &[String]) -> String {
    let (first, others) = names.split_at(names.len().min(NAMED));
    let first = first.join(", ");
    match others.len() {
        0 => first,
        more => format!("{first} and {} more", numbers::count(more as u64)),
    }
}

/// `12 to 5,000, median 800`, or the one number with `all` after it where all are the same.
fn told(Triple { low, median, high }: Triple, all: &str) -> String {
    let [least, middle, most] = [low, median, high].map(numbers::count);
    if low == high { format!("{least}{all}") } else { format!("{least} to {most}, median {middle}") }
}

/// Prints which samples are broken, of how many.
///
/// # Errors
/// If standard output cannot be written to.
pub fn show_verified(verified: &Verified, format: Format) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct Json {
        images: u64,
        broken: Vec<Broken>,
    }
    let Verified { images, broken } = verified;
    if format == Format::Json {
        return output::json(&Json { images: *images, broken: Broken::all(broken.clone()) });
    }
    let line =
        |BrokenSample { name, cause }: &BrokenSample| printable(&format!("{name}: {cause}")).into_owned();
    let mut lines: Vec<String> = broken.iter().map(line).collect();
    let number = numbers::count(broken.len() as u64);
    let are = if broken.len() == 1 { "is" } else { "are" };
    lines.push(format!("{number} of {} images {are} broken", numbers::count(*images)));
    output::line(&text::wrap(&lines.join("\n"), text::out(), 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_names_the_first_are_told() {
        let names: Vec<String> = (0..1_234).map(|name| name.to_string()).collect();
        assert_eq!(first_of(&names[..2]), "0, 1");
        assert_eq!(first_of(&names), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 1,224 more");
    }

    #[test]
    fn equal_numbers_are_told_once() {
        let triple = |low, median, high| Triple { low, median, high };
        assert_eq!(told(triple(5000, 5000, 5000), " each"), "5,000 each");
        assert_eq!(told(triple(32, 32, 32), ""), "32");
        assert_eq!(told(triple(12, 800, 5000), " each"), "12 to 5,000, median 800");
    }
}
