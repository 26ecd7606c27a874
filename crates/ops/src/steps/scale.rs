//! A constant factor, figure 2(b).

use std::sync::Arc;

use candle_core::Result;
use resnet_kernels::elementwise;

use super::Run;
use crate::graph::{Backward, Forward, Value};

/// A recorded `y = factor x`.
#[derive(Debug, Clone)]
pub(crate) struct Scale {
    pub(crate) x: Value,
    pub(crate) y: Value,
    pub(crate) factor: f32,
}

impl Run for Scale {
    fn kind(&self) -> String {
        format!("times {}", self.factor)
    }

    fn inputs(&self) -> Vec<Value> {
        vec![self.x]
    }

    fn output(&self) -> Value {
        self.y
    }

    fn kept(&self) -> Vec<Value> {
        vec![]
    }

    fn forward(&self, run: &mut Forward) -> Result<()> {
        let x = run.read(self.x);
        let mut y = run.buffer(self.y);
        elementwise::scale(&x, self.factor, &mut y);
        run.write(self.y, y);
        Ok(())
    }

    fn backward(&self, run: &mut Backward) -> Result<()> {
        let Some(dy) = run.take(self.y) else { return Ok(()) };
        let mut dx = run.buffer(self.x);
        elementwise::scale(&dy, self.factor, &mut dx);
        run.give(self.x, Arc::new(dx));
        Ok(())
    }
}
