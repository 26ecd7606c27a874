//! Batch norm, alone or followed by ReLU. Its output stays unwritten: the next convolution applies it on
//! load.

use std::sync::Arc;

use candle_core::{Result, Tensor, Var, bail};
use resnet_kernels::conv;
use resnet_kernels::norm::{self, Activation, BackwardMap, BackwardSums, Moments, NormBackward, ScaleShift};

use super::Run;
use crate::Mode;
use crate::graph::{Backward, Deferred, Forward, NormState, Param, Value};

/// Running mean and variance, updated by training as PyTorch does: `running = (1 - m) running + m batch`,
/// with the batch's unbiased variance.
#[derive(Debug)]
pub(crate) struct RunningStatistics {
    pub(crate) mean: Var,
    pub(crate) var: Var,
    /// Weight of the newest batch, 0.1 by convention.
    pub(crate) momentum: f64,
}

impl RunningStatistics {
    pub(crate) fn moments(&self) -> Result<Moments> {
        Ok(Moments { mean: self.mean.to_vec1()?, var: self.var.to_vec1()? })
    }

    fn update(&self, batch: &Moments, count: usize) -> Result<()> {
        let unbiased = count as f64 / (count - 1) as f64;
        let blend = |var: &Var, batch: &[f32], factor: f64| {
            let old: Vec<f32> = var.to_vec1()?;
            let new: Vec<f32> = old
                .iter()
                .zip(batch)
                .map(|(&old, &batch)| {
                    ((1.0 - self.momentum) * f64::from(old) + self.momentum * factor * f64::from(batch))
                        as f32
                })
                .collect();
            var.set(&Tensor::new(new, var.device())?)
        };
        blend(&self.mean, &batch.mean, 1.0)?;
        blend(&self.var, &batch.var, unbiased)
    }
}

/// A recorded batch norm.
#[derive(Debug, Clone)]
pub(crate) struct Norm {
    pub(crate) name: String,
    pub(crate) x: Value,
    pub(crate) y: Value,
    pub(crate) weight: Param,
    pub(crate) bias: Param,
    pub(crate) running: Arc<RunningStatistics>,
    pub(crate) eps: f32,
    pub(crate) activation: Activation,
}

impl Run for Norm {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> String {
        match self.activation {
            Activation::Identity => "batch norm".to_owned(),
            Activation::Relu => "batch norm + relu".to_owned(),
        }
    }

    fn inputs(&self) -> Vec<Value> {
        vec![self.x]
    }

    fn output(&self) -> Value {
        self.y
    }

    fn params(&self) -> Vec<Param> {
        vec![self.weight, self.bias]
    }

    fn kept(&self) -> Vec<Value> {
        vec![self.x]
    }

    fn forward(&self, run: &mut Forward) -> Result<()> {
        if let Some(state) = run.ready_norm(self.y) {
            run.write_recipe(self.y, self.x, state);
            return Ok(());
        }
        let moments = match run.mode {
            Mode::Eval => self.running.moments()?,
            Mode::Train => {
                let count = run.pixels(self.x);
                if count < 2 {
                    bail!(
                        "batch norm {} has {count} value a channel, which has no variance; train on larger batches or pictures",
                        self.name
                    );
                }
                let moments = run.moments(self.x);
                self.running.update(&moments, count)?;
                moments
            }
        };
        let map = ScaleShift::new(run.param(self.weight), run.param(self.bias), &moments, self.eps);
        let state = NormState { moments, map, activation: self.activation };
        run.write_recipe(self.y, self.x, Arc::new(state));
        Ok(())
    }

    fn backward(&self, run: &mut Backward) -> Result<()> {
        let (dy, deferred) = (run.take(self.y), run.take_deferred(self.y));
        if dy.is_none() && deferred.is_none() {
            return Ok(());
        }
        let state = run.norm_state(self.y);
        let x = run.read(self.x);
        let (isa, activation) = (run.isa, self.activation);
        let backward = match run.mode {
            Mode::Eval => BackwardMap::eval(&state.map),
            Mode::Train => {
                let sums = match (run.take_sums(self.y), &dy) {
                    (Some(sums), _) => sums,
                    (None, Some(dy)) => {
                        norm::backward_sums(isa, &x, dy, &state.moments.mean, &state.map, activation)
                    }
                    (None, None) => bail!("a deferred gradient comes with its sums"),
                };
                self.give_parameters(run, &state, &sums);
                let gamma = run.param(self.weight);
                BackwardMap::train(gamma, &state.moments, self.eps, &sums, x.len() / gamma.len())
            }
        };
        if !run.wants(self.x) {
            return Ok(());
        }
        if let Some(dy) = dy {
            run.give_with(self.x, |_, accumulate, dx| {
                let norm = NormBackward { x: &x, map: &state.map, backward: &backward };
                norm::backward_apply(isa, norm, &dy, activation, accumulate, dx);
            });
        } else if let Some(Deferred { shape, weight, dy }) = deferred {
            run.give_with(self.x, |run, accumulate, dx| {
                let weight = run.param(weight);
                let norm = NormBackward { x: &x, map: &state.map, backward: &backward };
                conv::input_grad_through_norm(isa, &shape, &dy, weight, norm, accumulate, dx);
            });
        }
        Ok(())
    }
}

impl Norm {
    /// The gradients of gamma and beta.
    fn give_parameters(&self, run: &mut Backward, state: &NormState, sums: &BackwardSums) {
        for (gradient, sum) in run.param_gradient(self.bias).iter_mut().zip(&sums.sum_dy) {
            *gradient += *sum as f32;
        }
        let deviations = sums.sum_dy_xmu.iter().zip(&state.moments.var);
        for (gradient, (sum, var)) in run.param_gradient(self.weight).iter_mut().zip(deviations) {
            *gradient += (sum / (f64::from(*var) + f64::from(self.eps)).sqrt()) as f32;
        }
    }
}
