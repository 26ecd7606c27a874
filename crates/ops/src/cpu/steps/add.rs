//! The addition of equation (1), `y = h(x) + F(x)`, and the ReLU of figure 1(a) after it. Where the second
//! operand is a batch norm's output, normalising and adding are one pass.

use std::sync::Arc;

use candle_core::Result;
use resnet_kernels::elementwise;
use resnet_kernels::norm::{self, Activation};

use super::Execute;
use crate::cpu::backward::Backward;
use crate::cpu::forward::Forward;
use crate::plan::step::{AddStep, Step};

impl Execute for AddStep {
    fn forward(&self, step: &Step, run: &mut Forward) -> Result<()> {
        let a = run.read(step.inputs[0]);
        let mut y = run.buffer(step.output);
        match run.recipe(step.inputs[1]) {
            Some((source, state)) if state.activation == Activation::Identity => {
                let source = run.read(source);
                norm::apply(run.isa, &source, &state.map, Some(&a), self.activation, &mut y);
            }
            _ => {
                let b = run.read(step.inputs[1]);
                match self.activation {
                    Activation::Identity => elementwise::add(&a, &b, &mut y),
                    Activation::Relu => elementwise::add_relu(&a, &b, &mut y),
                }
            }
        }
        run.write(step.output, y);
        Ok(())
    }

    fn backward(&self, step: &Step, run: &mut Backward) -> Result<()> {
        let Some(mut dy) = run.take(step.output) else { return Ok(()) };
        if self.activation == Activation::Relu {
            let y = run.read(step.output);
            let mut masked = run.buffer(step.output);
            elementwise::relu_backward(&y, &dy, &mut masked);
            dy = Arc::new(masked);
        }
        for operand in step.inputs.iter().copied() {
            if run.wants(operand) {
                run.give(operand, dy.clone());
            }
        }
        Ok(())
    }
}
