//! `Figure`: a picture on a page, with what is to be seen on it.

use serde::Serialize;

use crate::chart::Chart;

/// A chart with its caption, which says what is to be seen.
#[derive(Serialize)]
pub(crate) struct Figure {
    svg: String,
    caption: String,
}

impl Figure {
    pub(crate) fn new(chart: &Chart, caption: String) -> Self {
        Figure { svg: chart.inline(), caption }
    }

    /// Of a picture that is drawn already.
    pub(crate) fn drawn(svg: String, caption: String) -> Self {
        Figure { svg, caption }
    }
}
