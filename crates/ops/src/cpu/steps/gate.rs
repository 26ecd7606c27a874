//! Gates of figure 2(c) and (d): `y = g x` or `(1 - g) x` with `g = sigmoid(z)`.

use std::sync::Arc;

use candle_core::Result;
use resnet_kernels::gate::{self, GateBackward};

use super::Execute;
use crate::cpu::backward::Backward;
use crate::cpu::forward::Forward;
use crate::plan::step::{GateStep, Step};

impl Execute for GateStep {
    fn forward(&self, step: &Step, run: &mut Forward) -> Result<()> {
        let (z, x) = (run.read(step.inputs[0]), run.read(step.inputs[1]));
        let mut y = run.buffer(step.output);
        gate::gate(run.isa, self.gate, &z, &x, &mut y);
        run.write(step.output, y);
        Ok(())
    }

    fn backward(&self, step: &Step, run: &mut Backward) -> Result<()> {
        let Some(dy) = run.take(step.output) else { return Ok(()) };
        let operands = [step.inputs[0], step.inputs[1]];
        let (z, x) = (run.read(operands[0]), run.read(operands[1]));
        let mut gradients = operands.map(|operand| run.take_if_wanted(operand));
        let [dz, dx] = gradients.each_mut().map(|to| to.as_mut().map(|(way, to)| (*way, &mut to[..])));
        gate::gate_backward(run.isa, self.gate, GateBackward { z: &z, x: &x, dy: &dy }, dz, dx);
        for (operand, gradient) in operands.into_iter().zip(gradients) {
            if let Some((_, gradient)) = gradient {
                run.give(operand, Arc::new(gradient));
            }
        }
        Ok(())
    }
}
