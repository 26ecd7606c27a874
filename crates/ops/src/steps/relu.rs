//! ReLU on its own, where no batch norm precedes it.

use std::sync::Arc;

use candle_core::Result;
use resnet_kernels::elementwise;

use super::Run;
use crate::graph::{Backward, Forward, Value};

/// A recorded ReLU.
#[derive(Debug, Clone)]
pub(crate) struct Relu {
    pub(crate) x: Value,
    pub(crate) y: Value,
}

impl Run for Relu {
    fn kind(&self) -> String {
        "relu".to_owned()
    }

    fn inputs(&self) -> Vec<Value> {
        vec![self.x]
    }

    fn output(&self) -> Value {
        self.y
    }

    fn kept(&self) -> Vec<Value> {
        vec![self.y]
    }

    fn forward(&self, run: &mut Forward) -> Result<()> {
        let x = run.read(self.x);
        let mut y = run.buffer(self.y);
        elementwise::relu(&x, &mut y);
        run.write(self.y, y);
        Ok(())
    }

    fn backward(&self, run: &mut Backward) -> Result<()> {
        let Some(dy) = run.take(self.y) else { return Ok(()) };
        let y = run.read(self.y);
        let mut dx = run.buffer(self.x);
        elementwise::relu_backward(&y, &dy, &mut dx);
        run.give(self.x, Arc::new(dx));
        Ok(())
    }
}
