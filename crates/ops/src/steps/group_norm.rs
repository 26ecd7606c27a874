//! Group norm, alone or followed by ReLU. Its map differs from picture to picture, so its output is written.

use candle_core::Result;
use resnet_kernels::norm::{self, Activation};

use super::Run;
use crate::graph::{Backward, Forward, Param, Value};

/// A recorded group norm.
#[derive(Debug, Clone)]
pub(crate) struct GroupNorm {
    pub(crate) name: String,
    pub(crate) x: Value,
    pub(crate) y: Value,
    pub(crate) weight: Param,
    pub(crate) bias: Param,
    pub(crate) images: usize,
    pub(crate) groups: usize,
    pub(crate) eps: f32,
    pub(crate) activation: Activation,
}

impl GroupNorm {
    fn kernel<'a>(&self, gamma: &'a [f32], beta: &'a [f32]) -> norm::GroupNorm<'a> {
        let GroupNorm { images, groups, eps, activation, .. } = *self;
        norm::GroupNorm { images, groups, gamma, beta, eps, activation }
    }
}

impl Run for GroupNorm {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> String {
        let relu = if self.activation == Activation::Relu { " + relu" } else { "" };
        format!("group norm of {}{relu}", self.groups)
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
        let x = run.read(self.x);
        let mut y = run.buffer(self.y);
        self.kernel(run.param(self.weight), run.param(self.bias)).forward(run.isa, &x, &mut y);
        run.write(self.y, y);
        Ok(())
    }

    fn backward(&self, run: &mut Backward) -> Result<()> {
        let Some(dy) = run.take(self.y) else { return Ok(()) };
        let x = run.read(self.x);
        // Statistics are computed again: one pass over memory against keeping them.
        let (gamma, beta) = (run.param(self.weight).to_vec(), run.param(self.bias).to_vec());
        let (kernel, isa) = (self.kernel(&gamma, &beta), run.isa);
        let mut gradients = None;
        if run.wants(self.x) {
            run.give_with(self.x, |_, accumulate, dx| {
                gradients = Some(kernel.backward(isa, &x, &dy, accumulate, Some(dx)));
            });
        } else {
            gradients = Some(kernel.backward(isa, &x, &dy, norm::Accumulate::Set, None));
        }
        let Some(norm::GroupNormGradients { gamma, beta }) = gradients else { return Ok(()) };
        for (param, gradient) in [(self.weight, gamma), (self.bias, beta)] {
            if run.wants_param(param) {
                run.param_gradient(param).iter_mut().zip(gradient).for_each(|(to, term)| *to += term);
            }
        }
        Ok(())
    }
}
