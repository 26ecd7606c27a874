//! The layer of stochastic depth.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use candle_core::{Result, bail};

use crate::graph::{Graph, Shape, Value};
use crate::steps::{Draws, Scaled, Survival};

/// Stochastic depth (arXiv 1603.09382) on a residual branch: in training, each picture's branch is zero with a
/// probability, and divided by the probability to survive otherwise; in evaluation nothing changes.
///
/// What training step `k` draws depends on the key, `k` and the picture's place in the batch alone. Clones share the
/// count of steps.
#[derive(Debug, Clone)]
pub struct DropPath {
    survival: f64,
    draws: Arc<Draws>,
}

impl DropPath {
    /// A branch that is dropped with probability `rate`; `key` tells its draws from those of other branches.
    ///
    /// # Errors
    /// If `rate` is not in `[0, 1)`.
    pub fn new(rate: f64, key: u64) -> Result<Self> {
        if !(0.0..1.0).contains(&rate) {
            bail!("a branch is dropped with a probability in [0, 1), not {rate}");
        }
        Ok(DropPath { survival: 1.0 - rate, draws: Arc::new(Draws { key, taken: AtomicU64::new(0) }) })
    }

    /// Training steps taken: the next one draws with this number.
    pub fn steps(&self) -> u64 {
        self.draws.taken.load(Ordering::Relaxed)
    }

    /// Goes on from step `steps`, as after an interruption.
    pub fn set_steps(&self, steps: u64) {
        self.draws.taken.store(steps, Ordering::Relaxed);
    }

    /// Appends it to `graph`; a rate of 0 appends nothing.
    ///
    /// # Errors
    /// None today; the signature is that of every layer.
    pub fn record(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        if self.survival == 1.0 {
            return Ok(x);
        }
        let images = graph.shape(x).images();
        let factors = graph.value(Shape::Features { images, channels: 1 });
        graph.push(Survival { y: factors, survival: self.survival, draws: self.draws.clone() });
        let y = graph.value(graph.shape(x));
        graph.push(Scaled { x, factors, y });
        Ok(y)
    }
}
