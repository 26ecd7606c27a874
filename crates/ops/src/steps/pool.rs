//! Pooling: over windows, and over the whole picture.

use std::sync::Arc;

use candle_core::Result;
use resnet_kernels::pool::{self, PoolKind, PoolShape};

use super::Run;
use crate::graph::{Backward, Forward, Value};

/// A recorded pooling over windows.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    pub(crate) x: Value,
    pub(crate) y: Value,
    pub(crate) shape: PoolShape,
    pub(crate) pooling: PoolKind,
}

impl Run for Pool {
    fn kind(&self) -> String {
        let what = match self.pooling {
            PoolKind::Average => "average",
            PoolKind::Max => "maximum",
            PoolKind::ZeroPaddedMax => "zero-padded maximum",
        };
        format!("{what} pool {0}x{0}", self.shape.kernel)
    }

    fn inputs(&self) -> Vec<Value> {
        vec![self.x]
    }

    fn output(&self) -> Value {
        self.y
    }

    fn kept(&self) -> Vec<Value> {
        vec![self.x]
    }

    fn forward(&self, run: &mut Forward) -> Result<()> {
        let x = run.read(self.x);
        let mut y = run.buffer(self.y);
        pool::forward(&self.shape, self.pooling, &x, &mut y);
        run.write(self.y, y);
        Ok(())
    }

    fn backward(&self, run: &mut Backward) -> Result<()> {
        let Some(dy) = run.take(self.y) else { return Ok(()) };
        let x = run.read(self.x);
        let mut dx = run.buffer(self.x);
        pool::backward(&self.shape, self.pooling, &x, &dy, &mut dx);
        run.give(self.x, Arc::new(dx));
        Ok(())
    }
}

/// A recorded mean over all pixels.
#[derive(Debug, Clone)]
pub(crate) struct GlobalAverage {
    pub(crate) x: Value,
    pub(crate) y: Value,
    pub(crate) images: usize,
    pub(crate) channels: usize,
}

impl Run for GlobalAverage {
    fn kind(&self) -> String {
        "global average pool".to_owned()
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
        pool::global_average(&x, self.images, self.channels, &mut y);
        run.write(self.y, y);
        Ok(())
    }

    fn backward(&self, run: &mut Backward) -> Result<()> {
        let Some(dy) = run.take(self.y) else { return Ok(()) };
        let mut dx = run.buffer(self.x);
        pool::global_average_backward(&dy, self.images, self.channels, &mut dx);
        run.give(self.x, Arc::new(dx));
        Ok(())
    }
}
