//! Running statistics estimated anew, as PyTorch's `torch.optim.swa_utils.update_bn` does it.
//!
//! While a network trains, its running statistics trail behind its weights, and those of averaged weights are
//! averages over networks that were all different. So they can be replaced before an evaluation, by means
//! over batches of training images: the statistics of each batch under the present weights, weighted by its
//! number of images.

use std::sync::Arc;

use candle_core::{Device, Tensor, Var};
use resnet_ops::{BatchPart, Mode, SumOver};

use crate::engine::NormBatches;
use crate::evaluate::tensors_of;
use crate::groups::Groups;
use crate::layout::{change, read};
use crate::processes::Processes;
use crate::{AllReduce as _, Classifier, Error};

/// A running statistic while it is estimated.
struct Running<'a> {
    variable: &'a Var,
    /// The sum over batches of their statistics, each times its number of images and the norm's momentum.
    sum: Vec<f64>,
    /// Weight of the newest batch in the running statistics, once it is known.
    momentum: f64,
}

impl<'a> Running<'a> {
    fn new(variable: &'a Var) -> Self {
        Running { variable, sum: vec![0.0; variable.elem_count()], momentum: 1.0 }
    }

    fn sum_of_magnitudes(&self) -> candle_core::Result<f64> {
        read(self.variable, |values| values.iter().map(|value| f64::from(value.abs())).sum())
    }
}

/// Replaces the running statistics of `model`, which a forward pass in [`Mode::Train`] changes, by the means
/// of the batches' statistics over all processes. Frozen statistics stay as they are, and so do all of them
/// if there is no batch.
///
/// # Errors
/// If a batch cannot be read, or the network fails.
pub(crate) fn estimate_norms(
    (model, groups): (&dyn Classifier, &Groups),
    device: &Device,
    (processes, statistics): (&Processes, Option<&Arc<SumOver>>),
    input: NormBatches<'_>,
) -> Result<(), Error> {
    let failed = |error| Error::compute("estimating running statistics")(error);
    let moved = model.variables().iter().filter(|(name, _)| groups.moves(name));
    let mut running: Vec<Running<'_>> = moved.map(|(_, variable)| Running::new(variable)).collect();
    if running.is_empty() {
        return Ok(());
    }
    let part = BatchPart { first_image: 0, sum: statistics.cloned(), on_gradient: None };
    let forward = |x: &Tensor| {
        model.begin_step(0);
        part.clone().during(|| model.logits(x, Mode::Train)).map(drop)
    };
    let mut images = 0u64;
    let own_share = input.images.div_ceil(processes.rank().world_size as u64);
    for batch in input.batches {
        let batch = batch?;
        let (mut is_enough, mut is_small) = (images >= own_share, batch.labels.len() < input.fewest);
        if statistics.is_some() {
            // The forward pass is one of all processes together, so they decide together.
            let mut told = [is_enough, is_small].map(|is| f64::from(u8::from(is)));
            processes.sum_f64(&mut told)?;
            (is_enough, is_small) = (told[0] == processes.rank().world_size as f64, told[1] > 0.0);
        }
        if is_enough {
            break;
        }
        if is_small {
            continue;
        }
        let (x, labels) = tensors_of(batch, device).map_err(failed)?;
        // From zero, a batch leaves its own statistics times the norm's momentum.
        for one in &running {
            change(one.variable, |values| values.fill(0.0)).map_err(failed)?;
        }
        forward(&x).map_err(failed)?;
        for one in &mut running {
            let add = |(sum, &value): (&mut f64, &f32)| *sum += f64::from(value) * labels.len() as f64;
            let sum = &mut one.sum;
            read(one.variable, |values| sum.iter_mut().zip(values).for_each(add)).map_err(failed)?;
        }
        if images == 0 {
            find_momenta(&mut running, || forward(&x)).map_err(failed)?;
        }
        images += labels.len() as u64;
    }
    let mut images = [images as f64];
    for Running { sum, momentum, .. } in &mut running {
        sum.iter_mut().for_each(|sum| *sum /= *momentum);
        processes.sum_f64(sum)?;
    }
    processes.sum_f64(&mut images)?;
    if images[0] > 0.0 {
        for Running { variable, sum, .. } in &running {
            let mean = |(value, sum): (&mut f32, &f64)| *value = (sum / images[0]) as f32;
            change(variable, |values| values.iter_mut().zip(sum).for_each(mean)).map_err(failed)?;
        }
    }
    Ok(())
}

/// Finds each norm's momentum m, after a batch with statistics b has left m b in place of zero: `forward` on
/// the same batch leaves `(1 - m) m b + m b`, which is 2 - m times as much.
fn find_momenta(
    running: &mut [Running<'_>],
    forward: impl FnOnce() -> candle_core::Result<()>,
) -> candle_core::Result<()> {
    let once = running.iter().map(Running::sum_of_magnitudes).collect::<candle_core::Result<Vec<f64>>>()?;
    forward()?;
    for (one, once) in running.iter_mut().zip(once) {
        // All zeros are zeros by any momentum.
        if once > 0.0 {
            one.momentum = 2.0 - one.sum_of_magnitudes()? / once;
        }
    }
    Ok(())
}
