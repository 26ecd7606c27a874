//! What claims compare between rows: losses early and late in a training, and errors.

use resnet_record::{Metric, Seeds};
use resnet_report::Figure;
use resnet_report::chart::{DotGroup, Dots, dots};

use crate::curves::colour;
use crate::deviations::epoch_of;
use crate::find::FoundRun;
use crate::results::RowResult;

/// The part of a training that counts as its start: the first eighth.
const START: u64 = 8;

/// A number that each run of a row has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quantity {
    /// The mean training loss over the first eighth of the steps.
    EarlyLoss,
    /// The training loss of the last epoch.
    LastLoss,
    /// The test error.
    TestError,
    /// ImageNet's top-1 error on the validation images.
    Top1Error,
}

impl Quantity {
    /// Its values over the seeds of `row`.
    pub(crate) fn of(self, row: &RowResult) -> Seeds {
        match self {
            Quantity::EarlyLoss => Seeds::of(row.runs.iter().filter_map(early_loss)),
            Quantity::LastLoss => row.judged_losses(),
            Quantity::TestError | Quantity::Top1Error => row.judged_errors(),
        }
    }

    pub(crate) fn unit(self) -> Unit {
        match self {
            Quantity::EarlyLoss | Quantity::LastLoss => Unit::Nats,
            Quantity::TestError | Quantity::Top1Error => Unit::Points,
        }
    }

    /// What stands at the axis of a picture.
    fn axis(self) -> &'static str {
        match self {
            Quantity::EarlyLoss => "mean training loss of the first eighth, nats",
            Quantity::LastLoss => "training loss of the last epoch, nats",
            Quantity::TestError => "test error, %",
            Quantity::Top1Error => "top-1 error, %",
        }
    }
}

/// What a quantity is measured in; it decides how many decimals are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Errors are in percent, and so differ by points.
    Points,
    /// Losses.
    Nats,
}

impl Unit {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Unit::Points => "points",
            Unit::Nats => "nats",
        }
    }

    pub(crate) fn decimals(self) -> usize {
        match self {
            Unit::Points => 2,
            Unit::Nats => 3,
        }
    }
}

/// Mean training loss over the first eighth of a run's steps: over the epochs that end in it, whose means
/// take every step into account, or where none does over the steps that are logged.
fn early_loss(run: &FoundRun) -> Option<f64> {
    let metrics = run.folder.metrics().ok()?;
    let steps = metrics.iter().filter_map(Metric::step);
    let start = run.recipe.train.duration.steps(epoch_of(&run.recipe)) / START;
    // A run that ended before has no mean over all of these steps.
    let has_them = steps.clone().next_back()?.step >= start;
    let epochs = metrics.iter().filter_map(|metric| match metric {
        Metric::Epoch(epoch) if epoch.step <= start => Some(epoch.train_loss),
        _ => None,
    });
    let of_epochs: Vec<f64> = epochs.collect();
    let losses = match of_epochs.is_empty() {
        true => steps.filter(|step| step.step <= start).map(|step| step.loss).collect(),
        false => of_epochs,
    };
    (has_them && !losses.is_empty()).then(|| losses.iter().sum::<f64>() / losses.len() as f64)
}

/// `quantity` of each row as marks on a line.
pub(crate) fn picture(title: &str, quantity: Quantity, rows: &[&RowResult], caption: &str) -> Figure {
    let row = |(place, row): (usize, &&RowResult)| {
        let (values, decimals) = (quantity.of(row), quantity.unit().decimals());
        Dots {
            name: row.row.label.clone(),
            text: values.median().map_or("fails".to_owned(), |median| format!("{median:.decimals$}")),
            colour: colour(row, place),
            published: None,
            median: values.median(),
            values: values.values().to_vec(),
        }
    };
    let group = DotGroup { heading: String::new(), rows: rows.iter().enumerate().map(row).collect() };
    Figure::drawn(dots(title, quantity.axis(), &[group]), caption.to_owned())
}
