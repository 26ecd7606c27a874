//! Gates of figure 2(c) and (d): `y = g x` or `(1 - g) x` with `g = sigmoid(z)`.

use std::sync::Arc;

use candle_core::Result;
use resnet_kernels::gate::{self, Gate};

use super::Run;
use crate::graph::{Backward, Forward, Value};

/// A recorded gate.
#[derive(Debug, Clone)]
pub(crate) struct Gated {
    pub(crate) z: Value,
    pub(crate) x: Value,
    pub(crate) y: Value,
    pub(crate) gate: Gate,
}

impl Run for Gated {
    fn kind(&self) -> String {
        match self.gate {
            Gate::Transform => "gate".to_owned(),
            Gate::Carry => "carry gate".to_owned(),
        }
    }

    fn inputs(&self) -> Vec<Value> {
        vec![self.z, self.x]
    }

    fn output(&self) -> Value {
        self.y
    }

    fn kept(&self) -> Vec<Value> {
        vec![self.z, self.x]
    }

    fn forward(&self, run: &mut Forward) -> Result<()> {
        let (z, x) = (run.read(self.z), run.read(self.x));
        let mut y = run.buffer(self.y);
        gate::gate(self.gate, &z, &x, &mut y);
        run.write(self.y, y);
        Ok(())
    }

    fn backward(&self, run: &mut Backward) -> Result<()> {
        let Some(dy) = run.take(self.y) else { return Ok(()) };
        let z = run.read(self.z);
        if run.wants(self.z) {
            let x = run.read(self.x);
            let mut dz = run.buffer(self.z);
            gate::gate_backward(self.gate, &z, &x, &dy, &mut dz);
            run.give(self.z, Arc::new(dz));
        }
        if run.wants(self.x) {
            let mut dx = run.buffer(self.x);
            gate::gate(self.gate, &z, &dy, &mut dx);
            run.give(self.x, Arc::new(dx));
        }
        Ok(())
    }
}
