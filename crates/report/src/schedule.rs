//! The learning rate over a training that has not begun.

use crate::chart::{Axis, Chart, Colour, Scale, Series};
use crate::numbers::{count, significant};

/// The rates of a training, one for each of its steps, as an SVG file. `name` is the recipe's, `kind` its
/// schedule's.
///
/// ```
/// let rates: Vec<f64> = (0..1000).map(|step| 0.1 * (1.0 - f64::from(step) / 1000.0)).collect();
/// assert!(resnet_report::schedule_svg("mine", "polynomial", &rates, 100).starts_with("<svg"));
/// ```
pub fn schedule_svg(name: &str, kind: &str, rates: &[f64], steps_per_epoch: u64) -> String {
    let most = rates.iter().copied().filter(|rate| rate.is_finite()).fold(0.0, f64::max);
    let last = rates.last().copied().unwrap_or(0.0);
    let title = format!(
        "The learning rate of {name} is {} at most and {} at the end",
        significant(most),
        significant(last)
    );
    let x = format!("steps of the optimizer, {} an epoch", count(steps_per_epoch));
    let top = if most > 0.0 { 1.05 * most } else { 1.0 };
    let y = Axis { label: "learning rate".to_owned(), scale: Scale::Linear, range: Some([0.0, top]) };
    // A point for each step, so that a drop looks vertical.
    let points = rates.iter().enumerate().map(|(step, rate)| (step as f64, *rate)).collect();
    Chart::new(title, Axis::from_zero(&x, rates.len() as f64), y)
        .with(Series::new(kind, Colour::Blue, points))
        .file()
}
