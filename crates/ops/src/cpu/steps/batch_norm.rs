//! Batch norm, alone or followed by ReLU. Its output stays unwritten: the next convolution applies it on
//! load.

use std::sync::Arc;

use candle_core::{Result, Tensor, Var, bail};
use resnet_kernels::norm::{self, BackwardMap, BackwardSums, Moments, NormBackward, ScaleShift};

use super::Execute;
use crate::cpu::backward::{Backward, Through};
use crate::cpu::forward::Forward;
use crate::cpu::slots::NormState;
use crate::mode::Mode;
use crate::part;
use crate::plan::Value;
use crate::plan::step::{BatchNormStep, RunningStatistics, Step};
use crate::plan::value::Param;

/// Gamma and beta.
fn affine(step: &Step) -> [Param; 2] {
    [step.params[0], step.params[1]]
}

impl Execute for BatchNormStep {
    fn forward(&self, step: &Step, run: &mut Forward) -> Result<()> {
        let (x, y, [gamma, beta]) = (step.inputs[0], step.output, affine(step));
        if let Some(state) = run.prepared_norm(y) {
            run.write_recipe(y, x, state);
            return Ok(());
        }
        let moments = match self.mode(run.mode) {
            Mode::Eval => self.running.moments()?,
            Mode::Train => {
                let of_batch = (run.pixels(x) > 0).then(|| moments_of_batch(run, x)).transpose()?;
                let Some((moments, count)) = of_batch.filter(|(_, count)| *count > 1) else {
                    bail!(
                        "batch norm {} has at most one value per channel, which has no variance; train on larger batches or images",
                        step.name
                    );
                };
                update(&self.running, self.momentum, &moments, count)?;
                moments
            }
        };
        let map = ScaleShift::new(run.param(gamma), run.param(beta), &moments, self.eps);
        let state = NormState { moments, map, activation: self.activation };
        run.write_recipe(y, x, Arc::new(state));
        Ok(())
    }

    fn backward(&self, step: &Step, run: &mut Backward) -> Result<()> {
        let (input, y, [gamma, beta]) = (step.inputs[0], step.output, affine(step));
        let (dy, deferred) = (run.take(y), run.take_deferred(y));
        if dy.is_none() && deferred.is_none() {
            return Ok(());
        }
        let state = run.norm_state(y);
        let x = run.read(input);
        let (isa, activation) = (run.isa, self.activation);
        let backward = match self.mode(run.mode) {
            Mode::Eval => BackwardMap::eval(&state.map),
            Mode::Train => {
                let sums = match (run.take_sums(y), &dy) {
                    (Some(sums), _) => sums,
                    (None, Some(dy)) => {
                        norm::backward_sums(isa, &x, dy, &state.moments.mean, &state.map, activation)
                    }
                    (None, None) => bail!("a deferred gradient comes with its sums"),
                };
                self.give_parameters(run, [gamma, beta], &state, &sums);
                let gamma = run.param(gamma);
                let mut whole = (sums, x.len() / gamma.len());
                if run.wants(input) {
                    whole = sums_of_batch(whole)?;
                }
                BackwardMap::train(gamma, &state.moments, self.eps, &whole.0, whole.1)
            }
        };
        if !run.wants(input) {
            return Ok(());
        }
        if let Some(dy) = dy {
            let norm = NormBackward { x: &x, map: &state.map, backward: &backward };
            run.give_turned(input, dy, |dy, accumulate, dx| match dy {
                Some(dy) => norm::backward_apply(isa, norm, dy, activation, accumulate, dx),
                None => norm::backward_in_place(isa, norm, activation, dx),
            });
        } else if let Some(deferred) = deferred {
            run.give_through(input, Through { deferred, x, state, backward });
        }
        Ok(())
    }
}

impl BatchNormStep {
    /// The gradients of gamma and beta.
    fn give_parameters(
        &self,
        run: &mut Backward,
        [gamma, beta]: [Param; 2],
        state: &NormState,
        sums: &BackwardSums,
    ) {
        if run.wants_param(beta) {
            for (gradient, sum) in run.param_gradient(beta).iter_mut().zip(&sums.sum_dy) {
                *gradient += *sum as f32;
            }
        }
        if run.wants_param(gamma) {
            let deviations = sums.sum_dy_xmu.iter().zip(&state.moments.var);
            for (gradient, (sum, var)) in run.param_gradient(gamma).iter_mut().zip(deviations) {
                *gradient += (sum / (f64::from(*var) + f64::from(self.eps)).sqrt()) as f32;
            }
        }
    }
}

/// The moments of a value and the number of values per channel that they are over: this process's images, or
/// the whole batch where processes share statistics.
fn moments_of_batch(run: &mut Forward, x: Value) -> Result<(Moments, usize)> {
    let (own, count) = (run.moments(x), run.pixels(x));
    let Some(sum) = part::sum() else { return Ok((own, count)) };
    let n = count as f64;
    let of = |(mean, var): (&f32, &f32)| (f64::from(*mean), f64::from(*var));
    let statistics = || own.mean.iter().zip(&own.var).map(of);
    let sums = statistics().map(|(mean, _)| n * mean);
    let squares = statistics().map(|(mean, var)| n * (var + mean * mean));
    let mut all: Vec<f64> = sums.chain(squares).chain([n]).collect();
    sum(&mut all)?;
    let channels = own.mean.len();
    let n = all[2 * channels];
    let means: Vec<f64> = all[..channels].iter().map(|sum| sum / n).collect();
    let vars = all[channels..2 * channels].iter().zip(&means);
    let var = vars.map(|(square, mean)| (square / n - mean * mean).max(0.0) as f32).collect();
    Ok((Moments { mean: means.iter().map(|mean| *mean as f32).collect(), var }, n as usize))
}

/// Sums over a gradient and the number of values per channel that they are over, of the whole batch where
/// processes share statistics.
fn sums_of_batch((own, count): (BackwardSums, usize)) -> Result<(BackwardSums, usize)> {
    let Some(sum) = part::sum() else { return Ok((own, count)) };
    let channels = own.sum_dy.len();
    let mut all = [own.sum_dy, own.sum_dy_xmu, vec![count as f64]].concat();
    sum(&mut all)?;
    let count = all[2 * channels] as usize;
    all.truncate(2 * channels);
    let sum_dy_xmu = all.split_off(channels);
    Ok((BackwardSums { sum_dy: all, sum_dy_xmu }, count))
}

/// Moves the running statistics towards a batch's, as PyTorch does: `running = (1 - m) running + m batch`,
/// with the batch's unbiased variance.
fn update(running: &RunningStatistics, momentum: f64, batch: &Moments, count: usize) -> Result<()> {
    let unbiased = count as f64 / (count - 1) as f64;
    let blend = |var: &Var, batch: &[f32], factor: f64| {
        let old: Vec<f32> = var.to_vec1()?;
        let new: Vec<f32> = old
            .iter()
            .zip(batch)
            .map(|(&old, &batch)| {
                ((1.0 - momentum) * f64::from(old) + momentum * factor * f64::from(batch)) as f32
            })
            .collect();
        var.set(&Tensor::new(new, var.device())?)
    };
    blend(&running.mean, &batch.mean, 1.0)?;
    blend(&running.var, &batch.var, unbiased)
}
