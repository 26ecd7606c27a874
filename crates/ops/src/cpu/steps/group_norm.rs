//! Group norm, alone or followed by ReLU. Its map differs from image to image, so its output is written.

use candle_core::Result;
use resnet_kernels::norm;

use super::Execute;
use crate::cpu::backward::Backward;
use crate::cpu::forward::Forward;
use crate::plan::step::{GroupNormStep, Step};

impl GroupNormStep {
    fn kernel<'a>(&self, gamma: &'a [f32], beta: &'a [f32]) -> norm::GroupNorm<'a> {
        let GroupNormStep { images, groups, eps, activation, .. } = *self;
        norm::GroupNorm { images, groups, gamma, beta, eps, activation }
    }
}

impl Execute for GroupNormStep {
    fn forward(&self, step: &Step, run: &mut Forward) -> Result<()> {
        let x = run.read(step.inputs[0]);
        let mut y = run.buffer(step.output);
        self.kernel(run.param(step.params[0]), run.param(step.params[1])).forward(run.isa, &x, &mut y);
        run.write(step.output, y);
        Ok(())
    }

    fn backward(&self, step: &Step, run: &mut Backward) -> Result<()> {
        let Some(dy) = run.take(step.output) else { return Ok(()) };
        let x = run.read(step.inputs[0]);
        // Statistics are computed again: one pass over memory against keeping them.
        let (gamma, beta) = (run.param(step.params[0]).to_vec(), run.param(step.params[1]).to_vec());
        let (kernel, isa) = (self.kernel(&gamma, &beta), run.isa);
        let mut gradients = None;
        if run.wants(step.inputs[0]) {
            run.give_with(step.inputs[0], |_, accumulate, dx| {
                gradients = Some(kernel.backward(isa, &x, &dy, accumulate, Some(dx)));
            });
        } else {
            gradients = Some(kernel.backward(isa, &x, &dy, norm::Accumulate::Set, None));
        }
        let Some(norm::GroupNormGradients { gamma, beta }) = gradients else { return Ok(()) };
        for (param, gradient) in [(step.params[0], gamma), (step.params[1], beta)] {
            if run.wants_param(param) {
                run.param_gradient(param).iter_mut().zip(gradient).for_each(|(to, term)| *to += term);
            }
        }
        Ok(())
    }
}
