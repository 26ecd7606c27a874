//! Values of several seeds beside a published one, a line for each row: a filled circle for each seed, a
//! vertical stroke for their median, an open diamond for the published value.

use std::fmt::Write as _;

use super::escaped;
use super::plot::{WIDTH, opened};
use super::scale::{Axis, Placed};
use super::series::Colour;

const LEFT: f64 = 10.0;
const RIGHT: f64 = 24.0;
/// Above the first row stands its axis; a row has its name over its line.
const TOP: f64 = 46.0;
const ROW: f64 = 50.0;
const GROUP: f64 = 34.0;
/// From the top of a row to the baseline of its name, and to its line.
const NAME: f64 = 16.0;
const LINE: f64 = 33.0;

/// A row of marks.
#[derive(Clone, Debug, PartialEq)]
pub struct Dots {
    /// Its name, above its line on the left.
    pub name: String,
    /// The numbers as text, above its line on the right.
    pub text: String,
    /// Its colour.
    pub colour: Colour,
    /// The published value.
    pub published: Option<f64>,
    /// One for each seed.
    pub values: Vec<f64>,
    /// Their median.
    pub median: Option<f64>,
}

/// Rows under a heading of their own, which may be empty.
#[derive(Clone, Debug, PartialEq)]
pub struct DotGroup {
    /// What the rows have in common.
    pub heading: String,
    /// The rows.
    pub rows: Vec<Dots>,
}

/// The rows as an SVG element for a page; `axis` names quantity and unit.
///
/// ```
/// use resnet_report::chart::{Colour, DotGroup, Dots, dots};
/// let row = Dots {
///     name: "original".to_owned(),
///     text: "6.61; here 6.70".to_owned(),
///     colour: Colour::Vermilion,
///     published: Some(6.61),
///     values: vec![6.6, 6.7, 6.8],
///     median: Some(6.7),
/// };
/// let svg = dots("Errors", "test error, %", &[DotGroup { heading: String::new(), rows: vec![row] }]);
/// assert_eq!(svg.matches("<circle").count(), 3);
/// ```
pub fn dots(title: &str, axis: &str, groups: &[DotGroup]) -> String {
    let rows = || groups.iter().flat_map(|group| &group.rows);
    let values = rows().flat_map(|row| row.values.iter().copied().chain(row.published).chain(row.median));
    let values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    let most = values.iter().copied().fold(0.0, f64::max);
    let end = if most > 0.0 { most * 1.04 } else { 1.0 };
    let x = Placed::of(&Axis::from_zero(axis, end), values.into_iter());
    let place = |value: f64| Some(LEFT + (WIDTH - LEFT - RIGHT) * x.place(value)?);
    let height =
        |group: &DotGroup| ROW * group.rows.len() as f64 + if group.heading.is_empty() { 0.0 } else { GROUP };
    let bottom = TOP + groups.iter().map(height).sum::<f64>();
    let told: Vec<String> = rows().map(|row| format!("{}: {}", row.name, row.text)).collect();
    let mut svg = opened(bottom + 6.0, title, &told.join("; "));
    let _ = write!(svg, "<text class=\"axis\" x=\"{LEFT}\" y=\"16\">{}</text>", escaped(axis));
    for (value, text) in x.ticks() {
        let Some(x) = place(value) else { continue };
        let _ = write!(
            svg,
            "<path class=\"grid\" d=\"M{x:.1} {:.1}V{bottom:.1}\"/>\
             <text class=\"tick\" x=\"{x:.1}\" y=\"38\" text-anchor=\"{}\">{text}</text>",
            TOP - 2.0,
            if value == 0.0 { "start" } else { "middle" }
        );
    }
    let mut top = TOP;
    for group in groups {
        if !group.heading.is_empty() {
            let (y, heading) = (top + 25.0, escaped(&group.heading));
            let _ = write!(svg, "<text class=\"axis strong\" x=\"{LEFT}\" y=\"{y:.1}\">{heading}</text>");
            top += GROUP;
        }
        for row in &group.rows {
            draw(row, top, &place, &mut svg);
            top += ROW;
        }
    }
    svg + "</svg>"
}

fn draw(row: &Dots, top: f64, place: &impl Fn(f64) -> Option<f64>, svg: &mut String) {
    let (colour, y, end) = (row.colour.class(), top + LINE, WIDTH - RIGHT);
    let _ = writeln!(
        svg,
        "<text class=\"axis halo\" x=\"{LEFT}\" y=\"{:.1}\">{}</text>\
         <text class=\"tick halo\" x=\"{end}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
         <path class=\"grid\" d=\"M{LEFT} {y:.1}H{end}\"/>",
        top + NAME,
        escaped(&row.name),
        top + NAME,
        escaped(&row.text)
    );
    if let (Some(from), Some(to)) = (row.published.and_then(place), row.median.and_then(place)) {
        let _ = write!(svg, "<path class=\"gap {colour}\" d=\"M{from:.1} {y:.1}H{to:.1}\"/>");
    }
    for x in row.values.iter().filter_map(|value| place(*value)) {
        let _ = write!(svg, "<circle class=\"dot {colour}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.5\"/>");
    }
    if let Some(x) = row.median.and_then(place) {
        let _ = write!(svg, "<path class=\"median {colour}\" d=\"M{x:.1} {:.1}v18\"/>", y - 9.0);
    }
    if let Some(x) = row.published.and_then(place) {
        let _ = write!(svg, "<path class=\"open ink\" d=\"M{x:.1} {:.1}l6 6l-6 6l-6 -6z\"/>", y - 6.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_without_values_have_their_names_and_no_marks() {
        let row = |values: Vec<f64>, published| Dots {
            name: "a & b".to_owned(),
            text: "fails".to_owned(),
            colour: Colour::Ink,
            published,
            median: values.first().copied(),
            values,
        };
        let group = |heading: &str, rows| DotGroup { heading: heading.to_owned(), rows };
        let svg = dots("Errors", "error, %", &[group("ResNet-110", vec![row(vec![], None)])]);
        assert!(svg.contains("a &amp; b") && svg.contains(">ResNet-110<"), "{svg}");
        assert!(!svg.contains("<circle") && !svg.contains("open") && !svg.contains("NaN"), "{svg}");
        let svg = dots("Errors", "error, %", &[group("", vec![row(vec![f64::NAN, 3.0], Some(2.0))])]);
        assert!(svg.matches("<circle").count() == 1 && !svg.contains("NaN"), "{svg}");
    }
}
