//! Gates of figure 2(c) and (d): `y = g x` or `(1 - g) x` with `g = sigmoid(z)`.

use std::sync::Arc;

use candle_core::Result;
use resnet_kernels::gate;

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
        let z = run.read(step.inputs[0]);
        if run.wants(step.inputs[0]) {
            let x = run.read(step.inputs[1]);
            let mut dz = run.buffer(step.inputs[0]);
            gate::gate_backward(run.isa, self.gate, &z, &x, &dy, &mut dz);
            run.give(step.inputs[0], Arc::new(dz));
        }
        if run.wants(step.inputs[1]) {
            let mut dx = run.buffer(step.inputs[1]);
            gate::gate(run.isa, self.gate, &z, &dy, &mut dx);
            run.give(step.inputs[1], Arc::new(dx));
        }
        Ok(())
    }
}
