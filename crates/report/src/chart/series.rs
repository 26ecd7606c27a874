//! Lines: their colours and strokes, and how they are drawn.

use std::fmt::Write as _;

use super::plot::Plot;
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
    pub(super) is_right: bool,
}

impl Series {
    /// A solid line called `name` through `points`, in the order of x.
    pub fn new(name: impl Into<String>, colour: Colour, points: Vec<(f64, f64)>) -> Self {
        Series { name: name.into(), colour, points, stroke: Stroke::Solid, marks: false, is_right: false }
    }

    /// The same, measured by the axis on the right.
    #[must_use]
    pub fn right(self) -> Self {
        Series { is_right: true, ..self }
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
        let (Some(x), Some(y)) = (plot.x_of(x), plot.y_of(y, series.is_right)) else {
            is_down = false;
            continue;
        };
        let _ = write!(path, "{}{x:.1} {y:.1}", if is_down { 'L' } else { 'M' });
        is_down = true;
    }
    let _ = writeln!(svg, "<path class=\"line {stroke} {class}\" d=\"{path}\"/>");
    if series.marks {
        for (x, y) in
            series.points.iter().filter_map(|(x, y)| plot.x_of(*x).zip(plot.y_of(*y, series.is_right)))
        {
            let _ = write!(svg, "<circle class=\"mark {class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>");
        }
        svg.push('\n');
    }
}
