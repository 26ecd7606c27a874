//! Steps of one input and no parameters: one frame, and each op's forward and backward side by side.

use std::sync::Arc;

use candle_core::Result;
use resnet_kernels::avg_pool_2x2_ceil::{AvgPool2x2Ceil, avg_pool_2x2_ceil, avg_pool_2x2_ceil_backward};
use resnet_kernels::elementwise::{self, ZeroPad};
use resnet_kernels::{Isa, pool};

use super::Execute;
use crate::cpu::backward::Backward;
use crate::cpu::forward::Forward;
use crate::plan::step::{GlobalAvgPoolStep, PoolStep, ReluStep, ScaleStep, Step};

/// A function of one value.
pub(super) trait Unary {
    /// Sets all of `y`.
    fn apply(&self, isa: Isa, x: &[f32], y: &mut [f32]);
    /// Sets all of `dx`. `kept` is the value that the step keeps, its input or output; empty if it keeps
    /// none.
    fn pull_back(&self, isa: Isa, kept: &[f32], dy: &[f32], dx: &mut [f32]);
}

impl<U: Unary> Execute for U {
    fn forward(&self, step: &Step, run: &mut Forward) -> Result<()> {
        let x = run.read(step.inputs[0]);
        let mut y = run.buffer(step.output);
        self.apply(run.isa, &x, &mut y);
        run.write(step.output, y);
        Ok(())
    }

    fn backward(&self, step: &Step, run: &mut Backward) -> Result<()> {
        let Some(dy) = run.take(step.output) else { return Ok(()) };
        let kept = step.kept().first().map(|value| run.read(*value));
        let mut dx = run.buffer(step.inputs[0]);
        self.pull_back(run.isa, kept.as_ref().map_or(&[], |kept| &kept[..]), &dy, &mut dx);
        run.give(step.inputs[0], Arc::new(dx));
        Ok(())
    }
}

impl Unary for ReluStep {
    fn apply(&self, _: Isa, x: &[f32], y: &mut [f32]) {
        elementwise::relu(x, y);
    }

    fn pull_back(&self, _: Isa, y: &[f32], dy: &[f32], dx: &mut [f32]) {
        elementwise::relu_backward(y, dy, dx);
    }
}

impl Unary for ScaleStep {
    fn apply(&self, _: Isa, x: &[f32], y: &mut [f32]) {
        elementwise::scale(x, self.factor, y);
    }

    fn pull_back(&self, _: Isa, _: &[f32], dy: &[f32], dx: &mut [f32]) {
        elementwise::scale(dy, self.factor, dx);
    }
}

impl Unary for ZeroPad {
    fn apply(&self, _: Isa, x: &[f32], y: &mut [f32]) {
        elementwise::zero_pad(self, x, y);
    }

    fn pull_back(&self, _: Isa, _: &[f32], dy: &[f32], dx: &mut [f32]) {
        elementwise::zero_pad_backward(self, dy, dx);
    }
}

impl Unary for PoolStep {
    fn apply(&self, isa: Isa, x: &[f32], y: &mut [f32]) {
        pool::forward(isa, &self.shape, self.kind, x, y);
    }

    fn pull_back(&self, isa: Isa, x: &[f32], dy: &[f32], dx: &mut [f32]) {
        pool::backward(isa, &self.shape, self.kind, x, dy, dx);
    }
}

impl Unary for AvgPool2x2Ceil {
    fn apply(&self, _: Isa, x: &[f32], y: &mut [f32]) {
        avg_pool_2x2_ceil(self, x, y);
    }

    fn pull_back(&self, _: Isa, _: &[f32], dy: &[f32], dx: &mut [f32]) {
        avg_pool_2x2_ceil_backward(self, dy, dx);
    }
}

impl Unary for GlobalAvgPoolStep {
    fn apply(&self, _: Isa, x: &[f32], y: &mut [f32]) {
        pool::global_average(x, self.images, self.channels, y);
    }

    fn pull_back(&self, _: Isa, _: &[f32], dy: &[f32], dx: &mut [f32]) {
        pool::global_average_backward(dy, self.images, self.channels, dx);
    }
}
