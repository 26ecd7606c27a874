//! Line charts as SVG: few ticks, a hairline grid, lines that carry their names at their ends.
//!
//! A chart stands in a page, whose style sheet colours it for light and dark, or is a file of its own with
//! the same style inside. It scales to any width.
//!
//! ```
//! use resnet_report::chart::{Axis, Chart, Colour, Series};
//!
//! let points = vec![(0.0, 2.3), (100.0, 0.4), (200.0, 0.1)];
//! let loss = Series::new("training loss", Colour::Blue, points).dashed();
//! let (x, y) = (Axis::from_zero("steps", 200.0), Axis::log("loss, nats"));
//! let chart = Chart::new("Training loss falls to 0.1", x, y).with(loss);
//! assert!(chart.file().starts_with("<svg"));
//! ```

pub(crate) mod bars;
pub(crate) mod cells;
mod dots;
mod labels;
mod plot;
mod points;
mod scale;
mod series;
pub(crate) mod stacks;

use std::fmt::Write as _;

use resnet_words::escaped;

pub use self::dots::{DotGroup, Dots, dots};
use self::plot::{BARE_TOP, BOTTOM, GAP, HEIGHT, LEFT, NUMBERS, Plot, RIGHT, Side, TICK, TOP, WIDTH, opened};
pub use self::points::{medians, smoothed};
use self::scale::Placed;
pub use self::scale::{Axis, Scale};
pub use self::series::{Colour, Series};
use self::series::{Stroke, line};

/// A published value, drawn as an open diamond at the right edge.
#[derive(Clone, Debug)]
struct Published {
    name: String,
    value: f64,
}

/// A line chart.
#[derive(Clone, Debug)]
pub struct Chart {
    title: String,
    x: Axis,
    y: Axis,
    right: Option<Axis>,
    series: Vec<Series>,
    verticals: Vec<f64>,
    published: Option<Published>,
    /// How much of x an epoch takes; 0 if none are shown.
    epoch: f64,
    /// Names of lines in the charts beside it, which get as much room.
    neighbours: Vec<String>,
}

/// The style sheet inside a chart that is a file of its own.
const STYLE: &str = include_str!("../../templates/chart.css");

impl Chart {
    /// An empty chart; `title` says what is to be seen, for readers who cannot see it.
    pub fn new(title: impl Into<String>, x: Axis, y: Axis) -> Self {
        let (series, verticals, neighbours) = (vec![], vec![], vec![]);
        let title = title.into();
        Chart { title, x, y, right: None, series, verticals, published: None, epoch: 0.0, neighbours }
    }

    /// With a second axis on the right, for the series that are measured by it.
    #[must_use]
    pub fn right(self, axis: Axis) -> Self {
        Chart { right: Some(axis), ..self }
    }

    /// With the numbers of epochs above the plot; each epoch takes `steps` steps.
    #[must_use]
    pub fn epochs(self, steps: u64) -> Self {
        Chart { epoch: steps as f64, ..self }
    }

    /// With as much room for names as these would take too, so that charts side by side end alike.
    #[must_use]
    pub fn beside(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.neighbours.extend(names);
        self
    }

    /// With one more line.
    #[must_use]
    pub fn with(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }

    /// With thin verticals at these x: drops of the learning rate.
    #[must_use]
    pub fn verticals(mut self, at: impl IntoIterator<Item = f64>) -> Self {
        self.verticals.extend(at);
        self
    }

    /// With a published value on the left axis.
    #[must_use]
    pub fn published(mut self, name: impl Into<String>, value: f64) -> Self {
        self.published = Some(Published { name: name.into(), value });
        self
    }

    /// The chart as an SVG file of its own.
    pub fn file(&self) -> String {
        standalone(&self.inline())
    }

    /// The chart as a part of a page that has its style sheet.
    pub fn inline(&self) -> String {
        let plot = self.plot();
        let mut svg = opened(HEIGHT, &self.title, &self.description());
        self.grid(&plot, &mut svg);
        for order in [Stroke::Faint, Stroke::Dashed, Stroke::Solid] {
            let lines = self.series.iter().filter(|series| series.stroke == order);
            lines.for_each(|series| line(series, &plot, &mut svg));
        }
        self.names(&plot, &mut svg);
        svg.push_str("</svg>");
        svg
    }

    fn plot(&self) -> Plot {
        let xs = self.series.iter().flat_map(|series| series.points.iter().map(|point| point.0));
        let ys = |side| {
            let series = self.series.iter().filter(move |series| series.side == side);
            series.flat_map(|series| series.points.iter().map(|point| point.1))
        };
        let published = self.published.iter().map(|published| published.value);
        let names = self.series.iter().map(|series| &series.name);
        let names = names.chain(self.published.iter().map(|published| &published.name));
        let names = names.chain(&self.neighbours);
        let widest = names.map(|name| labels::width(name)).fold(0.0, f64::max);
        let y = Placed::of(&self.y, ys(Side::Left).chain(published));
        let right = self.right.as_ref().map(|axis| Placed::of(axis, ys(Side::Right)));
        let ticks = |axis: Placed| {
            let widths = axis.ticks().into_iter().map(|(_, text)| labels::width(&text));
            (TICK + widths.fold(0.0, f64::max)).ceil()
        };
        let numbers = right.map_or(0.0, |axis| ticks(axis).max(NUMBERS));
        let [least, most] = RIGHT;
        // Numbers that need more than the usual room do not take it from the names.
        let most = most + (numbers - NUMBERS).max(0.0);
        Plot {
            end: WIDTH - (GAP + numbers + widest).clamp(least, most).ceil(),
            x: Placed::of(&self.x, xs),
            left: ticks(y).max(LEFT),
            top: if self.has_epochs() { TOP } else { BARE_TOP },
            y,
            right,
            numbers,
        }
    }

    /// Whether the numbers of epochs stand above the plot.
    fn has_epochs(&self) -> bool {
        self.epoch > 0.0 && self.x.range.is_some_and(|[_, last]| last >= self.epoch)
    }

    /// The chart in words: each line's ends.
    fn description(&self) -> String {
        let named = self.series.iter().filter(|series| !series.name.is_empty());
        let ends: Vec<String> = named
            .filter_map(|series| {
                let mut finite = series.points.iter().filter(|(_, y)| y.is_finite());
                let (_, first) = finite.next()?;
                let (x, last) = finite.next_back()?;
                let [first, x, last] = [*first, *x, *last].map(crate::numbers::significant);
                Some(format!("{} goes from {first} to {last} at {} {x}", series.name, self.x.label))
            })
            .collect();
        format!("{}; {}.", self.y.label, ends.join("; "))
    }

    fn grid(&self, plot: &Plot, svg: &mut String) {
        let (left, right, top, bottom) = (plot.left, plot.end, plot.top, HEIGHT - BOTTOM);
        for (value, text) in plot.y.ticks() {
            let Some(y) = plot.y_of(value, Side::Left) else { continue };
            let _ = writeln!(
                svg,
                "<path class=\"grid\" d=\"M{left} {y:.1}H{right}\"/>\
                 <text class=\"tick\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
                left - TICK,
                y + 4.0
            );
        }
        for (value, text) in plot.x.ticks() {
            let Some(x) = plot.x_of(value) else { continue };
            let _ = writeln!(
                svg,
                "<path class=\"grid\" d=\"M{x:.1} {bottom}v5\"/>\
                 <text class=\"tick\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{text}</text>",
                bottom + 20.0
            );
        }
        if let Some((axis, placed)) = self.right.as_ref().zip(plot.right) {
            for (value, text) in placed.ticks() {
                let Some(y) = plot.y_of(value, Side::Right) else { continue };
                let _ = writeln!(
                    svg,
                    "<path class=\"grid\" d=\"M{right} {y:.1}h5\"/>\
                     <text class=\"tick\" x=\"{}\" y=\"{:.1}\">{text}</text>",
                    right + TICK,
                    y + 4.0
                );
            }
            let (x, label) = (right + plot.numbers, escaped(&axis.label));
            let _ =
                writeln!(svg, "<text class=\"axis\" x=\"{x}\" y=\"16\" text-anchor=\"end\">{label}</text>");
        }
        if let Some(epochs) = self.epochs_shown(plot) {
            for (x, text) in epochs {
                let _ = writeln!(
                    svg,
                    "<path class=\"grid\" d=\"M{x:.1} {}v4\"/>\
                     <text class=\"tick\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{text}</text>",
                    top - 4.0,
                    top - 8.0
                );
            }
        }
        for x in self.verticals.iter().filter_map(|value| plot.x_of(*value)) {
            let _ = writeln!(svg, "<path class=\"drop\" d=\"M{x:.1} {top}V{bottom}\"/>");
        }
        let _ = writeln!(
            svg,
            "<text class=\"axis\" x=\"2\" y=\"16\">{}</text>\
             <text class=\"axis\" x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            escaped(&self.y.label),
            (left + right) / 2.0,
            HEIGHT - 8.0,
            escaped(&self.x.label)
        );
    }

    /// Where epochs stand above the plot; the first says what the numbers are.
    fn epochs_shown(&self, plot: &Plot) -> Option<Vec<(f64, String)>> {
        let last = self.x.range?[1];
        if !self.has_epochs() {
            return None;
        }
        let places = Placed::of(&Axis::from_zero("epochs", last / self.epoch), std::iter::empty());
        // Only whole epochs get a tick.
        let whole = places.ticks().into_iter().filter(|(value, _)| *value >= 1.0 && value.fract() == 0.0);
        let placed =
            whole.filter_map(|(value, _)| Some((plot.x_of(value * self.epoch)?, format!("{value}"))));
        let mut placed: Vec<(f64, String)> = placed.collect();
        if let Some(first) = placed.first_mut() {
            first.1.insert_str(0, "epoch ");
        }
        Some(placed)
    }

    /// Names beside the ends of their lines.
    fn names(&self, plot: &Plot, svg: &mut String) {
        let mut labels = vec![];
        for series in self.series.iter().filter(|series| !series.name.is_empty()) {
            let placed = series.points.iter().rev().find_map(|(_, y)| plot.y_of(*y, series.side));
            labels.extend(placed.map(|y| (y, series.name.clone(), series.colour.class())));
        }
        let right = plot.end;
        if let Some(Published { name, value }) = &self.published
            && let Some(y) = plot.y_of(*value, Side::Left)
        {
            let _ = writeln!(svg, "<path class=\"open ink\" d=\"M{right} {:.1}l5 5l-5 5l-5 -5z\"/>", y - 5.0);
            labels.push((y, name.clone(), "ink"));
        }
        let wanted: Vec<f64> = labels.iter().map(|(y, ..)| y + 4.0).collect();
        let places = labels::apart(&wanted, plot.top, HEIGHT - BOTTOM + 4.0);
        let x = right + GAP + plot.numbers;
        let names: Vec<&str> = labels.iter().map(|(_, name, _)| name.as_str()).collect();
        let shown = labels::fitted(&names, WIDTH - x);
        for (((_, name, class), shown), y) in labels.iter().zip(shown).zip(places) {
            // The whole name is shown where somebody points at a shortened one.
            let whole = match shown == *name {
                true => String::new(),
                false => format!("<title>{}</title>", escaped(name)),
            };
            let name = escaped(&shown);
            let _ = writeln!(svg, "<text class=\"name {class}\" x=\"{x}\" y=\"{y:.1}\">{whole}{name}</text>");
        }
    }
}

/// A picture of this crate that is part of a page as a file of its own: with the style sheet inside.
pub(crate) fn standalone(svg: &str) -> String {
    svg.replacen("</desc>", &format!("</desc><style>{STYLE}</style>"), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: Vec<(f64, f64)>) -> Chart {
        let y = Axis { label: "error, %".to_owned(), scale: Scale::Linear, range: None };
        Chart::new("Errors <fall>", Axis::from_zero("steps", 10.0), y).with(Series::new(
            "test & more",
            Colour::Blue,
            points,
        ))
    }

    #[test]
    fn markup_in_names_stays_text() {
        let svg = chart(vec![(0.0, 3.0), (10.0, 1.0)]).file();
        assert!(
            svg.contains("Errors &lt;fall&gt;") && svg.contains("test &amp; more") && !svg.contains("<fall>")
        );
        assert!(svg.contains("goes from 3.00 to 1.00 at steps 10.0"));
    }

    #[test]
    fn an_axis_on_the_right_has_its_own_scale_and_epochs_stand_above() {
        let loss = Series::new("loss", Colour::Vermilion, vec![(0.0, 100.0), (10.0, 10.0)]).dashed().right();
        let both = chart(vec![(0.0, 3.0), (10.0, 1.0)]).right(Axis::log("loss, nats")).epochs(5).with(loss);
        let svg = both.inline();
        assert!(svg.contains(">loss, nats<") && svg.contains(">epoch 1<") && svg.contains(">2<"), "{svg}");
        // Without an axis of its own it would have no place.
        assert_eq!(svg.matches("<path class=\"line").count(), 2);
        assert!(!svg.contains("d=\"\""), "{svg}");
    }

    #[test]
    fn long_names_get_room_and_are_shortened_where_that_is_not_enough() {
        let with = |names: &[&str]| {
            let empty = Chart { series: vec![], ..chart(vec![]) };
            let line = |name: &&str| Series::new(*name, Colour::Blue, vec![(0.0, 3.0), (10.0, 1.0)]);
            names.iter().map(line).fold(empty, Chart::with)
        };
        let end = |chart: &Chart| chart.plot().end;
        let (short, long) = (with(&["training"]), with(&["scaling by 0.5", "shortcut-only gating, bias -6"]));
        assert!(end(&short) > end(&long), "{} {}", end(&short), end(&long));
        assert!(end(&with(&["published 6.61 %"]).right(Axis::log("loss"))) < end(&short));
        let svg = long.inline();
        assert!(svg.contains(">scaling by 0.5</text>"), "{svg}");
        assert!(svg.contains("<title>shortcut-only gating, bias -6</title>shor"), "{svg}");
        assert!(svg.contains("bias -6</text>"), "{svg}");
    }

    #[test]
    fn the_numbers_of_axes_have_the_room_that_they_take_on_a_phone() {
        let of = |most: f64| chart(vec![(0.0, 0.0), (10.0, most)]);
        let (usual, wide) = (of(30.0).plot(), of(0.11).plot());
        assert_eq!(usual.left, LEFT);
        assert!(wide.left > LEFT && wide.x_of(0.0) == Some(wide.left), "{}", wide.left);
        let rate = Axis { label: "rate".to_owned(), scale: Scale::Linear, range: Some([0.0, 0.11]) };
        let plot = of(30.0).right(rate).plot();
        assert!(plot.numbers > NUMBERS, "{}", plot.numbers);
        // Without the numbers of epochs the plot begins higher.
        assert_eq!([of(30.0).plot().top, of(30.0).epochs(5).plot().top], [BARE_TOP, TOP]);
    }

    #[test]
    fn charts_side_by_side_have_one_room_for_names() {
        let alone = chart(vec![(0.0, 3.0), (10.0, 1.0)]);
        let beside = alone.clone().beside(["shortcut-only gating".to_owned()]);
        assert!(beside.plot().end < alone.plot().end);
        assert!(!beside.inline().contains("shortcut-only"));
    }

    #[test]
    fn numbers_that_are_none_leave_a_gap() {
        let svg = chart(vec![(0.0, 3.0), (2.0, f64::NAN), (4.0, 1.0), (5.0, f64::INFINITY)]).inline();
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert!(!chart(vec![]).inline().contains("NaN"));
    }
}
