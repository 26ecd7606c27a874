//! Which weights are scored on which images.

use std::sync::atomic::Ordering;

use resnet_data::Feed;
use resnet_record::{Checkpoint, EpochMetrics, EvaluateTest, Scores};

use super::Session;
use crate::engine::{EvaluatedWeights, NormBatches};
use crate::state::Best;
use crate::{AllReduce as _, Error, Split};

/// Scores on the validation images and on the test images; `None` where there are none or they are not asked
/// for.
type BothScores = (Option<Scores>, Option<Scores>);

impl Session<'_> {
    /// Scores the weights at the end of an epoch, and saves those that would be reported if they are the best
    /// so far on the validation images; returns whether they are, or `None` if it was stopped.
    pub(super) fn score_epoch(&mut self, metrics: &mut EpochMetrics) -> Result<Option<bool>, Error> {
        let mut is_best = false;
        let has_test = self.recipe.train.evaluate_test == EvaluateTest::EachEpoch;
        for weights in self.weights() {
            let is_reported = Some(weights) == self.weights().last();
            let tests = has_test && is_reported;
            if self.prepared.feeds.validation.is_none() && !tests {
                continue;
            }
            self.put_in_place(weights)?;
            let scored = self.score_weights(tests)?;
            if let Some((validation, test)) = scored {
                match weights {
                    EvaluatedWeights::Raw => metrics.validation = validation,
                    EvaluatedWeights::Averaged => metrics.ema_validation = validation,
                }
                metrics.test = test;
                metrics.test_reads = self.test_reads();
                // Test scores have no part in this. Of equals the earlier stays.
                is_best = is_reported
                    && validation.is_some_and(|scores| {
                        let best_by = self.recipe.train.best_by;
                        self.state.best.is_none_or(|best| best_by.is_better(&scores, &best.scores))
                    });
                if let (true, Some(scores)) = (is_best, validation) {
                    self.state.best = Some(Best { epoch: metrics.epoch, scores });
                    self.save_weights(Checkpoint::Best, Some(metrics))?;
                }
            }
            self.engine.end_evaluation()?;
            if scored.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(is_best))
    }

    /// The weights that are scored. The last of them are the ones that are reported: the average, if one is
    /// kept, as in timm.
    pub(super) fn weights(&self) -> impl Iterator<Item = EvaluatedWeights> + use<> {
        let averaged = self.recipe.ema.is_on().then_some(EvaluatedWeights::Averaged);
        [EvaluatedWeights::Raw].into_iter().chain(averaged)
    }

    /// Puts weights in place to be scored, with running statistics of their own where the recipe says so.
    pub(super) fn put_in_place(&mut self, weights: EvaluatedWeights) -> Result<(), Error> {
        let images = self.recipe.train.update_bn_images;
        if images == 0 {
            return self.engine.begin_evaluation(weights, None);
        }
        // The epoch of the last step, before it is closed and after.
        let epoch = self.state.step.saturating_sub(1) / self.plan().steps_per_epoch.max(1);
        let mut batches = self.prepared.feeds.train.epoch(epoch, 0);
        let norms = NormBatches { batches: &mut *batches, images, fewest: self.fewest };
        self.engine.begin_evaluation(weights, Some(norms))
    }

    /// Scores what is in place on the validation images and, if asked to, on the test images; `None` if it
    /// was stopped.
    pub(super) fn score_weights(&mut self, tests: bool) -> Result<Option<BothScores>, Error> {
        let (mut validation, mut test) = (None, None);
        if let Some(feed) = self.prepared.feeds.validation.take() {
            validation = self.score(&*feed, Split::Validation)?;
            self.prepared.feeds.validation = Some(feed);
            if validation.is_none() {
                return Ok(None);
            }
        }
        if tests {
            test = self.score_test()?;
            if test.is_none() {
                return Ok(None);
            }
        }
        Ok(Some((validation, test)))
    }

    /// Scores the test images; that their labels are read is in the record before it happens.
    pub(super) fn score_test(&mut self) -> Result<Option<Scores>, Error> {
        // Several processes stop together, in the evaluation.
        if self.stopped() && !self.processes.are_several() {
            return Ok(None);
        }
        let reads = self.test_reads() + 1;
        self.run.update(|record| record.test_reads = reads)?;
        let feed = self.data.test(&self.recipe, self.options)?;
        self.score(&*feed, Split::Test)
    }

    pub(super) fn score(&mut self, feed: &dyn Feed, split: Split) -> Result<Option<Scores>, Error> {
        let (observer, stop) = (&mut *self.observer, &self.options.stop);
        let mut gallery = self.evidence.gallery(split);
        let mut on_images = |done| {
            observer.on_evaluation(split, done, feed.images_per_epoch() as u64);
            !stop.load(Ordering::Relaxed)
        };
        let scores = self.engine.evaluate(feed, &mut on_images, &mut |seen| gallery.look(&seen));
        self.observer.on_evaluation_end(split);
        let scores = scores.map_err(|error| error.in_training(self.state.step))?;
        if scores.is_some() {
            // Epochs done: at the end of an epoch, the open one counts as done.
            self.remember(&gallery, self.state.epoch + u64::from(self.state.steps_in_epoch > 0))?;
        }
        self.note_all_left_out(&feed.broken(), feed.most_broken())?;
        Ok(scores)
    }
}
