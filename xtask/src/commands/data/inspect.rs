//! `data inspect`: classes, counts and sizes, and a contact sheet.

use std::collections::BTreeMap;

use resnet_data::names::printable;
use resnet_data::{Inspection, Triple};
use serde::Serialize;

use crate::args::InspectArgs;
use crate::output::{self, Format};
use crate::{numbers, text};

#[derive(Serialize)]
struct Json<'a> {
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
    left_out: BTreeMap<&'a str, u64>,
    warnings: &'a [String],
    faults: Vec<String>,
}

pub(super) fn run(args: &InspectArgs) -> anyhow::Result<()> {
    let set = super::open(&args.dir, &args.classes, &args.labels)?;
    let (layout, classes, splits) = (set.layout.name(), set.classes.len(), resnet_data::inspect(&set));
    if let Some(file) = &args.sheet {
        resnet_data::write_contact_sheet(&*set.train, args.seed, file)?;
    }
    if args.format.get() == Format::Json {
        let splits = splits.iter().map(Split::of).collect();
        return output::json(&Json { layout, classes, splits });
    }
    let mut lines = vec![format!("{layout} in {}, {} classes", set.origin, numbers::count(classes as u64))];
    splits.iter().for_each(|split| lines.extend(describe(split)));
    output::line(&text::wrap(&lines.join("\n"), text::out(), 16))
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
            faults: split.faults.iter().map(ToString::to_string).collect(),
        }
    }
}

fn describe(split: &Inspection) -> Vec<String> {
    let mut lines = vec![format!(
        "\n{}: {} images, {}",
        split.role.name(),
        numbers::count(split.images as u64),
        numbers::bytes(split.bytes)
    )];
    let mut line = |label: &str, text: &str| lines.push(format!("  {label:<14}{}", printable(text)));
    let sizes = [("per class", split.per_class), ("width", split.width), ("height", split.height)];
    for (label, Triple { low, median, high }) in sizes.into_iter().filter_map(|(l, t)| Some((l, t?))) {
        line(label, &format!("{low} to {high}, median {median}"));
    }
    if !split.empty_classes.is_empty() {
        line("empty", &split.empty_classes.join(", "));
    }
    if !split.left_out.is_empty() {
        line("left out", &format!("{}; they are not image files that are read", split.left_out));
    }
    split.warnings.iter().for_each(|warning| line("warning", warning));
    split.faults.iter().for_each(|fault| line("fault", &fault.to_string()));
    lines
}
