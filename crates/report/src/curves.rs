//! The charts of a run: training loss dashed, test or validation error solid, as in the paper's figures 1, 3
//! and 6.

use resnet_record::{RunFolder, Split};

use crate::Error;
use crate::chart::{Axis, Chart, Colour, Scale, Series, smoothed};
use crate::numbers::significant;
use crate::run::RunData;

/// The most values that are drawn as they are. Of more, the mean over a hundredth of them is drawn, with the
/// values pale behind it.
const FEW: usize = 150;

/// The loss by step, and the learning rate by the axis on the right.
pub(crate) fn loss(run: &RunData) -> Chart {
    let losses = run.losses();
    let last = losses.last().map_or(f64::NAN, |(_, loss)| *loss);
    let title = format!("Training loss ends at {} nats", significant(last));
    let mut chart = Chart::new(title, steps(run), Axis::log("loss, nats (log scale)"))
        .verticals(run.drops())
        .epochs(run.steps_per_epoch());
    for series in smooth("training loss", Colour::Vermilion, losses) {
        chart = chart.with(series);
    }
    match rate(run) {
        Some((axis, series)) => chart.right(axis).with(series),
        None => chart,
    }
}

/// Errors by epoch, solid, with the published one if there is one, and the training loss, dashed, by the axis
/// on the right.
pub(crate) fn error(run: &RunData) -> Option<Chart> {
    let measured = [Split::Test, Split::Validation].map(|measured| (measured, run.errors(measured)));
    let (training, losses) = (run.training_errors(), run.epoch_losses());
    if training.is_empty() {
        return None;
    }
    let title = match run.last_drawn_error() {
        Some((measured, error)) => format!("The {} error ends at {error:.2} %", measured.name()),
        None => "Error on the training images".to_owned(),
    };
    let mut chart = Chart::new(title, steps(run), Axis::percent("error, %", highest(run)))
        .verticals(run.drops())
        .epochs(run.steps_per_epoch())
        .right(Axis::log("loss, nats (log)"));
    let loss = Series::new("training loss", Colour::Vermilion, losses).dashed().right();
    chart = chart.with(marks(loss, run));
    let is_measured = measured.iter().any(|(_, errors)| !errors.is_empty());
    if !is_measured {
        chart = chart.with(marks(Series::new("training", Colour::Orange, training), run));
    }
    for ((measured, errors), colour) in measured.into_iter().zip([Colour::Blue, Colour::Green]) {
        if !errors.is_empty() {
            chart = chart.with(marks(Series::new(measured.name(), colour, errors), run));
        }
    }
    Some(match run.recipe.expected_error {
        Some(published) => chart.published(format!("published {published} %"), published),
        None => chart,
    })
}

/// The highest learning rate, if there was one above 0 and more than one line of metrics has it.
pub(crate) fn highest_rate(run: &RunData) -> Option<f64> {
    let most = run.rates().iter().map(|(_, rate)| *rate).fold(0.0, f64::max);
    (run.steps.len() > 1 && most > 0.0).then_some(most)
}

/// The learning rate by step, and its axis.
fn rate(run: &RunData) -> Option<(Axis, Series)> {
    let range = Some([0.0, 1.05 * highest_rate(run)?]);
    let axis = Axis { label: "learning rate".to_owned(), scale: Scale::Linear, range };
    Some((axis, Series::new("learning rate", Colour::Ink, run.rates()).right()))
}

/// A run's loss and error as one SVG file, for a README or a slide.
///
/// # Errors
/// If the run cannot be read or has logged nothing.
pub fn curves_svg(folder: &RunFolder) -> Result<String, Error> {
    let run = RunData::read(folder)?;
    Ok(error(&run).unwrap_or_else(|| loss(&run)).file())
}

pub(crate) fn steps(run: &RunData) -> Axis {
    Axis::from_zero("steps", run.last_step() as f64)
}

/// A line of few values as it is; of many, their mean with the values pale behind it.
pub(crate) fn smooth(name: &str, colour: Colour, points: Vec<(f64, f64)>) -> Vec<Series> {
    if points.len() <= FEW {
        return vec![Series::new(name, colour, points).dashed()];
    }
    let mean = smoothed(&points, points.len() / 100);
    vec![Series::new(name, colour, points).faint(), Series::new(name, colour, mean).dashed()]
}

fn marks(series: Series, run: &RunData) -> Series {
    if run.epochs.len() <= 30 { series.marked() } else { series }
}

/// The highest error in percent, at least 1.
fn highest(run: &RunData) -> f64 {
    let measured = [run.errors(Split::Test), run.errors(Split::Validation)].concat();
    let all = if measured.is_empty() { run.training_errors() } else { measured };
    all.iter().map(|(_, error)| *error).filter(|error| error.is_finite()).fold(1.0, f64::max)
}
