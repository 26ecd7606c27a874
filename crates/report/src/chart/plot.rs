//! How every picture begins, and where values lie on it, in its own units.

use super::escaped;
use super::scale::Placed;

/// The width of every picture.
pub(super) const WIDTH: f64 = 660.0;
pub(super) const HEIGHT: f64 = 366.0;
/// Least room for the numbers of the axis on the left, and from them to the plot.
pub(super) const LEFT: f64 = 62.0;
pub(super) const TICK: f64 = 8.0;
/// Room above the plot: with the numbers of epochs, and for the axis's label alone.
pub(super) const TOP: f64 = 50.0;
pub(super) const BARE_TOP: f64 = 34.0;
/// Room for the names at the ends of lines: the least, and the most that long names get.
pub(super) const RIGHT: [f64; 2] = [176.0, 220.0];
/// From the end of the plot to the names.
pub(super) const GAP: f64 = 10.0;
pub(super) const BOTTOM: f64 = 48.0;
/// How far names make way at least for the numbers of an axis on the right.
pub(super) const NUMBERS: f64 = 46.0;

/// The beginning of a picture of this height; title and description are for readers who cannot see it.
pub(super) fn opened(height: f64, title: &str, description: &str) -> String {
    format!(
        "<svg class=\"chart\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\">\
         <title>{}</title><desc>{}</desc>\n",
        escaped(title),
        escaped(description)
    )
}

/// Where values lie on the picture.
pub(super) struct Plot {
    pub(super) x: Placed,
    pub(super) y: Placed,
    pub(super) right: Option<Placed>,
    /// Where it begins.
    pub(super) left: f64,
    pub(super) top: f64,
    /// The room that the numbers of an axis on the right take.
    pub(super) numbers: f64,
    /// Where it ends; names stand behind it.
    pub(super) end: f64,
}

/// The axis of y that a line is measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

impl Plot {
    pub(super) fn x_of(&self, value: f64) -> Option<f64> {
        Some(self.left + (self.end - self.left) * self.x.place(value)?)
    }

    pub(super) fn y_of(&self, value: f64, side: Side) -> Option<f64> {
        let axis = match side {
            Side::Left => self.y,
            Side::Right => self.right?,
        };
        Some(self.top + (HEIGHT - self.top - BOTTOM) * (1.0 - axis.place(value)?))
    }
}
