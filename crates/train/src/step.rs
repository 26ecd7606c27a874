//! One optimizer step: forward, loss, backward, update.

use candle_core::{Device, Tensor};
use resnet_ops::{Mode, soft_cross_entropy, softmax_cross_entropy};
use resnet_vision::Batch;

use crate::evaluate::{rank, rows_of, tensors_of};
use crate::{Classifier, Error, Sgd};

/// What a step saw before it changed the weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct StepOutcome {
    /// Images of the batch.
    pub(crate) images: u64,
    /// Mean cross-entropy, in nats.
    pub(crate) loss: f64,
    /// Images whose label had the highest logit; of a mixed image its own label counts.
    pub(crate) correct: u64,
}

/// Trains `model` on `batch` at `rate`, after `step` steps: towards its labels, or towards `targets`,
/// probabilities of shape `[n, classes]`.
///
/// # Errors
/// [`Error::NonFiniteLoss`] before anything but running statistics is changed.
pub(crate) fn step(
    model: &dyn Classifier,
    optimizer: &mut Sgd,
    (batch, targets): (Batch, Option<Vec<f32>>),
    device: &Device,
    rate: f64,
    step: u64,
) -> Result<StepOutcome, Error> {
    let doing = || format!("step {step}");
    let (images, labels) = tensors_of(batch, device).map_err(Error::compute(doing()))?;
    model.begin_step(step);
    let logits = model.logits(&images, Mode::Train).map_err(Error::compute(doing()))?;
    let (rows, classes) = rows_of(&logits, &labels)?;
    let n = labels.len();
    let correct = rows
        .chunks_exact(classes)
        .zip(&labels)
        .filter(|(row, label)| rank(row, **label as usize) == Some(0))
        .count();

    let loss = loss_of(&logits, &labels, targets);
    let loss = loss.map_err(Error::compute(doing()))?;
    let value = loss.to_scalar::<f32>().map_err(Error::compute(doing()))?;
    if !value.is_finite() {
        return Err(Error::NonFiniteLoss { step, rate, loss: value });
    }
    let gradients = loss.backward().map_err(Error::compute(doing()))?;
    let moved = optimizer.step(model.variables(), &gradients, rate).map_err(Error::compute(doing()))?;
    if moved == 0 {
        return Err(Error::Setup(
            "no variable of the network got a gradient; its logits must be computed from the variables it lists".into(),
        ));
    }
    Ok(StepOutcome { images: n as u64, loss: f64::from(value), correct: correct as u64 })
}

/// Mean cross-entropy of `logits`, in nats: towards the labels, or towards `targets`, probabilities of the
/// logits' shape.
pub(crate) fn loss_of(
    logits: &Tensor,
    labels: &[u32],
    targets: Option<Vec<f32>>,
) -> candle_core::Result<Tensor> {
    match targets {
        None => softmax_cross_entropy(logits, &Tensor::new(labels, logits.device())?),
        Some(targets) => {
            soft_cross_entropy(logits, &Tensor::from_vec(targets, logits.dims(), logits.device())?)
        }
    }
}
