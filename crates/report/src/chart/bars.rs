//! Horizontal bars: a value for each name.

use std::fmt::Write as _;

use super::escaped;
use super::labels::{self, beginning};
use super::plot::{WIDTH, opened};

/// Room for names, and the least for values behind the bars.
const NAMES: f64 = 150.0;
const VALUES: f64 = 140.0;
const ROW: f64 = 26.0;
/// Between a name and its bar, and between the bar and its value.
const GAP: f64 = 10.0;
const AFTER: f64 = 8.0;

/// A bar.
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) value: f64,
    /// The text after the bar.
    pub(crate) text: String,
}

/// Bars from zero, as a part of a page.
pub(crate) fn bars(title: &str, bars: &[Bar]) -> String {
    let height = ROW * bars.len() as f64 + 8.0;
    let most = bars.iter().map(|bar| bar.value).fold(0.0, f64::max);
    let values = bars.iter().map(|bar| AFTER + labels::width(&bar.text)).fold(VALUES, f64::max);
    let told: Vec<String> = bars.iter().map(|bar| format!("{} {}", bar.name, bar.text)).collect();
    let mut svg = opened(height, title, &told.join("; "));
    for (index, bar) in bars.iter().enumerate() {
        let top = 4.0 + ROW * index as f64;
        let share = if most > 0.0 { bar.value / most } else { 0.0 };
        let length = (share * (WIDTH - NAMES - values)).max(1.0);
        let _ = writeln!(
            svg,
            "<text class=\"axis\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <path class=\"bar\" d=\"M{NAMES} {:.1}h{length:.1}v{:.1}h-{length:.1}z\"/>\
             <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            NAMES - GAP,
            top + 17.0,
            escaped(&beginning(&bar.name, NAMES - GAP)),
            top + 4.0,
            ROW - 8.0,
            NAMES + length + AFTER,
            top + 17.0,
            escaped(&bar.text)
        );
    }
    svg + "</svg>"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_is_the_greatest_value_and_none_is_fine() {
        let bar = |name: &str, value| Bar { name: name.to_owned(), value, text: format!("{value} %") };
        let svg = bars("Errors", &[bar("cat & dog", 20.0), bar("owl", 10.0)]);
        assert!(svg.contains("cat &amp; dog") && svg.contains("h370.0") && svg.contains("h185.0"));
        assert!(!bars("Errors", &[bar("cat", 0.0)]).contains("NaN"));
        // A longer value takes its room from the bars.
        let long = Bar { text: "61.1 % of 1,000,000".to_owned(), ..bar("cat", 20.0) };
        let svg = bars("Errors", &[long]);
        assert!(svg.contains("class=\"bar\"") && !svg.contains("h370.0"), "{svg}");
    }
}
