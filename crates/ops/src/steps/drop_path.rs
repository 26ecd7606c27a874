//! Stochastic depth (arXiv 1603.09382): in training, a picture's residual branch is dropped at random.
//!
//! Two steps: [`Survival`] draws a factor a picture, 0 or one over the probability to survive; [`Scaled`] multiplies by
//! it, and its backward finds the same factors. In evaluation nothing is drawn and nothing changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use candle_core::Result;
use resnet_kernels::Buffer;

use super::Run;
use crate::Mode;
use crate::graph::{Backward, Forward, Value};

/// A stream of draws: training step `k` draws what depends on `key`, `k` and the picture's place in the batch alone.
#[derive(Debug)]
pub(crate) struct Draws {
    pub(crate) key: u64,
    pub(crate) taken: AtomicU64,
}

impl Draws {
    /// A number in `[0, 1)` for the picture at `image` in step `step`: SplitMix64 of a counter.
    fn uniform(&self, step: u64, image: usize) -> f64 {
        let mixed = mix(mix(self.key ^ mix(step)).wrapping_add(image as u64));
        (mixed >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn mix(value: u64) -> u64 {
    let z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A recorded draw: one factor a picture.
#[derive(Debug, Clone)]
pub(crate) struct Survival {
    pub(crate) y: Value,
    /// Probability that a branch stays.
    pub(crate) survival: f64,
    pub(crate) draws: Arc<Draws>,
}

impl Run for Survival {
    fn kind(&self) -> String {
        format!("draw, {} survive", self.survival)
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
        let mut factors = run.buffer(self.y);
        if run.mode == Mode::Eval {
            factors.fill(1.0);
        } else {
            let step = self.draws.taken.fetch_add(1, Ordering::Relaxed);
            for (image, factor) in factors.iter_mut().enumerate() {
                let survives = self.draws.uniform(step, image) < self.survival;
                *factor = if survives { (1.0 / self.survival) as f32 } else { 0.0 };
            }
        }
        run.write(self.y, factors);
        Ok(())
    }

    fn backward(&self, _run: &mut Backward) -> Result<()> {
        Ok(())
    }
}

/// A recorded product of pictures and factors.
#[derive(Debug, Clone)]
pub(crate) struct Scaled {
    pub(crate) x: Value,
    pub(crate) factors: Value,
    pub(crate) y: Value,
}

impl Run for Scaled {
    fn kind(&self) -> String {
        "drop path".to_owned()
    }

    fn inputs(&self) -> Vec<Value> {
        vec![self.x, self.factors]
    }

    fn output(&self) -> Value {
        self.y
    }

    fn kept(&self) -> Vec<Value> {
        vec![self.factors]
    }

    fn forward(&self, run: &mut Forward) -> Result<()> {
        let (x, factors) = (run.read(self.x), run.read(self.factors));
        let y = run.buffer(self.y);
        run.write(self.y, scale(&x, &factors, y));
        Ok(())
    }

    fn backward(&self, run: &mut Backward) -> Result<()> {
        let Some(dy) = run.take(self.y) else { return Ok(()) };
        if run.wants(self.x) {
            let factors = run.read(self.factors);
            let dx = run.buffer(self.x);
            run.give(self.x, Arc::new(scale(&dy, &factors, dx)));
        }
        Ok(())
    }
}

/// Each picture of `x` times its factor.
fn scale(x: &[f32], factors: &[f32], mut out: Buffer) -> Buffer {
    let picture = x.len() / factors.len().max(1);
    for (index, factor) in factors.iter().enumerate() {
        let floats = index * picture..(index + 1) * picture;
        out[floats.clone()].iter_mut().zip(&x[floats]).for_each(|(out, x)| *out = x * factor);
    }
    out
}
