//! Horizontal bars of several parts, one after another from zero: how the same whole is spent, row by row.

use std::fmt::Write as _;

use super::escaped;
use super::labels::beginning;
use super::plot::{WIDTH, opened};
use super::scale::{Axis, Placed};

/// Room for names, which "process 100" needs, and for what stands behind the bars.
const NAMES: f64 = 136.0;
const VALUES: f64 = 138.0;
/// Between a name and its bars.
const GAP: f64 = 10.0;
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
    // Where entries of the legend stand: on a phone, whose letters are larger, four have no room in a line.
    let columns: &[f64] = if parts.len() <= 3 { &[NAMES, 296.0, 456.0] } else { &[NAMES, 380.0] };
    let most = rows.iter().map(|row| row.sizes.iter().sum()).fold(0.0, f64::max);
    let layout = Layout {
        top: 10.0 + LEGEND * parts.len().div_ceil(columns.len()) as f64,
        row: (HEIGHT / rows.len().max(1) as f64).clamp(8.0, 34.0),
        axis: Placed::of(&Axis::from_zero(label, most), std::iter::empty()),
    };
    let bottom = layout.top_of(rows.len());
    let told: Vec<String> = rows.iter().map(|row| format!("{}: {}", row.name, row.text)).collect();
    let mut svg = opened(bottom + 50.0, title, &told.join("; "));
    legend(parts, columns, &mut svg);
    layout.grid(bottom, label, &mut svg);
    for (index, row) in rows.iter().enumerate() {
        layout.bars(index, parts, row, &mut svg);
    }
    svg + "</svg>"
}

/// What the colours are.
fn legend(parts: &[Part], columns: &[f64], svg: &mut String) {
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
}

/// Where rows and values lie.
struct Layout {
    /// Where the first row begins.
    top: f64,
    /// The height of a row.
    row: f64,
    axis: Placed,
}

impl Layout {
    fn top_of(&self, row: usize) -> f64 {
        self.top + self.row * row as f64
    }

    fn x_of(&self, value: f64) -> f64 {
        NAMES + self.axis.place(value).unwrap_or(0.0) * (WIDTH - NAMES - VALUES)
    }

    /// The lines of the grid with their numbers, and the axis's label; the rows end at `bottom`.
    fn grid(&self, bottom: f64, label: &str, svg: &mut String) {
        let top = self.top;
        for (value, text) in self.axis.ticks() {
            let _ = writeln!(
                svg,
                "<path class=\"grid\" d=\"M{0:.1} {top}V{1:.1}\"/>\
                 <text class=\"tick\" x=\"{0:.1}\" y=\"{2:.1}\" text-anchor=\"middle\">{text}</text>",
                self.x_of(value),
                bottom + 5.0,
                bottom + 22.0
            );
        }
        let _ = writeln!(
            svg,
            "<text class=\"axis\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            (NAMES + WIDTH - VALUES) / 2.0,
            bottom + 43.0,
            escaped(label)
        );
    }

    /// A row's bars, and its texts if it is one that has them.
    fn bars(&self, index: usize, parts: &[Part], row: &Stack, svg: &mut String) {
        let (y, gap) = (self.top_of(index), self.row * 0.14);
        let mut before = 0.0;
        for (Part { class, .. }, size) in parts.iter().zip(&row.sizes) {
            let (from, to) = (self.x_of(before), self.x_of(before + size));
            before += size;
            if to - from > 0.05 {
                let _ = write!(
                    svg,
                    "<path class=\"part {class}\" d=\"M{from:.1} {:.1}h{1:.1}v{2:.1}h-{1:.1}z\"/>",
                    y + gap,
                    to - from,
                    self.row - 2.0 * gap
                );
            }
        }
        let every = (APART / self.row).ceil() as usize;
        if index.is_multiple_of(every) {
            let _ = writeln!(
                svg,
                "<text class=\"axis\" x=\"{}\" y=\"{y:.1}\" text-anchor=\"end\">{}</text>\
                 <text class=\"tick\" x=\"{:.1}\" y=\"{y:.1}\">{}</text>",
                NAMES - GAP,
                escaped(&beginning(&row.name, NAMES - GAP)),
                self.x_of(before) + 9.0,
                escaped(&row.text),
                y = y + self.row / 2.0 + 5.0
            );
        }
    }
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
        // 386 pixels for 40 ms.
        assert!(svg.contains("M136.0 ") && svg.contains("h289.5") && svg.contains("M425.5 "), "{svg}");
        assert!(svg.contains("waits &lt;25 %") && svg.contains(">process 1<"));
        let many = stacks("A step", "ms", &parts, &(0..64).map(row).collect::<Vec<_>>());
        assert_eq!(many.matches("<path class=\"part").count(), 2 + 128);
        assert!(many.contains(">process 0<") && !many.contains(">process 1<"));
        // Names are cut by their width, and numbers of three digits are not.
        assert!(many.contains(">process 63<"), "{many}");
        assert!(stacks("A step", "ms", &parts, &[row(100)]).contains(">process 100<"));
        let named = Stack { name: "a processor far away".to_owned(), ..row(0) };
        assert!(stacks("A step", "ms", &parts, &[named]).contains(">a process…<"));
        assert!(!stacks("None", "ms", &parts, &[]).contains("NaN"));
    }
}
