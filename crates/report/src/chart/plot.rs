//! Where values lie on the picture, in its own units.

use super::scale::Placed;

pub(super) const WIDTH: f64 = 660.0;
pub(super) const HEIGHT: f64 = 366.0;
pub(super) const LEFT: f64 = 62.0;
pub(super) const TOP: f64 = 50.0;
/// Room for the names at the ends of lines: the least, and the most that long names get.
pub(super) const RIGHT: [f64; 2] = [176.0, 220.0];
/// From the end of the plot to the names.
pub(super) const GAP: f64 = 10.0;
pub(super) const BOTTOM: f64 = 48.0;
/// How far names make way for the numbers of an axis on the right.
pub(super) const NUMBERS: f64 = 46.0;

/// Where values lie on the picture.
pub(super) struct Plot {
    pub(super) x: Placed,
    pub(super) y: Placed,
    pub(super) right: Option<Placed>,
    /// Where it ends; names stand behind it.
    pub(super) end: f64,
}

impl Plot {
    pub(super) fn x_of(&self, value: f64) -> Option<f64> {
        Some(LEFT + (self.end - LEFT) * self.x.place(value)?)
    }

    pub(super) fn y_of(&self, value: f64, is_right: bool) -> Option<f64> {
        let axis = if is_right { self.right? } else { self.y };
        Some(TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - axis.place(value)?))
    }
}
