//! Dropout of single elements, figure 2(f).
//!
//! Two steps: [`DrawKeys`] draws a key a picture; [`Dropped`] drops what the key says, and its backward finds
//! the same elements without a mask in memory. In evaluation nothing is drawn and nothing changes.

use std::sync::Arc;

use candle_core::Result;
use resnet_kernels::{Buffer, dropout};

use super::Run;
use crate::Mode;
use crate::graph::{Backward, Forward, Value};
use crate::random::Draws;

/// A recorded draw: a key of 64 bits for each picture, as the bits of two floats that are never computed
/// with.
#[derive(Debug, Clone)]
pub(crate) struct DrawKeys {
    pub(crate) y: Value,
    pub(crate) draws: Draws,
}

impl Run for DrawKeys {
    fn kind(&self) -> String {
        "draw".to_owned()
    }

    fn inputs(&self) -> Vec<Value> {
        vec![]
    }

    fn output(&self) -> Value {
        self.y
    }

    fn kept(&self) -> Vec<Value> {
        vec![]
    }

    fn forward(&self, run: &mut Forward) -> Result<()> {
        let mut keys = run.buffer(self.y);
        if run.mode == Mode::Eval {
            keys.fill(0.0);
        } else {
            let step = self.draws.next_step();
            for (image, halves) in keys.chunks_exact_mut(2).enumerate() {
                let bits = self.draws.bits(step, image);
                halves.copy_from_slice(&[f32::from_bits((bits >> 32) as u32), f32::from_bits(bits as u32)]);
            }
        }
        run.write(self.y, keys);
        Ok(())
    }

    fn backward(&self, _run: &mut Backward) -> Result<()> {
        Ok(())
    }
}

/// A recorded dropout.
#[derive(Debug, Clone)]
pub(crate) struct Dropped {
    pub(crate) x: Value,
    pub(crate) keys: Value,
    pub(crate) y: Value,
    /// Probability that an element stays.
    pub(crate) keep: f64,
}

impl Run for Dropped {
    fn kind(&self) -> String {
        format!("dropout, {} stay", self.keep)
    }

    fn inputs(&self) -> Vec<Value> {
        vec![self.x, self.keys]
    }

    fn output(&self) -> Value {
        self.y
    }

    fn kept(&self) -> Vec<Value> {
        vec![self.keys]
    }

    fn forward(&self, run: &mut Forward) -> Result<()> {
        let (x, keys) = (run.read(self.x), run.read(self.keys));
        let y = self.drop(run.mode, &keys, &x);
        run.write(self.y, y);
        Ok(())
    }

    fn backward(&self, run: &mut Backward) -> Result<()> {
        let Some(dy) = run.take(self.y) else { return Ok(()) };
        let keys = run.read(self.keys);
        let dx = self.drop(run.mode, &keys, &dy);
        run.give(self.x, Arc::new(dx));
        Ok(())
    }
}

impl Dropped {
    fn drop(&self, mode: Mode, keys: &[f32], x: &Buffer) -> Buffer {
        if mode == Mode::Eval {
            return Buffer::copy_of(x);
        }
        let key = |halves: &[f32]| u64::from(halves[0].to_bits()) << 32 | u64::from(halves[1].to_bits());
        let keys: Vec<u64> = keys.chunks_exact(2).map(key).collect();
        let mut y = Buffer::unspecified(x.len());
        dropout::dropout(&keys, self.keep, x, &mut y);
        y
    }
}
