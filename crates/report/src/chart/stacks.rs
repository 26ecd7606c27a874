//! Horizontal bars of several parts, one after another from zero: how the same whole is spent, row by row.

use std::fmt::Write as _;

use super::bars::shortened;
use super::escaped;
use super::scale::{Axis, Placed};

/// Room for names, and for what stands behind the bars.
const NAMES: f64 = 120.0;
const VALUES: f64 = 138.0;
const WIDTH: f64 = 660.0;
/// The most letters of a name that are shown.
const LETTERS: usize = 11;
/// The height of a line of the legend.
const LEGEND: f64 = 28.0;
/// The most height of all rows together, unless a row would then be too thin.
const HEIGHT: f64 = 560.0;
/// The least distance between two names.
const APART: f64 = 24.0;

/// What every row is made of.
pub(crate) struct Part {
    pub(crate) name: &'static str,
    /// Its class in the style sheet.
    pub(crate) class: &'static str,
}

/// A row: the size of each part, and the text after the last.
pub(crate) struct Stack {
    pub(crate) name: String,
    pub(crate) sizes: Vec<f64>,
    pub(crate) text: String,
}

/// Rows of `parts` over an axis called `label`, as a part of a page.
pub(crate) fn stacks(title: &str, label: &str, parts: &[Part], rows: &[Stack]) -> String {
    let row = (HEIGHT / rows.len().max(1) as f64).clamp(8.0, 34.0);
    // Where entries of the legend stand: on a phone, whose letters are larger, four have no room in a line.
    let columns: &[f64] = if parts.len() <= 3 { &[NAMES, 296.0, 456.0] } else { &[NAMES, 380.0] };
    let top = 10.0 + LEGEND * parts.len().div_ceil(columns.len()) as f64;
    let bottom = top + row * rows.len() as f64;
    let most = rows.iter().map(|row| row.sizes.iter().sum()).fold(0.0, f64::max);
    let axis = Placed::of(&Axis::from_zero(label, most), std::iter::empty());
    let place = |value: f64| NAMES + axis.place(value).unwrap_or(0.0) * (WIDTH - NAMES - VALUES);
    let told: Vec<String> = rows.iter().map(|row| format!("{}: {}", row.name, row.text)).collect();
    let mut svg = format!(
        "<svg class=\"chart\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {:.0}\" role=\"img\">\
         <title>{}</title><desc>{}</desc>\n",
        bottom + 50.0,
        escaped(title),
        escaped(&told.join("; "))
    );
    for (index, Part { name, class }) in parts.iter().enumerate() {
        let (x, y) = (columns[index % columns.len()], LEGEND * (index / columns.len()) as f64 + 6.0);
        let _ = writeln!(
            svg,
            "<path class=\"part {class}\" d=\"M{x} {y:.1}h14v14h-14z\"/>\
             <text class=\"axis\" x=\"{}\" y=\"{:.1}\">{name}</text>",
            x + 21.0,
            y + 12.5
        );
    }
    for (value, text) in axis.ticks() {
        let _ = writeln!(
            svg,
            "<path class=\"grid\" d=\"M{0:.1} {top}V{1:.1}\"/>\
             <text class=\"tick\" x=\"{0:.1}\" y=\"{2:.1}\" text-anchor=\"middle\">{text}</text>",
            place(value),
            bottom + 5.0,
            bottom + 22.0
        );
    }
    let every = (APART / row).ceil() as usize;
    for (index, Stack { name, sizes, text }) in rows.iter().enumerate() {
        let (y, gap) = (top + row * index as f64, row * 0.14);
        let mut before = 0.0;
        for (Part { class, .. }, size) in parts.iter().zip(sizes) {
            let (from, to) = (place(before), place(before + size));
            before += size;
            if to - from > 0.05 {
                let _ = write!(
                    svg,
                    "<path class=\"part {class}\" d=\"M{from:.1} {:.1}h{1:.1}v{2:.1}h-{1:.1}z\"/>",
                    y + gap,
                    to - from,
                    row - 2.0 * gap
                );
            }
        }
        if index % every == 0 {
            let _ = writeln!(
                svg,
                "<text class=\"axis\" x=\"{}\" y=\"{y:.1}\" text-anchor=\"end\">{}</text>\
                 <text class=\"tick\" x=\"{:.1}\" y=\"{y:.1}\">{}</text>",
                NAMES - 10.0,
                escaped(&shortened(name, LETTERS)),
                place(before) + 9.0,
                escaped(text),
                y = y + row / 2.0 + 5.0
            );
        }
    }
    let _ = write!(
        svg,
        "<text class=\"axis\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text></svg>",
        (NAMES + WIDTH - VALUES) / 2.0,
        bottom + 43.0,
        escaped(label)
    );
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_each_other_and_rows_stay_visible() {
        let parts = [Part { name: "computing", class: "blue" }, Part { name: "waiting", class: "quiet" }];
        let row = |index: usize| Stack {
            name: format!("process {index}"),
            sizes: vec![30.0, 10.0],
            text: "waits <25 %".to_owned(),
        };
        let svg = stacks("A step", "ms", &parts, &[row(0), row(1)]);
        // 402 pixels for 40 ms.
        assert!(svg.contains("M120.0 ") && svg.contains("h301.5") && svg.contains("M421.5 "), "{svg}");
        assert!(svg.contains("waits &lt;25 %") && svg.contains(">process 1<"));
        let many = stacks("A step", "ms", &parts, &(0..64).map(row).collect::<Vec<_>>());
        assert_eq!(many.matches("<path class=\"part").count(), 2 + 128);
        assert!(many.contains(">process 0<") && !many.contains(">process 1<"));
        assert!(!stacks("None", "ms", &parts, &[]).contains("NaN"));
    }
}
