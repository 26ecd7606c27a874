//! A network by its stages: how many units of which kind, on how many pixels and channels, at what cost.

use resnet_blocks::{UnitOutline, UnitPart};
use resnet_models::{Spec, summary};
use resnet_ops::{LayerInfo, LayerRole};
use resnet_words::short;

use crate::Error;
use crate::canvas::{Canvas, Path, Towards};
use crate::figures::{Cell, described, draw_rows};
use crate::unit::Accent;

const MARGIN: f64 = 18.0;
/// Width of stem and end, of a stage, and between them.
const SIDE: f64 = 152.0;
const STAGE: f64 = 150.0;
const GAP: f64 = 16.0;
/// The middle of the row of stages, from the top.
const MIDDLE: f64 = 138.0;
/// Height of the last stage's slabs, and what each doubling of the pixels' side adds.
const LOWEST: f64 = 36.0;
const DOUBLED: f64 = 38.0;
/// Slabs that begin less than this apart have no edges.
const THIN: f64 = 3.0;

/// What a part of a network puts out and costs.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Section {
    kinds: Vec<String>,
    output: Vec<usize>,
    parameters: u64,
    multiply_adds: u64,
}

impl Section {
    fn add(&mut self, layer: &LayerInfo) {
        self.kinds.push(layer.kind.clone());
        self.output.clone_from(&layer.output);
        self.parameters += layer.parameters as u64;
        self.multiply_adds += layer.multiply_adds;
    }

    /// What it puts out, and its cost.
    fn cost(&self) -> [String; 3] {
        let output: Vec<String> = self.output.iter().map(usize::to_string).collect();
        let of = |count: u64, what: &str| {
            if count == 0 { String::new() } else { format!("{} {what}", short(count)) }
        };
        let output = match &self.output[..] {
            [classes] => format!("{classes} logits"),
            _ => output.join(" × "),
        };
        [output, of(self.parameters, "parameters"), of(self.multiply_adds, "multiply-adds")]
    }
}

/// The layers of a traced network: stem, stages, end.
fn sections(spec: &Spec, layers: &[LayerInfo]) -> (Section, Vec<Section>, Section) {
    let names: Vec<String> = spec.units().into_iter().map(|(name, _)| format!("{name}.")).collect();
    let firsts: Vec<usize> = spec
        .stages
        .iter()
        .scan(0, |units, stage| {
            *units += stage.units;
            Some(*units)
        })
        .collect();
    let mut all = vec![Section::default(); spec.stages.len() + 2];
    let last = all.len() - 1;
    let mut at = 0;
    for (index, layer) in layers.iter().enumerate() {
        let unit_of = |layer: &LayerInfo| names.iter().position(|name| layer.name.starts_with(name));
        let unit = match layer.role {
            // A shortcut without parameters is a step of the unit whose layers follow it.
            LayerRole::Shortcut => layers[index..].iter().find_map(unit_of),
            _ => unit_of(layer),
        };
        at = match unit {
            Some(unit) => 1 + firsts.iter().filter(|end| **end <= unit).count(),
            // Layers without parameters stand with the one before them, but for the last pooling.
            None if layer.name.is_empty() && layer.role != LayerRole::GlobalPool => at,
            None if at == 0 => 0,
            None => last,
        };
        all[at].add(layer);
    }
    let end = all.pop().unwrap_or_default();
    let stem = all.remove(0);
    (stem, all, end)
}

/// The picture of `spec`.
pub(crate) fn svg(spec: &Spec) -> Result<String, Error> {
    let summary = summary::of(spec)?;
    let outlines = summary::unit_outlines(spec)?;
    let (stem, stages, end) = sections(spec, &summary.layers);
    let mut canvas = Canvas::default();
    let name = format!(
        "{}: {} parameters, {} multiply-adds an image",
        spec.name,
        short(summary.parameters as u64),
        short(summary.multiply_adds)
    );
    canvas.begin(outlines.first().map_or(Accent::Original, Accent::of).class());
    canvas.text("title left", (MARGIN, MARGIN + 14.0), &name);
    let from = MARGIN + SIDE;
    let width = 2.0 * (MARGIN + SIDE + GAP) + spec.stages.len() as f64 * (STAGE + GAP) - GAP;
    let line = [(from - 30.0, MIDDLE), (width - MARGIN - SIDE + 34.0, MIDDLE)];
    canvas.arrow(Path::Shortcut, &line, Towards::Right);
    let below = MIDDLE + LOWEST / 2.0 + DOUBLED / 2.0 * (spec.stages.len() - 1) as f64 + 24.0;
    side(&mut canvas, ("stem", MARGIN + SIDE / 2.0, below), &stem);
    let configs = spec.units();
    let mut unit = 0;
    for (index, (stage, section)) in spec.stages.iter().zip(&stages).enumerate() {
        let left = from + GAP + index as f64 * (STAGE + GAP);
        let halvings = (spec.stages.len() - 1 - index) as f64;
        let height = LOWEST + DOUBLED * halvings;
        let pitch = STAGE / stage.units as f64;
        let gap = (pitch * 0.3).min(4.0);
        for slab in 0..stage.units {
            let changes = configs[unit + slab].1.changes_shape();
            // The edges of thin slabs would leave nothing between them.
            let class = match (changes, pitch < THIN) {
                (true, true) => "unit changes thin",
                (true, false) => "unit changes",
                (false, true) => "unit thin",
                (false, false) => "unit",
            };
            let corner = (left + pitch * slab as f64, MIDDLE - height / 2.0);
            canvas.rectangle(class, corner, (pitch - gap, height));
        }
        let middle = left + STAGE / 2.0;
        canvas.text("title", (middle, below), &units(stage.units, &outlines[unit]));
        for (line, text) in section.cost().iter().enumerate() {
            canvas.text("quiet", (middle, below + 20.0 * (line + 1) as f64), text);
        }
        unit += stage.units;
    }
    side(&mut canvas, ("end", width - MARGIN - SIDE / 2.0, below), &end);
    canvas.end();
    let cells = kinds(spec, &outlines);
    let lines = stem.kinds.len().max(end.kinds.len()).max(1) + 3;
    let top = below + 20.0 * lines as f64 + 18.0;
    let columns = if cells.len() == 4 { 4 } else { cells.len().min(5) };
    // Rows of units stand in the middle; where they are wider than the stages, the picture becomes wider.
    let (wide, _) = draw_rows(&mut Canvas::default(), &cells, columns, (0.0, 0.0));
    let inset = ((width - wide) / 2.0).max(MARGIN);
    let (_, high) = draw_rows(&mut canvas, &cells, columns, (inset, top));
    let stages = spec.stages.iter().zip(&stages).enumerate().map(|(index, (stage, section))| {
        let units = resnet_words::counted(stage.units as u64, "unit");
        format!("stage {}: {units}, {}", index + 1, section.cost().join(", "))
    });
    let description = format!("{}. {}", stages.collect::<Vec<_>>().join("; "), described(&cells));
    Ok(canvas.finish((width.max(wide + 2.0 * MARGIN), top + high + MARGIN), &name, &description))
}

/// Stem or end: its layers as a list.
fn side(canvas: &mut Canvas, (title, middle, top): (&str, f64, f64), section: &Section) {
    canvas.text("title", (middle, top), title);
    let [output, parameters, _] = section.cost();
    let lines =
        section.kinds.iter().map(|kind| kind.replace("conv ", "convolution ")).chain([output, parameters]);
    for (line, text) in lines.filter(|text| !text.is_empty()).enumerate() {
        canvas.text("quiet", (middle, top + 20.0 * (line + 1) as f64), &text);
    }
}

/// `18 units of 2 layers`.
fn units(count: usize, unit: &UnitOutline) -> String {
    let layers = unit.branch.iter().filter(|part| matches!(part, UnitPart::Convolution { .. })).count();
    let counted = |number: usize, unit: &str| resnet_words::counted(number as u64, unit);
    format!("{} of {}", counted(count, "unit"), counted(layers, "layer"))
}

/// The units that differ in more than their channels, with how many there are of each.
fn kinds(spec: &Spec, outlines: &[UnitOutline]) -> Vec<Cell> {
    let configs = spec.units();
    let mut found: Vec<(UnitOutline, Vec<usize>)> = vec![];
    for (index, outline) in outlines.iter().enumerate() {
        let unit = without_channels(outline);
        match found.iter_mut().find(|(known, _)| *known == unit) {
            Some((_, places)) => places.push(index),
            None => found.push((unit, vec![index])),
        }
    }
    let title = |places: &[usize]| match places {
        [0] => "the first unit".to_owned(),
        [one] => format!("unit {}", one + 1),
        many if many.iter().all(|place| configs[*place].1.changes_shape()) => {
            format!("{} that change the shape", many.len())
        }
        many if many.len() == outlines.len() => format!("all {} units", many.len()),
        [0, ..] => format!("{} units", places.len()),
        many => format!("{} others", many.len()),
    };
    found.into_iter().map(|(unit, places)| Cell { title: title(&places), unit }).collect()
}

/// The same unit for any width.
fn without_channels(outline: &UnitOutline) -> UnitOutline {
    let plain = |part: &UnitPart| match *part {
        UnitPart::Convolution { kernel, stride, .. } => {
            UnitPart::Convolution { kernel, stride, out_channels: 0 }
        }
        UnitPart::ZeroPadding { stride, .. } => UnitPart::ZeroPadding { stride, out_channels: 0 },
        other => other,
    };
    let all = |parts: &[UnitPart]| parts.iter().map(plain).collect();
    UnitOutline {
        pre_activation: all(&outline.pre_activation),
        branch: all(&outline.branch),
        shortcut: all(&outline.shortcut),
        shortcut_input: outline.shortcut_input,
        gate: outline.gate.as_ref().map(plain),
        after_addition: all(&outline.after_addition),
    }
}

#[cfg(test)]
mod tests {
    use resnet_models::registry;

    use super::*;

    #[test]
    fn sections_hold_every_parameter_and_the_stages_their_units() {
        for name in [
            "resnet20-v1",
            "resnet110-v2",
            "resnet20-relu-only-preactivation",
            "resnet50d",
            "resnetv2_50x1_bit",
        ] {
            let spec = registry::find(name, 10).unwrap();
            let summary = summary::of(&spec).unwrap();
            let (stem, stages, end) = sections(&spec, &summary.layers);
            let all = [&stem, &end].into_iter().chain(&stages);
            assert_eq!(
                all.map(|section| section.parameters).sum::<u64>(),
                summary.parameters as u64,
                "{name}"
            );
            for (stage, section) in spec.stages.iter().zip(&stages) {
                assert_eq!(section.output[0], stage.out_channels, "{name}");
            }
            assert!(end.kinds.contains(&"linear".to_owned()) && !stem.kinds.is_empty(), "{name}");
        }
    }

    #[test]
    fn units_of_one_kind_are_one_picture() {
        let titles = |name: &str| {
            let spec = registry::find(name, 10).unwrap();
            let outlines = summary::unit_outlines(&spec).unwrap();
            kinds(&spec, &outlines).into_iter().map(|cell| cell.title).collect::<Vec<_>>()
        };
        assert_eq!(titles("resnet110-v2"), ["the first unit", "51 others", "2 that change the shape"]);
        assert_eq!(titles("resnet110-v1"), ["52 units", "2 that change the shape"]);
    }
}
