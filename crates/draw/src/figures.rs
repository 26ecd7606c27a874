//! The paper's figures 1, 2, 4 and 5, of units as they are built.

use resnet_blocks::{Placement, Shortcut, UnitOutline};

use crate::canvas::{Canvas, Point};
use crate::unit::{self, Accent, Look, Marks, Room};
use crate::{Error, built};

/// Pixels between neighbouring units, and around all of them.
const GAP: f64 = 26.0;
const MARGIN: f64 = 18.0;
/// Height of a title.
const TITLE: f64 = 30.0;

/// One of the paper's figures of units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// The original unit beside the proposed one.
    One,
    /// The shortcuts.
    Two,
    /// The placements of norm and ReLU.
    Four,
    /// An activation after the addition becomes a pre-activation: equation (9).
    Five,
}

/// A unit with what stands above it.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    pub(crate) title: String,
    pub(crate) unit: UnitOutline,
}

impl Figure {
    /// All of them.
    pub const ALL: [Figure; 4] = [Figure::One, Figure::Two, Figure::Four, Figure::Five];

    /// What it is called on a command line: `figure1`.
    pub fn name(self) -> &'static str {
        match self {
            Figure::One => "figure1",
            Figure::Two => "figure2",
            Figure::Four => "figure4",
            Figure::Five => "figure5",
        }
    }

    /// The figure as an SVG file.
    ///
    /// # Errors
    /// If a unit cannot be built.
    pub fn svg(self) -> Result<String, Error> {
        match self {
            Figure::One => {
                let cells = cells(&[("(a) original", "v1"), ("(b) proposed", "v2")])?;
                Ok(row_by_row("Figure 1: the original unit and the proposed one", &cells, 2))
            }
            Figure::Two => Ok(row_by_row("Figure 2: what the shortcut does", &cells(&FIGURE_2)?, 3)),
            Figure::Four => {
                Ok(row_by_row("Figure 4: where norm and activation stand", &cells(&FIGURE_4)?, 3))
            }
            Figure::Five => figure_5(),
        }
    }
}

/// Titles, and units by the registry's words.
const FIGURE_2: [(&str, &str); 6] = [
    ("(a) original", "v1"),
    ("(b) constant scaling", "constant-scaling"),
    ("(c) exclusive gating", "exclusive-gating"),
    ("(d) shortcut-only gating", "shortcut-only-gating"),
    ("(e) 1×1 conv shortcut", "conv-shortcut"),
    ("(f) dropout shortcut", "dropout-shortcut"),
];

const FIGURE_4: [(&str, &str); 5] = [
    ("(a) original", "v1"),
    ("(b) BN after addition", "bn-after-addition"),
    ("(c) ReLU before addition", "relu-before-addition"),
    ("(d) ReLU-only pre-activation", "relu-only-preactivation"),
    ("(e) full pre-activation", "v2"),
];

fn cells(rows: &[(&str, &str)]) -> Result<Vec<Cell>, Error> {
    rows.iter()
        .map(|(title, word)| Ok(Cell { title: (*title).to_owned(), unit: built::unit(word)? }))
        .collect()
}

/// Width of a title in the middle of its unit.
fn title_width(title: &str) -> f64 {
    8.2 * title.chars().count() as f64
}

fn cell_width(cell: &Cell) -> f64 {
    unit::width(&cell.unit).max(title_width(&cell.title))
}

/// Units in rows of so many, as a picture of their own.
pub(crate) fn row_by_row(title: &str, cells: &[Cell], columns: usize) -> String {
    let mut canvas = Canvas::default();
    let (width, height) = draw_rows(&mut canvas, cells, columns, (MARGIN, MARGIN));
    canvas.finish((width + 2.0 * MARGIN, height + 2.0 * MARGIN), title, &described(cells))
}

/// The units in words.
pub(crate) fn described(cells: &[Cell]) -> String {
    let each = cells.iter().map(|cell| format!("{}: {}", cell.title, unit::described(&cell.unit)));
    each.collect::<Vec<_>>().join(". ")
}

/// Draws units in rows of so many, those of a row with their additions side by side; returns width and height
/// of all.
pub(crate) fn draw_rows(
    canvas: &mut Canvas,
    cells: &[Cell],
    columns: usize,
    (left, top): Point,
) -> (f64, f64) {
    let widths: Vec<f64> = (0..columns.min(cells.len()))
        .map(|column| cells.iter().skip(column).step_by(columns).map(cell_width).fold(0.0, f64::max))
        .collect();
    let mut y = top;
    for (index, row) in cells.chunks(columns).enumerate() {
        y += if index == 0 { 0.0 } else { GAP / 2.0 };
        let room = Room::of(row.iter().map(|cell| &cell.unit));
        let mut x = left;
        for (cell, width) in row.iter().zip(&widths) {
            canvas.text("title", (x + width / 2.0, y + 14.0), &cell.title);
            let inset = (width - unit::width(&cell.unit)) / 2.0;
            unit::draw(canvas, &cell.unit, (x + inset, y + TITLE), Look::alone(&cell.unit, room));
            x += width + GAP;
        }
        y += TITLE + room.height();
    }
    (widths.iter().sum::<f64>() + GAP * widths.len().saturating_sub(1) as f64, y - top)
}

/// Equation (9): what follows the addition of one unit is moved to the residual branch of the next.
pub(crate) fn moved(unit: &UnitOutline) -> UnitOutline {
    UnitOutline { pre_activation: unit.after_addition.clone(), after_addition: vec![], ..unit.clone() }
}

fn figure_5() -> Result<String, Error> {
    let after = built::of(Placement::BnAfterAddition, Shortcut::Identity)?;
    let pre_activated = built::of(Placement::FullPreActivation, Shortcut::Identity)?;
    let first = UnitOutline { after_addition: vec![], ..after.clone() };
    let columns = [
        ("(a) f on both paths", [after.clone(), after.clone()]),
        ("(b) f on the branch alone", [first, moved(&after)]),
        ("(c) f counted to its branch", [pre_activated.clone(), pre_activated]),
    ];
    let mut canvas = Canvas::default();
    let (mut left, mut bottom) = (MARGIN, 0f64);
    let mut description = vec![];
    for (index, (title, units)) in columns.iter().enumerate() {
        let width = units.iter().map(unit::width).fold(title_width(title), f64::max) + 12.0;
        canvas.text("title", (left + width / 2.0, MARGIN + 14.0), title);
        let mut top = MARGIN + TITLE;
        let mut marks: Vec<Marks> = vec![];
        let colour = if index == 0 { Accent::Original } else { Accent::PreActivation };
        for (unit, (entry, exit)) in units.iter().zip([(Some("l"), "l+1"), (None, "l+2")]) {
            let inset = (width - unit::width(unit)) / 2.0;
            let look = Look { room: Room::of([unit]), entry, exit, colour };
            let drawn = unit::draw(&mut canvas, unit, (left + inset, top), look);
            description.push(format!("{title}, up to x {exit}: {}", unit::described(unit)));
            top = drawn.exit + 28.0 - unit::ABOVE;
            bottom = bottom.max(drawn.exit + 20.0);
            marks.push(drawn);
        }
        frames(&mut canvas, (index, left, width), &marks);
        left += width + GAP;
    }
    let title = "Figure 5: an activation after the addition is the pre-activation of the next unit";
    Ok(canvas.finish((left - GAP + MARGIN, bottom + MARGIN), title, &description.join(". ")))
}

/// What counts as a unit in each column of figure 5: in the second the activation still belongs to the unit
/// before it.
fn frames(canvas: &mut Canvas, (column, left, width): (usize, f64, f64), marks: &[Marks]) {
    let mut frame = |from: f64, to: f64| {
        let corner: Point = (left, from);
        canvas.rectangle("frame", corner, (width, to - from));
    };
    match (column, marks) {
        (1, [first, second]) => {
            let end = second.activated.map_or(first.exit, |middle| middle + 21.0);
            frame(first.entry + 6.0, end);
            frame(end + 4.0, second.exit - 16.0);
        }
        (_, marks) => marks.iter().for_each(|marks| frame(marks.entry + 6.0, marks.exit - 16.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Equation (9) and figure 5: the same activation, counted to the next unit, is figure 4(e).
    #[test]
    fn bn_after_addition_moved_to_the_next_branch_is_full_pre_activation() {
        let after = built::of(Placement::BnAfterAddition, Shortcut::Identity).unwrap();
        let pre_activated = built::of(Placement::FullPreActivation, Shortcut::Identity).unwrap();
        assert_ne!(after, pre_activated);
        assert_eq!(moved(&after), pre_activated);
    }
}
