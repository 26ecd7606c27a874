//! What is written down of the step in which a training diverged: its images, and each layer's and each
//! variable's largest number.

use resnet_record::{Divergence, LayerOutput};
use resnet_vision::Batch;

use super::Session;
use crate::engine::{BatchInput, Diagnosis, SnapshotContents};
use crate::{Anomalies, Error};

impl Session<'_> {
    /// If `error` is a divergence, writes a description of its step to `diverged.json`. Returns `error`.
    ///
    /// The batch is read once more, which gives the same images, and goes forward and backward once more. The
    /// weights are the present ones: those before the step if its loss or a layer is not finite, else those
    /// after it. Of several batches in a step it is the one whose loss or layer is not finite, else the
    /// first.
    pub(super) fn describe(&mut self, error: Error) -> Error {
        let (after, batch) = match error {
            Error::NonFiniteLoss { .. } | Error::NonFiniteLayer { .. } => (0, self.state.open.batches),
            Error::NonFiniteWeight { .. } | Error::NonFiniteLogits { .. } => (1, 0),
            _ => return error,
        };
        let step = self.state.step.saturating_sub(after);
        // What cannot be found out about a failure must not hide it.
        let described = self.divergence(&error, step, batch).and_then(|divergence| {
            self.run.diverged(&divergence)?;
            self.observer.on_divergence(&divergence, &self.run.folder().divergence());
            Ok(())
        });
        if let Err(why) = described {
            tracing::warn!("the step that diverged could not be described: {why}");
        }
        error
    }

    fn divergence(&mut self, error: &Error, step: u64, batch: u64) -> Result<Divergence, Error> {
        let plan = self.plan();
        let (epoch, step_in_epoch) = (step / plan.steps_per_epoch, step % plan.steps_per_epoch);
        let (rate, place) = (plan.schedule.rate(step), plan.batches_before(step_in_epoch) + batch);
        let draw = plan.batches_before(step) + batch;
        let feed = &self.prepared.feeds.train;
        let mut divergence = Divergence {
            cause: error.to_string(),
            step,
            epoch: epoch + 1,
            step_in_epoch: step_in_epoch + 1,
            rate,
            first_layer: None,
            images: feed.names(epoch, place as usize),
            labels: vec![],
            layers: vec![],
            variables: vec![],
        };
        let Some(batch) = feed.epoch(epoch, place as usize).next() else { return Ok(divergence) };
        let mut batch = batch?;
        let target = self.targets.apply(&mut batch, epoch, place)?;
        // The first process describes its own part of the batch, which begins with the first image.
        let input = BatchInput { batch, first_image: 0, is_whole_step: true, target, step, draw, rate };
        let Diagnosis { labels, layers, variables } = self.engine.diagnose(input)?;
        let first = layers.iter().find(|layer| layer.not_finite > 0);
        divergence.first_layer = first.map(|layer| format!("{} ({})", layer.layer, layer.kind));
        (divergence.labels, divergence.layers, divergence.variables) = (labels, layers, variables);
        Ok(divergence)
    }

    /// Looks at each layer's output for `batch` before its step, if anomalies are to be found where they
    /// arise: a ReLU makes zero of minus infinity, so that a loss can be finite where a layer's output is
    /// not.
    pub(super) fn look_at_layers(&mut self, batch: &Batch, draw: u64, rate: f64) -> Result<(), Error> {
        if self.options.anomalies == Anomalies::Ignore {
            return Ok(());
        }
        let step = self.state.step;
        let outputs = self.engine.layers(batch.clone(), draw)?;
        match outputs.into_iter().find(|output| output.not_finite > 0) {
            Some(LayerOutput { layer, kind, .. }) => Err(Error::NonFiniteLayer { layer, kind, step, rate }),
            None => Ok(()),
        }
    }

    /// Looks at each weight after the step, if anomalies are to be found where they arise.
    pub(super) fn look_at_weights(&self) -> Result<(), Error> {
        if self.options.anomalies == Anomalies::Ignore {
            return Ok(());
        }
        let (step, snapshot) = (self.state.step, self.engine.snapshot(SnapshotContents::Weights));
        for name in snapshot.shapes().into_keys() {
            if snapshot.values(name)?.iter().any(|value| !value.is_finite()) {
                return Err(Error::NonFiniteWeight { name: name.to_owned(), step });
            }
        }
        Ok(())
    }
}
