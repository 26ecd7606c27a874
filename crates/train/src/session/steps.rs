//! What is counted, certified and told of a step that is done, or passed over.

use std::time::Duration;

use resnet_record::{Certificate, Digest, Metric, StepMetrics};

use super::Session;
use crate::step::StepOutcome;
use crate::{Error, Purpose, StepReport, trajectory};

impl Session<'_> {
    /// Counts a step whose images are left out, all or too many of them, as broken: there is nothing to learn
    /// from, but its place in the schedule is its own, and the time it took was spent.
    pub(super) fn pass_over(&mut self, images: usize, took: Duration) {
        let state = &mut self.state;
        if images > 0 {
            tracing::warn!(
                "step {} is left out: broken images leave {images} in its batch, and the network needs {}",
                state.step,
                self.fewest
            );
        }
        let seconds = took.as_secs_f64();
        state.step += 1;
        state.batch += 1;
        state.step_seconds += seconds;
        state.sums.seconds += seconds;
        self.window.1 += seconds;
    }

    pub(super) fn is_replay(&self) -> bool {
        self.options.purpose == Purpose::Replay
    }

    /// Whether there is a line of metrics after `step` steps.
    pub(super) fn is_logged(&self, step: u64) -> bool {
        self.is_replay() || step.is_multiple_of(self.recipe.train.log_every_steps)
    }

    /// Adds a step to the sums, and tells of it; `seen` is its batch, if the step is logged.
    pub(super) fn count(
        &mut self,
        (done, seen): (StepOutcome, Option<Digest>),
        rate: f64,
        took: Duration,
        steps_in_epoch: u64,
    ) -> Result<(), Error> {
        let seconds = took.as_secs_f64();
        let state = &mut self.state;
        state.step += 1;
        state.batch += 1;
        state.images += done.images;
        state.step_seconds += seconds;
        state.sums.images += done.images;
        state.sums.loss += done.loss * done.images as f64;
        state.sums.correct += done.correct;
        state.sums.seconds += seconds;
        self.window.0 += done.images;
        self.window.1 += seconds;
        let certificate = match seen {
            Some(batch) => Some(Certificate {
                batch,
                loss: trajectory::of_loss(done.loss),
                weights: trajectory::of_weights(self.model.variables())?,
            }),
            None => None,
        };
        let metrics = StepMetrics {
            step: state.step,
            epoch: state.epoch + 1,
            images: state.images,
            loss: done.loss,
            rate,
            images_per_second: self.window.0 as f64 / self.window.1.max(1e-9),
            certificate,
        };
        let report = StepReport {
            step: metrics,
            step_in_epoch: state.batch,
            steps_in_epoch,
            epoch_loss: state.sums.mean_loss(),
            epoch_top1: state.sums.top1(),
        };
        if certificate.is_some() {
            self.run.log(&Metric::Step(metrics))?;
            self.window = (0, 0.0);
        }
        self.observer.on_step(&report);
        Ok(())
    }
}
