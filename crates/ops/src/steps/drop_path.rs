//! Stochastic depth (arXiv 1603.09382): in training, a picture's residual branch is dropped at random.
//!
//! Two steps: [`Survival`] draws a factor a picture, 0 or one over the probability to survive; [`Scaled`]
//! multiplies by it, and its backward finds the same factors. In evaluation nothing is drawn and nothing
//! changes.

use std::sync::Arc;

use candle_core::Result;
use resnet_kernels::Buffer;

use super::Run;
use crate::Mode;
use crate::graph::{Backward, Forward, Value};
use crate::random::Draws;

/// A recorded draw: one factor a picture.
#[derive(Debug, Clone)]
pub(crate) struct Survival {
    pub(crate) y: Value,
    /// Probability that a branch stays.
    pub(crate) survival: f64,
    pub(crate) draws: Draws,
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
            let step = self.draws.next_step();
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
