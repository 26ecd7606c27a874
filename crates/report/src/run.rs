//! What a run's folder says, ready to be drawn.

use resnet_record::{
    EpochMetrics, Metric, ProcessesMetrics, Recipe, RunFolder, RunRecord, ScheduleRecipe, Split, StepMetrics,
};

use crate::Error;

/// A run with its metrics in the order of steps.
pub(crate) struct RunData {
    pub(crate) record: RunRecord,
    pub(crate) recipe: Recipe,
    pub(crate) steps: Vec<StepMetrics>,
    pub(crate) epochs: Vec<EpochMetrics>,
    /// Where the time went in each of several processes; empty where one trained alone.
    pub(crate) processes: Vec<ProcessesMetrics>,
    /// Whether its loss or a weight became NaN or infinite.
    pub(crate) has_diverged: bool,
}

impl RunData {
    /// Reads a run.
    pub(crate) fn read(folder: &RunFolder) -> Result<Self, Error> {
        let (record, recipe) = (folder.record()?, folder.recipe()?);
        let (mut steps, mut epochs, mut processes) = (vec![], vec![], vec![]);
        for metric in folder.metrics()? {
            match metric {
                Metric::Step(step) => steps.push(step),
                Metric::Epoch(epoch) => epochs.push(epoch),
                Metric::Processes(epoch) => processes.push(epoch),
                Metric::Final(_) => {}
            }
        }
        if steps.is_empty() && epochs.is_empty() {
            return Err(Error::NoMetrics(record.run));
        }
        let has_diverged = folder.divergence().is_file();
        Ok(RunData { record, recipe, steps, epochs, processes, has_diverged })
    }

    /// Steps up to the last line of metrics; at least one.
    pub(crate) fn last_step(&self) -> u64 {
        let steps = self.steps.last().map(|step| step.step);
        let epochs = self.epochs.last().map(|epoch| epoch.step);
        steps.max(epochs).unwrap_or(1).max(1)
    }

    /// Loss by step.
    pub(crate) fn losses(&self) -> Vec<(f64, f64)> {
        self.steps.iter().map(|step| (step.step as f64, step.loss)).collect()
    }

    /// Learning rate by step.
    pub(crate) fn rates(&self) -> Vec<(f64, f64)> {
        self.steps.iter().map(|step| (step.step as f64, step.rate)).collect()
    }

    /// Whether a moving average of the weights is scored beside them. It is what a run then reports, so all
    /// its errors here are the average's.
    pub(crate) fn is_averaged(&self) -> bool {
        self.epochs.iter().any(|epoch| epoch.ema_validation.is_some())
    }

    /// Error in percent after each epoch on the images of `measured`, as far as it was measured.
    pub(crate) fn errors(&self, measured: Split) -> Vec<(f64, f64)> {
        let scores = |epoch: &EpochMetrics| match measured {
            Split::Test => epoch.test,
            Split::Validation => epoch.judged_validation(),
        };
        let error = |epoch: &EpochMetrics| Some((epoch.step as f64, scores(epoch)?.error()));
        self.epochs.iter().filter_map(error).collect()
    }

    /// Error in percent on the training images over each epoch, while it trained.
    pub(crate) fn training_errors(&self) -> Vec<(f64, f64)> {
        self.epochs.iter().map(|epoch| (epoch.step as f64, 100.0 - epoch.train_top1)).collect()
    }

    /// Mean training loss of each epoch by step.
    pub(crate) fn epoch_losses(&self) -> Vec<(f64, f64)> {
        self.epochs.iter().map(|epoch| (epoch.step as f64, epoch.train_loss)).collect()
    }

    /// Steps of a whole epoch; 0 before the first ends.
    pub(crate) fn steps_per_epoch(&self) -> u64 {
        self.epochs.first().map_or(0, |epoch| epoch.step / epoch.epoch.max(1))
    }

    /// The error that is reported: the final test error of the chosen weights, else their validation error,
    /// else the last one that was measured after an epoch.
    pub(crate) fn final_error(&self) -> Option<(Split, f64)> {
        let results = self.record.results;
        let test = results.and_then(|results| results.test).map(|scores| (Split::Test, scores.error()));
        let validation =
            results.and_then(|results| results.validation).map(|scores| (Split::Validation, scores.error()));
        test.or(validation).or_else(|| self.last_drawn_error())
    }

    /// The error that the curve of errors ends at, on the test images if they were scored after each epoch.
    pub(crate) fn last_drawn_error(&self) -> Option<(Split, f64)> {
        let last = |measured| self.errors(measured).last().map(|(_, error)| (measured, *error));
        last(Split::Test).or_else(|| last(Split::Validation))
    }

    /// Where a multistep schedule lowered the learning rate.
    pub(crate) fn drops(&self) -> Vec<f64> {
        if !matches!(self.recipe.schedule, ScheduleRecipe::MultiStep { .. }) {
            return vec![];
        }
        rate_drops(&self.steps)
    }
}

/// The steps at which the learning rate fell by a third or more, as it does at a milestone.
pub fn rate_drops(steps: &[StepMetrics]) -> Vec<f64> {
    let falls = steps.windows(2).filter(|pair| pair[1].rate < 0.67 * pair[0].rate && pair[0].rate > 0.0);
    falls.map(|pair| pair[1].step as f64).collect()
}

/// The drops of several lines of a chart where all have the same, else none: a vertical is one for all lines.
pub fn shared_drops(lines: impl IntoIterator<Item = Vec<f64>>) -> Vec<f64> {
    let mut lines = lines.into_iter();
    lines.next().filter(|first| lines.all(|other| other == *first)).unwrap_or_default()
}

/// The steps of an epoch where all lines of a chart have as many, else 0: a number of epochs is one for all
/// lines.
pub fn shared_epoch(lines: impl IntoIterator<Item = u64>) -> u64 {
    let mut lines = lines.into_iter();
    lines.next().filter(|first| lines.all(|other| other == *first)).unwrap_or_default()
}

/// What a caption says of the verticals at these drops, if there are any.
pub fn drops_told(drops: &[f64]) -> &'static str {
    if drops.is_empty() { "" } else { " Thin verticals are drops of the learning rate." }
}
