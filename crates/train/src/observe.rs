//! `Observer`: the events of a training, for example for a progress bar.

use std::path::Path;

use resnet_record::{Divergence, EpochMetrics, Split, StepMetrics};

use crate::TrainingPlan;

/// Receives the events of a training, in the training's thread. It can delay the training, and changes
/// nothing else.
///
/// By default, every method does nothing.
///
/// ```
/// use resnet_train::{Observer, StepReport};
///
/// /// Prints a line every hundred steps.
/// struct Lines;
///
/// impl Observer for Lines {
///     fn on_step(&mut self, report: &StepReport) {
///         if report.step.step.is_multiple_of(100) {
///             eprintln!("step {}: loss {:.3}", report.step.step, report.step.loss);
///         }
///     }
/// }
/// ```
pub trait Observer: Send {
    /// The training begins, or goes on after `plan.done` steps.
    fn on_start(&mut self, plan: &TrainingPlan) {
        let _ = plan;
    }

    /// A step is done.
    fn on_step(&mut self, report: &StepReport) {
        let _ = report;
    }

    /// `done` of `images` images of an evaluation are scored; called with 0 first.
    fn on_evaluation(&mut self, split: Split, done: u64, images: u64) {
        let _ = (split, done, images);
    }

    /// The evaluation is over, finished or stopped. Samples that were left out do not count as done.
    fn on_evaluation_end(&mut self, split: Split) {
        let _ = split;
    }

    /// An epoch is done and scored.
    fn on_epoch(&mut self, epoch: &EpochMetrics, standing: EpochStanding) {
        let _ = (epoch, standing);
    }

    /// The training diverged, and `file` describes the step.
    fn on_divergence(&mut self, divergence: &Divergence, file: &Path) {
        let _ = (divergence, file);
    }

    /// A checkpoint was written completely.
    fn on_checkpoint(&mut self, file: &Path) {
        let _ = file;
    }
}

/// An observer that ignores all events.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl Observer for Quiet {}

/// How the weights of an epoch do among those of all epochs so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EpochStanding {
    /// They are the best so far on the validation images.
    Best,
    /// Others are at least as good, or there are no validation images.
    NotBest,
}

/// A step, and the progress of its epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// The metrics of the step, as in `metrics.jsonl`.
    pub step: StepMetrics,
    /// Steps done in this epoch, this one included.
    pub step_in_epoch: u64,
    /// Steps of this epoch.
    pub steps_in_epoch: u64,
    /// Mean training loss of the epoch so far, in nats.
    pub epoch_loss: f64,
    /// Training accuracy of the epoch so far, in percent.
    pub epoch_top1: f64,
    /// The part of the epoch's time so far in which the network waited for data, in percent.
    pub data_wait: f64,
}
