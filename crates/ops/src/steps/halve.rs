//! Halving a picture: the mean of 2x2 pixels, before the projection of the d variants.

use std::sync::Arc;

use candle_core::Result;
use resnet_kernels::avg_pool_2x2_ceil::{AvgPool2x2Ceil, avg_pool_2x2_ceil, avg_pool_2x2_ceil_backward};

use super::Run;
use crate::graph::{Backward, Forward, Value};

/// A recorded halving.
#[derive(Debug, Clone)]
pub(crate) struct Halve {
    pub(crate) x: Value,
    pub(crate) y: Value,
    pub(crate) shape: AvgPool2x2Ceil,
}

impl Run for Halve {
    fn kind(&self) -> String {
        "average pool 2x2 / 2".to_owned()
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
        avg_pool_2x2_ceil(&self.shape, &x, &mut y);
        run.write(self.y, y);
        Ok(())
    }

    fn backward(&self, run: &mut Backward) -> Result<()> {
        let Some(dy) = run.take(self.y) else { return Ok(()) };
        let mut dx = run.buffer(self.x);
        avg_pool_2x2_ceil_backward(&self.shape, &dy, &mut dx);
        run.give(self.x, Arc::new(dx));
        Ok(())
    }
}
