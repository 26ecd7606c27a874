//! The batches of a step: forward and backward on each, and what is counted, certified and reported of the
//! step.

use resnet_record::{Certificate, Metric, StepMetrics};
use resnet_vision::Batch;

use super::together::{self, Shares};
use super::{Session, Window};
use crate::engine::{BatchInput, BatchOutcome, SnapshotContents};
use crate::state::{OpenStep, State};
use crate::{Error, Purpose, StepReport, trajectory};

impl Session<'_> {
    /// Forward and backward on the next batch of the open step.
    ///
    /// A batch is skipped if broken images leave too few in it, in any one process. It still counts as a
    /// batch of its step and of the schedule.
    pub(super) fn learn(&mut self, mut batch: Batch, shares: Shares) -> Result<(), Error> {
        let State { step, epoch, steps_in_epoch: done, open, .. } = self.state;
        let (plan, images) = (self.plan(), shares.fewest);
        let (place, rate) = (plan.batches_before(done) + open.batches, plan.schedule.rate(step));
        let draw = plan.batches_before(step) + open.batches;
        let is_whole_step = plan.batches_of(done) == 1;
        if images < self.fewest {
            tracing::warn!(
                "a batch of step {} is left out: broken images leave {images} in it, and the network needs {}",
                step + 1,
                self.fewest
            );
            self.state.open.batches += 1;
            return Ok(());
        }
        let target = self.targets.apply(&mut batch, epoch, place)?;
        self.keep_samples(&batch, self.targets.mixes());
        self.look_at_layers(&batch, draw, rate)?;
        // A step that was begun when it was not to be logged has no digest of its first batches, and so no
        // certificate.
        if self.is_logged(step + 1) && (open.images == 0 || open.seen.is_some()) {
            let seen = trajectory::of_batch(&batch, target.probabilities());
            self.state.open.seen = Some(trajectory::joined(open.seen, seen));
        }
        let input = BatchInput { batch, first_image: shares.first, is_whole_step, target, step, draw, rate };
        let done = self.engine.backward(input)?;
        let BatchOutcome { images, loss, correct } = done;
        let state = &mut self.state;
        state.images += images;
        state.open.batches += 1;
        state.open.images += images;
        state.open.loss += loss * images as f64;
        state.sums.images += images;
        state.sums.loss += loss * images as f64;
        state.sums.correct += correct;
        self.window.images += images;
        Ok(())
    }

    /// Counts a step that has had all of its batches, and tells of it unless it saw no image.
    pub(super) fn close_step(&mut self, rate: f64, steps_in_epoch: u64) -> Result<(), Error> {
        let state = &mut self.state;
        state.step += 1;
        state.steps_in_epoch += 1;
        let OpenStep { images, loss, seen, .. } = std::mem::take(&mut state.open);
        if images == 0 {
            return Ok(());
        }
        let loss = loss / images as f64;
        let certificate = match seen {
            Some(batch) => {
                let weights = trajectory::of_weights(&self.engine.snapshot(SnapshotContents::Weights))?;
                let batch = together::certified(&self.processes, batch, weights, self.state.step)?;
                Some(Certificate { batch, loss: trajectory::of_loss(loss), weights })
            }
            None => None,
        };
        let state = &self.state;
        let metrics = StepMetrics {
            step: state.step,
            epoch: state.epoch + 1,
            images: state.images,
            loss,
            rate,
            images_per_second: self.window.images as f64 / self.window.seconds.max(1e-9),
            certificate,
        };
        let report = StepReport {
            step: metrics,
            step_in_epoch: state.steps_in_epoch,
            steps_in_epoch,
            epoch_loss: state.sums.mean_loss(),
            epoch_top1: state.sums.top1(),
            data_wait: state.sums.data_wait(),
        };
        if self.is_logged(metrics.step) {
            self.run.log(&Metric::Step(metrics))?;
            self.keep_norms();
            self.window = Window::default();
        }
        self.observer.on_step(&report);
        self.look_at_weights()
    }

    pub(super) fn is_replay(&self) -> bool {
        self.options.purpose == Purpose::Replay
    }

    /// Whether there is a line of metrics after `step` steps.
    fn is_logged(&self, step: u64) -> bool {
        self.is_replay() || step.is_multiple_of(self.recipe.train.log_every_steps)
    }
}
