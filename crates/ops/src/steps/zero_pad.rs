//! Option A's parameter-free shortcut: sub-sampled pixels, zeros for the new channels.

use std::sync::Arc;

use candle_core::Result;
use resnet_kernels::elementwise::{self, ZeroPad};

use super::Run;
use crate::graph::{Backward, Forward, Value};

/// A recorded zero-padding shortcut.
#[derive(Debug, Clone)]
pub(crate) struct ZeroPadShortcut {
    pub(crate) x: Value,
    pub(crate) y: Value,
    pub(crate) shape: ZeroPad,
}

impl Run for ZeroPadShortcut {
    fn kind(&self) -> String {
        "zero-padding shortcut".to_owned()
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
        elementwise::zero_pad(&self.shape, &x, &mut y);
        run.write(self.y, y);
        Ok(())
    }

    fn backward(&self, run: &mut Backward) -> Result<()> {
        let Some(dy) = run.take(self.y) else { return Ok(()) };
        let mut dx = run.buffer(self.x);
        elementwise::zero_pad_backward(&self.shape, &dy, &mut dx);
        run.give(self.x, Arc::new(dx));
        Ok(())
    }
}
