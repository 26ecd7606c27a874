//! Lines: their colours and strokes, and how they are drawn.

use std::fmt::Write as _;

use resnet_record::paper::depth_and_unit;

use super::plot::{Plot, Side};
use super::points::thinned;

/// Colours that the colour-blind tell apart (Okabe and Ito), each with a light twin for dark pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // their names say it
pub enum Colour {
    Ink,
    Blue,
    Vermilion,
    Green,
    Purple,
    Orange,
    Sky,
}

impl Colour {
    /// For the series of a chart, one after another.
    pub const ALL: [Colour; 7] = [
        Colour::Blue,
        Colour::Vermilion,
        Colour::Green,
        Colour::Purple,
        Colour::Orange,
        Colour::Sky,
        Colour::Ink,
    ];

    /// The colour of a network, by its unit the same on every page: the original unit vermilion, full
    /// pre-activation blue, each shortcut of table 1 and each activation of table 2 one of the others. A
    /// shortcut and an activation may share one, since the paper never compares them. `None` for any other
    /// unit.
    pub fn of_network(model: &str) -> Option<Colour> {
        let (_, unit) = depth_and_unit(model);
        let unit = unit.trim_end_matches("-one-layer").trim_end_matches("-imagenet");
        UNITS.iter().find(|(name, _)| is_unit(unit, name)).map(|(_, colour)| *colour)
    }

    /// A colour for each of these networks on one page: that of its unit where one network alone has it, else
    /// the next that is free.
    pub fn of_networks(models: &[&str]) -> Vec<Colour> {
        let own: Vec<Option<Colour>> = models.iter().map(|model| Colour::of_network(model)).collect();
        let is_alone = |colour: &Colour| own.iter().filter(|other| **other == Some(*colour)).count() == 1;
        let taken: Vec<Colour> = own.iter().flatten().copied().filter(is_alone).collect();
        let mut free = Colour::ALL.into_iter().filter(|colour| !taken.contains(colour)).cycle();
        own.iter().map(|own| own.filter(is_alone).or_else(|| free.next()).unwrap_or(Colour::Ink)).collect()
    }

    pub(super) fn class(self) -> &'static str {
        match self {
            Colour::Ink => "ink",
            Colour::Blue => "blue",
            Colour::Vermilion => "vermilion",
            Colour::Green => "green",
            Colour::Purple => "purple",
            Colour::Orange => "orange",
            Colour::Sky => "sky",
        }
    }
}

/// Units by their words in the names of networks, those of tables 1 and 2, with their colours.
const UNITS: [(&str, Colour); 11] = [
    ("-v1", Colour::Vermilion),
    ("-v2", Colour::Blue),
    ("-plain", Colour::Orange),
    ("-constant-scaling", Colour::Orange),
    ("-exclusive-gating", Colour::Green),
    ("-shortcut-only-gating", Colour::Purple),
    ("-conv-shortcut", Colour::Sky),
    ("-dropout-shortcut", Colour::Ink),
    ("-bn-after-addition", Colour::Green),
    ("-relu-before-addition", Colour::Purple),
    ("-relu-only-preactivation", Colour::Orange),
];

/// Whether `unit` is the one called `name`, as it is or with a setting: a gate's bias, a factor.
fn is_unit(unit: &str, name: &str) -> bool {
    let setting = unit.strip_prefix(name);
    setting.is_some_and(|rest| rest.is_empty() || rest.starts_with("-by-") || rest.starts_with("-bias-"))
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stroke {
    Solid,
    Dashed,
    /// Thin and pale, behind the others.
    Faint,
}

/// A line.
#[derive(Clone, Debug)]
pub struct Series {
    pub(super) name: String,
    pub(super) colour: Colour,
    pub(super) points: Vec<(f64, f64)>,
    pub(super) stroke: Stroke,
    pub(super) marks: bool,
    pub(super) side: Side,
}

impl Series {
    /// A solid line called `name` through `points`, in the order of x.
    pub fn new(name: impl Into<String>, colour: Colour, points: Vec<(f64, f64)>) -> Self {
        Series { name: name.into(), colour, points, stroke: Stroke::Solid, marks: false, side: Side::Left }
    }

    /// The same, measured by the axis on the right.
    #[must_use]
    pub fn right(self) -> Self {
        Series { side: Side::Right, ..self }
    }

    /// The same, dashed: training, where solid lines are test or validation.
    #[must_use]
    pub fn dashed(self) -> Self {
        Series { stroke: Stroke::Dashed, ..self }
    }

    /// The same, thin, pale and without a name: raw values behind their mean, single seeds behind their
    /// median.
    #[must_use]
    pub fn faint(self) -> Self {
        Series { stroke: Stroke::Faint, name: String::new(), ..self }
    }

    /// The same with a circle at each point.
    #[must_use]
    pub fn marked(self) -> Self {
        Series { marks: true, ..self }
    }
}

/// Draws the line.
pub(super) fn line(series: &Series, plot: &Plot, svg: &mut String) {
    let class = series.colour.class();
    let stroke = match series.stroke {
        Stroke::Solid => "solid",
        Stroke::Dashed => "dashed",
        Stroke::Faint => "faint",
    };
    let mut path = String::new();
    let mut is_down = false;
    for (x, y) in thinned(&series.points) {
        // A value without a place, a loss that is no number, leaves a gap.
        let (Some(x), Some(y)) = (plot.x_of(x), plot.y_of(y, series.side)) else {
            is_down = false;
            continue;
        };
        let _ = write!(path, "{}{x:.1} {y:.1}", if is_down { 'L' } else { 'M' });
        is_down = true;
    }
    let _ = writeln!(svg, "<path class=\"line {stroke} {class}\" d=\"{path}\"/>");
    if series.marks {
        for (x, y) in series.points.iter().filter_map(|(x, y)| plot.x_of(*x).zip(plot.y_of(*y, series.side)))
        {
            let _ = write!(svg, "<circle class=\"mark {class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>");
        }
        svg.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use resnet_record::paper::{TABLE_1, TABLE_2};

    use super::*;

    #[test]
    fn a_network_has_the_colour_of_its_unit_whatever_its_size() {
        let originals =
            ["resnet20-v1", "resnet152-v1-imagenet", "resnet110-v1-one-layer", "resnet56-v1-bottleneck"];
        assert_eq!(originals.map(Colour::of_network), [Some(Colour::Vermilion); 4]);
        assert_eq!(Colour::of_network("resnet152-v2-imagenet"), Some(Colour::Blue));
        let gates = ["resnet110-exclusive-gating-bias-6", "resnet20-exclusive-gating-bias-0"];
        assert_eq!(gates.map(Colour::of_network), [Some(Colour::Green); 2]);
        let others = ["resnet110-v3", "resnet20-v2-conv-shortcut", "resnetv2_50", "night-v2"];
        assert_eq!(others.map(Colour::of_network), [None; 4]);
    }

    #[test]
    fn the_units_of_a_table_have_colours_of_their_own() {
        for table in [&TABLE_1[..], &TABLE_2] {
            // Rows of one letter are one unit with several settings.
            let mut units: Vec<(&str, Option<Colour>)> =
                table.iter().map(|row| (&row.unit[..3], Colour::of_network(row.model))).collect();
            units.sort_by_key(|unit| unit.0);
            units.dedup();
            assert!(units.iter().all(|unit| unit.1.is_some()), "{units:?}");
            for (index, (letter, colour)) in units.iter().enumerate() {
                let others = &units[index + 1..];
                assert!(others.iter().all(|other| other.0 != *letter && other.1 != *colour), "{units:?}");
            }
        }
    }

    #[test]
    fn networks_of_one_unit_get_colours_that_are_free() {
        let models = ["resnet20-v1", "resnet20-v2", "resnet56-v2"];
        let colours = Colour::of_networks(&models);
        assert_eq!(colours[0], Colour::Vermilion);
        assert!(colours[1] != colours[2] && !colours[1..].contains(&Colour::Vermilion), "{colours:?}");
    }
}
