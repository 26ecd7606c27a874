//! Layers that draw in training: stochastic depth and dropout.
//!
//! Nothing is drawn from a generator with a state: what training step `k` draws depends on a key, `k` and the
//! picture's place in the batch alone, so that a resumed training draws what an uninterrupted one would have.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use candle_core::{Result, bail};
use resnet_kernels::dropout::mix;

use crate::graph::{Graph, Shape, Value};
use crate::steps::{DrawKeys, Dropped, Scaled, Survival};

/// A stream of draws, a number of them for each training step. Clones share the count of steps.
#[derive(Debug, Clone)]
pub struct Draws {
    key: u64,
    taken: Arc<AtomicU64>,
}

impl Draws {
    /// The stream that `key` tells from others, at step 0.
    pub fn new(key: u64) -> Self {
        Draws { key, taken: Arc::default() }
    }

    /// The stream of what lies at `path` among a network's parameters, such as `layer1.0`: other paths draw
    /// otherwise, the same path draws the same in every run. Its key is [`path_key`].
    pub fn of_path(path: &str) -> Self {
        Draws::new(path_key(path))
    }

    /// Training steps taken: the next one draws with this number.
    pub fn steps(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Goes on from step `steps`, as after an interruption.
    pub fn set_steps(&self, steps: u64) {
        self.taken.store(steps, Ordering::Relaxed);
    }

    /// Begins a step.
    pub(crate) fn next_step(&self) -> u64 {
        self.taken.fetch_add(1, Ordering::Relaxed)
    }

    /// 64 random bits for the picture at `image` in step `step`.
    pub(crate) fn bits(&self, step: u64, image: usize) -> u64 {
        mix(mix(self.key ^ mix(step)).wrapping_add(image as u64))
    }

    /// A number in `[0, 1)`, as [`Draws::bits`].
    pub(crate) fn uniform(&self, step: u64, image: usize) -> f64 {
        (self.bits(step, image) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// FNV-1a of 64 bits: a number for the path of a parameter or of a layer, the same on every machine.
pub fn path_key(path: &str) -> u64 {
    path.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// Stochastic depth (arXiv 1603.09382) on a residual branch: in training, each picture's branch is zero with
/// a probability, and divided by the probability to survive otherwise; in evaluation nothing changes.
#[derive(Debug, Clone)]
pub struct DropPath {
    survival: f64,
    draws: Draws,
}

impl DropPath {
    /// A branch that is dropped with probability `rate`.
    ///
    /// # Errors
    /// If `rate` is not in `[0, 1)`.
    pub fn new(rate: f64, draws: Draws) -> Result<Self> {
        if !(0.0..1.0).contains(&rate) {
            bail!("a branch is dropped with a probability in [0, 1), not {rate}");
        }
        Ok(DropPath { survival: 1.0 - rate, draws })
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

/// Dropout of single elements (arXiv 1207.0580), figure 2(f) on a shortcut: in training, an element is zero
/// with a probability, and divided by the probability to stay otherwise; in evaluation nothing changes.
#[derive(Debug, Clone)]
pub struct Dropout {
    keep: f64,
    draws: Draws,
}

impl Dropout {
    /// Drops elements with probability `ratio`, the paper's 0.5.
    ///
    /// # Errors
    /// If `ratio` is not in `[0, 1)`.
    pub fn new(ratio: f64, draws: Draws) -> Result<Self> {
        if !(0.0..1.0).contains(&ratio) {
            bail!("an element is dropped with a probability in [0, 1), not {ratio}");
        }
        Ok(Dropout { keep: 1.0 - ratio, draws })
    }

    /// The same layer with other draws.
    pub fn with_draws(self, draws: Draws) -> Self {
        Dropout { draws, ..self }
    }

    /// Appends it to `graph`; a ratio of 0 appends nothing.
    ///
    /// # Errors
    /// None today; the signature is that of every layer.
    pub fn record(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        if self.keep == 1.0 {
            return Ok(x);
        }
        let images = graph.shape(x).images();
        let keys = graph.value(Shape::Features { images, channels: 2 });
        graph.push(DrawKeys { y: keys, draws: self.draws.clone() });
        let y = graph.value(graph.shape(x));
        graph.push(Dropped { x, keys, y, keep: self.keep });
        Ok(y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vectors of FNV's authors (draft-eastlake-fnv, "Test vectors").
    #[test]
    fn keys_of_paths_are_fnv_1a() {
        let vectors =
            [("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8)];
        for (path, key) in vectors {
            assert_eq!(path_key(path), key, "{path:?}");
        }
    }
}
