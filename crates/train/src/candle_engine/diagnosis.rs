//! What a batch that diverged looks like inside: each layer's and each variable's largest number.

use candle_core::{Device, Tensor};
use resnet_ops::{Extremes, Mode, StepOutput};
use resnet_record::{LayerOutput, VariableExtremes};

use crate::engine::{BatchInput, Diagnosis};
use crate::evaluate::tensors_of;
use crate::layout::read;
use crate::step::loss::Loss;
use crate::{Classifier, Error};

/// Goes forward and backward on `input` once more.
///
/// # Errors
/// Whatever the network's operations report.
pub(super) fn diagnose(
    (model, loss): (&dyn Classifier, &Loss),
    device: &Device,
    input: BatchInput,
) -> Result<Diagnosis, Error> {
    let BatchInput { batch, target, step, draw, .. } = input;
    let doing = || Error::compute(format!("describing step {step}"));
    let (images, labels) = tensors_of(batch, device).map_err(doing())?;
    model.begin_step(draw);
    let layers = model.inspect(&images, Mode::Train).map_err(doing())?.into_iter().map(layer).collect();

    model.begin_step(draw);
    let logits = model.logits(&images, Mode::Train).map_err(doing())?;
    let (loss, _) = loss.of(&logits, target).map_err(doing())?;
    let gradients = loss.backward().map_err(doing())?;
    let mut variables = vec![];
    for (name, variable) in model.variables() {
        let (largest, not_finite) = extremes(variable.as_tensor()).map_err(doing())?;
        let gradient = gradients.get(variable.as_tensor()).map(extremes).transpose().map_err(doing())?;
        variables.push(VariableExtremes { name: name.clone(), largest, not_finite, gradient });
    }
    Ok(Diagnosis { labels, layers, variables })
}

pub(super) fn layer(output: StepOutput) -> LayerOutput {
    let StepOutput { layer, kind, largest, not_finite } = output;
    LayerOutput { layer, kind, largest, not_finite: not_finite as u64 }
}

/// The largest magnitude among a tensor's finite numbers, and how many are not finite.
fn extremes(tensor: &Tensor) -> candle_core::Result<(f32, u64)> {
    let Extremes { largest, not_finite } = read(tensor, Extremes::of)?;
    Ok((largest, not_finite as u64))
}
