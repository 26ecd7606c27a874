//! Running statistics estimated anew, as PyTorch's `torch.optim.swa_utils.update_bn` does it.
//!
//! While a network trains, its running statistics trail behind its weights, and those of averaged weights are
//! averages over networks that were all different. So before an evaluation they can be replaced by the mean,
//! over some training images, of the statistics of each batch with the present weights, a batch counting by
//! its images.

use candle_core::{Device, Var};
use resnet_ops::{BatchNorm, Mode};

use crate::engine::NormBatches;
use crate::evaluate::tensors_of;
use crate::layout::{change, read};
use crate::{Classifier, Error};

/// Replaces the running statistics of `model`, which a forward pass in [`Mode::Train`] changes, by their
/// means over the batches. A network without them, or an input without batches, is left as it is.
///
/// # Errors
/// If a batch cannot be read, or the network fails.
pub(crate) fn estimate_norms(
    model: &dyn Classifier,
    device: &Device,
    input: NormBatches<'_>,
) -> Result<(), Error> {
    let failed = |error| Error::compute("estimating running statistics")(error);
    let running: Vec<&Var> = model
        .variables()
        .iter()
        .filter(|(name, _)| name.ends_with("running_mean") || name.ends_with("running_var"))
        .map(|(_, variable)| variable)
        .collect();
    if running.is_empty() {
        return Ok(());
    }
    let mut sums: Vec<Vec<f64>> = running.iter().map(|variable| vec![0.0; variable.elem_count()]).collect();
    let mut images = 0u64;
    for batch in input.batches {
        let batch = batch?;
        if images >= input.images {
            break;
        }
        if batch.labels.len() < input.fewest {
            continue;
        }
        let (x, labels) = tensors_of(batch, device).map_err(failed)?;
        // From zero, a batch leaves its own statistics times the norm's momentum.
        for variable in &running {
            change(variable, |values| values.fill(0.0)).map_err(failed)?;
        }
        model.begin_step(0);
        model.logits(&x, Mode::Train).map_err(failed)?;
        for (variable, sum) in running.iter().zip(&mut sums) {
            read(variable, |values| {
                let weighed = |value: f32| f64::from(value) / BatchNorm::MOMENTUM * labels.len() as f64;
                sum.iter_mut().zip(values).for_each(|(sum, &value)| *sum += weighed(value));
            })
            .map_err(failed)?;
        }
        images += labels.len() as u64;
    }
    if images > 0 {
        for (variable, sum) in running.iter().zip(&sums) {
            let mean = |(value, sum): (&mut f32, &f64)| *value = (sum / images as f64) as f32;
            change(variable, |values| values.iter_mut().zip(sum).for_each(mean)).map_err(failed)?;
        }
    }
    Ok(())
}
