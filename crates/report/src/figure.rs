//! `Figure`: a picture on a page, with what is to be seen on it.

use serde::Serialize;

use crate::chart::{Chart, standalone};

/// A picture with its caption, which says what is to be seen.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    svg: String,
    caption: String,
}

impl Figure {
    /// A figure of a line chart.
    pub fn new(chart: &Chart, caption: String) -> Self {
        Figure { svg: chart.inline(), caption }
    }

    /// A figure of a picture that is drawn already: an SVG element for a page of this crate.
    pub fn drawn(svg: String, caption: String) -> Self {
        Figure { svg, caption }
    }

    /// The picture as an SVG file of its own, without the caption.
    pub fn file(&self) -> String {
        standalone(&self.svg)
    }
}
