//! Layers that draw in training: stochastic depth and dropout.

use candle_core::{Result, bail};

use super::{Layer, module_t};
use crate::draws::Draws;
use crate::plan::step::Dropped;
use crate::plan::{Graph, Value};

/// Stochastic depth (arXiv 1603.09382) on a residual branch. In training, the branch of each image is set to
/// zero with a given probability, and otherwise divided by the probability that it survives. In evaluation it
/// is unchanged.
#[derive(Debug, Clone)]
pub struct DropPath {
    survival: f64,
    draws: Draws,
}

impl DropPath {
    /// A branch that is dropped with probability `rate`. Two layers whose draws have the same key drop the
    /// same images: give each its own, as [`Draws::of_path`] does.
    ///
    /// # Errors
    /// If `rate` is not in `[0, 1)`.
    pub fn new(rate: f64, draws: Draws) -> Result<Self> {
        if !(0.0..1.0).contains(&rate) {
            bail!("a branch is dropped with a probability in [0, 1), not {rate}");
        }
        Ok(DropPath { survival: 1.0 - rate, draws })
    }
}

impl Layer for DropPath {
    /// A rate of 0 appends nothing.
    fn trace(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        Ok(graph.drop(x, Dropped::Images, self.survival, &self.draws))
    }
}

/// Dropout of single elements (arXiv 1207.0580), figure 2(f) on a shortcut. In training, each element is set
/// to zero with a given probability, and otherwise divided by the probability that it stays. In evaluation it
/// is unchanged.
#[derive(Debug, Clone)]
pub struct Dropout {
    keep: f64,
    draws: Draws,
}

impl Dropout {
    /// Dropout of elements with probability `ratio`; the paper has 0.5. Two layers whose draws have the same
    /// key drop the same elements: give each its own, as [`Draws::of_path`] does.
    ///
    /// # Errors
    /// If `ratio` is not in `[0, 1)`.
    pub fn new(ratio: f64, draws: Draws) -> Result<Self> {
        if !(0.0..1.0).contains(&ratio) {
            bail!("an element is dropped with a probability in [0, 1), not {ratio}");
        }
        Ok(Dropout { keep: 1.0 - ratio, draws })
    }

    /// The probability that an element is dropped.
    pub fn ratio(&self) -> f64 {
        1.0 - self.keep
    }

    /// The same layer with other draws.
    pub fn with_draws(self, draws: Draws) -> Self {
        Dropout { draws, ..self }
    }
}

impl Layer for Dropout {
    /// A ratio of 0 appends nothing.
    fn trace(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        Ok(graph.drop(x, Dropped::Elements, self.keep, &self.draws))
    }
}

module_t!(DropPath, Dropout);
