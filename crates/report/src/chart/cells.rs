//! Cells in rows and columns, the stronger the greater: a confusion matrix, norms of layers over time.

use std::fmt::Write as _;

use super::escaped;
use super::labels::{self, beginning};
use super::plot::{WIDTH, opened};

/// Steps of strength; 0 is empty.
pub(crate) const LEVELS: usize = 8;

/// A grid of cells with names.
pub(crate) struct Cells {
    /// What is to be seen.
    pub(crate) title: String,
    pub(crate) description: String,
    /// Names of rows; none where they would not be readable.
    pub(crate) rows: Vec<String>,
    /// Names of columns, below them.
    pub(crate) columns: Vec<String>,
    /// What rows and columns are.
    pub(crate) axes: [String; 2],
    /// Row by row: how strong from 0 to [`LEVELS`], and what is written in it.
    pub(crate) cells: Vec<Vec<(usize, String)>>,
    /// Whether columns stand for things with names, or for a scale.
    pub(crate) kind: Kind,
}

/// What columns are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As many as rows, each with a name; cells are squares.
    Matrix,
    /// A scale; the names are those of its ends.
    Scale,
}

const TOP: f64 = 26.0;
/// Room for the names of rows, and between them and the cells.
const NAMES: f64 = 122.0;
const GAP: f64 = 8.0;

impl Cells {
    /// The grid as a part of a page.
    pub(crate) fn inline(&self) -> String {
        let count = self.cells.len().max(1) as f64;
        let across = self.cells.first().map_or(1, Vec::len).max(1) as f64;
        let left = if self.rows.is_empty() { 24.0 } else { NAMES + GAP };
        let right = if self.kind == Kind::Matrix { 24.0 } else { 8.0 };
        let width = ((WIDTH - left - right) / across).min(46.0);
        let height = match self.kind {
            Kind::Matrix => width,
            Kind::Scale => (520.0 / count).clamp(3.0, 18.0),
        };
        let width = if self.kind == Kind::Scale { (WIDTH - left - right) / across } else { width };
        let longest = self.columns.iter().map(|name| labels::width(name).min(NAMES)).fold(0.0, f64::max);
        let below = match self.kind {
            // They are turned by half a right angle.
            Kind::Matrix if !self.columns.is_empty() => 0.72 * longest + 44.0,
            _ => 44.0,
        };
        let bottom = TOP + height * count;
        let mut svg = opened(bottom + below, &self.title, &self.description);
        let _ = write!(svg, "<text class=\"axis\" x=\"2\" y=\"16\">{}</text>", escaped(&self.axes[0]));
        for level in 1..=LEVELS {
            let path = self.path(level, (left, width), height);
            if !path.is_empty() {
                let _ = write!(svg, "<path class=\"cell l{level}\" d=\"{path}\"/>");
            }
        }
        self.texts((left, width), height, &mut svg);
        let (y, last) = (bottom + below - 8.0, left + width * across);
        if self.kind == Kind::Scale {
            let ends = [(left, "start"), (last, "end")];
            for ((x, anchor), name) in ends.iter().zip(&self.columns) {
                let _ = write!(
                    svg,
                    "<text class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
                    bottom + 18.0,
                    escaped(name)
                );
            }
        }
        let _ = write!(
            svg,
            "<text class=\"axis\" x=\"{:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{}</text></svg>",
            (left + last) / 2.0,
            escaped(&self.axes[1])
        );
        svg
    }

    /// All cells of one strength in one path: a page with thousands of cells stays small.
    fn path(&self, level: usize, (left, width): (f64, f64), height: f64) -> String {
        let mut path = String::new();
        let gap = if width > 12.0 { 1.5 } else { 0.0 };
        for (row, cells) in self.cells.iter().enumerate() {
            let y = TOP + height * row as f64;
            let mut column = 0;
            while column < cells.len() {
                let same = cells[column..].iter().take_while(|cell| cell.0 == level).count();
                // Neighbours without a gap are one rectangle.
                let taken = if gap > 0.0 { same.min(1) } else { same };
                if taken > 0 {
                    let (x, w, h) = (
                        left + width * column as f64,
                        width * taken as f64 - gap,
                        height - gap.min(height / 4.0),
                    );
                    let _ = write!(path, "M{x:.1} {y:.1}h{w:.1}v{h:.1}h-{w:.1}z");
                }
                column += taken.max(1);
            }
        }
        path
    }

    fn texts(&self, (left, width): (f64, f64), height: f64, svg: &mut String) {
        let bottom = TOP + height * self.cells.len() as f64;
        let middle = |index: usize, size: f64| size * (index as f64 + 0.5);
        for (index, name) in self.rows.iter().enumerate() {
            let _ = write!(
                svg,
                "<text class=\"tick\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                left - GAP,
                TOP + middle(index, height) + 4.0,
                escaped(&beginning(name, NAMES))
            );
        }
        for (row, cells) in self.cells.iter().enumerate() {
            for (column, (level, text)) in cells.iter().enumerate().filter(|(_, cell)| !cell.1.is_empty()) {
                let ground = if *level > LEVELS - 2 { "dark" } else { "pale" };
                let _ = write!(
                    svg,
                    "<text class=\"in {ground}\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                    left + middle(column, width) - 0.7,
                    TOP + middle(row, height) + 3.5,
                    escaped(text)
                );
            }
        }
        if self.kind == Kind::Matrix {
            for (index, name) in self.columns.iter().enumerate() {
                let (x, y) = (left + middle(index, width), bottom + 12.0);
                let _ = write!(
                    svg,
                    "<text class=\"tick\" text-anchor=\"end\" transform=\"translate({x:.1} {y:.1})rotate(-45)\">{}</text>",
                    escaped(&beginning(name, NAMES))
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_one_strength_share_a_path_and_neighbours_a_rectangle() {
        let cell = |level| (level, String::new());
        let cells = Cells {
            title: "A <grid>".to_owned(),
            description: String::new(),
            rows: vec![],
            columns: vec!["0".to_owned(), "100".to_owned()],
            axes: ["layers".to_owned(), "steps".to_owned()],
            cells: vec![(0..100).map(|n| cell(if n < 50 { 3 } else { 5 })).collect(); 4],
            kind: Kind::Scale,
        };
        let svg = cells.inline();
        assert_eq!(svg.matches("<path").count(), 2);
        assert_eq!(svg.matches('M').count(), 8);
        assert!(svg.contains("A &lt;grid&gt;") && !svg.contains("NaN"));
        let none = Cells { cells: vec![], ..cells };
        assert!(!none.inline().contains("NaN"));
    }
}
