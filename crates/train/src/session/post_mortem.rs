//! What is written down of the step in which a training diverged: its images, and each layer's and each
//! variable's largest number.

use candle_core::Tensor;
use resnet_ops::{Mode, StepOutput};
use resnet_record::{Divergence, LayerOutput, VariableNorm};

use super::Session;
use crate::evaluate::tensors_of;
use crate::step::loss_of;
use crate::{Anomalies, Error};

/// Numbers of a tensor in short: the largest magnitude among the finite ones, and how many are not finite.
type Extremes = (f32, u64);

impl Session<'_> {
    /// Describes the step that `error` ended in `diverged.json`, if the training diverged; gives the error
    /// back.
    ///
    /// The batch is read once more, which gives the same images, and goes forward and backward once more. The
    /// weights are those at hand: before the step where its loss is not finite, else after it.
    pub(super) fn describe(&mut self, error: Error) -> Error {
        let after = match error {
            Error::NonFiniteLoss { .. } | Error::NonFiniteLayer { .. } => 0,
            Error::NonFiniteWeight { .. } | Error::NonFiniteLogits { .. } => 1,
            _ => return error,
        };
        let step = self.state.step.saturating_sub(after);
        // What cannot be found out about a failure must not hide it.
        let described = self.divergence(&error, step).and_then(|divergence| {
            self.run.diverged(&divergence)?;
            self.observer.on_divergence(&divergence, &self.run.folder().divergence());
            Ok(())
        });
        if let Err(why) = described {
            tracing::warn!("the step that diverged could not be described: {why}");
        }
        error
    }

    fn divergence(&self, error: &Error, step: u64) -> Result<Divergence, Error> {
        let plan = self.plan();
        let (epoch, number) = (step / plan.steps_per_epoch, step % plan.steps_per_epoch);
        let feed = &self.prepared.feeds.train;
        let mut divergence = Divergence {
            cause: error.to_string(),
            step,
            epoch: epoch + 1,
            step_in_epoch: number + 1,
            rate: plan.schedule.rate(step),
            first_layer: None,
            images: feed.names(epoch, number as usize),
            labels: vec![],
            layers: vec![],
            variables: vec![],
        };
        let Some(batch) = feed.epoch(epoch, number as usize).next() else { return Ok(divergence) };
        let mut batch = batch?;
        let targets = self.targets.apply(&mut batch, epoch, number)?;
        let doing = || Error::compute(format!("describing step {step}"));
        let (images, labels) = tensors_of(batch, &self.device).map_err(doing())?;
        self.model.begin_step(step);
        divergence.layers =
            self.model.inspect(&images, Mode::Train).map_err(doing())?.into_iter().map(layer).collect();
        let first = divergence.layers.iter().find(|layer| layer.not_finite > 0);
        divergence.first_layer = first.map(|layer| format!("{} ({})", layer.layer, layer.kind));

        self.model.begin_step(step);
        let logits = self.model.logits(&images, Mode::Train).map_err(doing())?;
        let gradients =
            loss_of(&logits, &labels, targets).and_then(|loss| loss.backward()).map_err(doing())?;
        divergence.labels = labels;
        for (name, variable) in self.model.variables() {
            let (largest, not_finite) = extremes(variable.as_tensor()).map_err(doing())?;
            let gradient = gradients.get(variable.as_tensor()).map(extremes).transpose().map_err(doing())?;
            divergence.variables.push(VariableNorm { name: name.clone(), largest, not_finite, gradient });
        }
        Ok(divergence)
    }

    /// Looks at each layer's output for `images` before the step, if anomalies are to be found where they
    /// arise: a ReLU makes zero of a NaN, so that a loss can be finite where a layer's output is not.
    pub(super) fn look_at_layers(&self, images: &Tensor, rate: f64) -> Result<(), Error> {
        let step = self.state.step;
        self.model.begin_step(step);
        let outputs =
            self.model.inspect(images, Mode::Train).map_err(Error::compute(format!("step {step}")))?;
        match outputs.into_iter().find(|output| output.not_finite > 0) {
            Some(StepOutput { layer, kind, .. }) => Err(Error::NonFiniteLayer { layer, kind, step, rate }),
            None => Ok(()),
        }
    }

    /// Looks at each weight after the step, if anomalies are to be found where they arise.
    pub(super) fn look_at_weights(&self) -> Result<(), Error> {
        if self.options.anomalies == Anomalies::Ignore {
            return Ok(());
        }
        let step = self.state.step;
        for (name, variable) in self.model.variables() {
            let (_, not_finite) =
                extremes(variable.as_tensor()).map_err(Error::compute(format!("reading {name}")))?;
            if not_finite > 0 {
                return Err(Error::NonFiniteWeight { name: name.clone(), step });
            }
        }
        Ok(())
    }
}

fn layer(output: StepOutput) -> LayerOutput {
    let StepOutput { layer, kind, largest, not_finite } = output;
    LayerOutput { layer, kind, largest, not_finite: not_finite as u64 }
}

fn extremes(tensor: &Tensor) -> candle_core::Result<Extremes> {
    let values: Vec<f32> = tensor.flatten_all()?.to_vec1()?;
    let finite = values.iter().filter(|value| value.is_finite());
    let (count, largest) =
        finite.fold((0, 0f32), |(count, largest), value| (count + 1, largest.max(value.abs())));
    Ok((largest, values.len() as u64 - count))
}
