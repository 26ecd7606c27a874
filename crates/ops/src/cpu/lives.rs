//! How long each value of a plan lives on the CPU, and the memory that this takes. `recompute.rs` decides
//! which values are recomputed.
//!
//! A norm's output may never be written ([`super::slots`]); then the norm's input lives as long as the
//! output.

use std::collections::BTreeMap;

use crate::plan::step::{Op, Step};
use crate::plan::{Plan, Value};

/// The life of one value.
#[derive(Debug, Clone, Default)]
pub(super) struct Life {
    /// The last step that reads it in the forward pass.
    pub(super) last_use: usize,
    /// Whether the backward pass reads it.
    pub(super) is_kept: bool,
    /// The step that computes it once more in the backward pass, if it isn't kept after all.
    pub(super) recomputed_by: Option<usize>,
    /// How many steps read it.
    pub(super) readers: usize,
    /// Whether a batch norm wants its statistics.
    pub(super) is_normalised: bool,
}

/// The lives of all values.
#[derive(Debug, Clone)]
pub(super) struct Lives(pub(super) Vec<Life>);

impl Lives {
    /// Lives that keep everything that the backward pass reads. A step whose output needs no gradient has no
    /// backward pass, so nothing is kept for it.
    pub(super) fn without_recomputation(plan: &Plan, needs_gradient: impl Fn(Value) -> bool) -> Self {
        let mut lives = vec![Life::default(); plan.shapes.len()];
        for (index, step) in plan.steps.iter().enumerate() {
            for input in &step.inputs {
                let life = &mut lives[input.0];
                life.last_use = index;
                life.readers += 1;
                life.is_normalised |= step.takes_statistics();
            }
            for value in step.kept().iter().filter(|_| needs_gradient(step.output)) {
                lives[value.0].is_kept = true;
            }
        }
        lives[plan.output.0].last_use = usize::MAX;
        // A normalised value may exist only as a recipe over its source: the source lives as long.
        for step in plan.steps.iter().rev().filter(|step| is_batch_norm(step)) {
            let (x, y) = (step.inputs[0].0, step.output.0);
            lives[x].last_use = lives[x].last_use.max(lives[y].last_use);
            lives[x].is_kept |= lives[y].is_kept;
        }
        Lives(lives)
    }

    /// An estimate of a training step's memory in bytes: activations that are kept for backward, those that
    /// are recomputed, the buffers in flight and, for every parameter, the value and its gradient.
    pub(super) fn training_bytes(&self, plan: &Plan) -> usize {
        let written = plan.steps.iter().filter(|step| !is_batch_norm(step)).map(|step| step.output);
        let mut sizes: BTreeMap<usize, Taken> = BTreeMap::new();
        for value in plan.inputs.iter().copied().chain(written) {
            let life = &self.0[value.0];
            if life.is_kept && life.recomputed_by.is_none() {
                // Values between two kept ones are recomputed together and freed together.
                sizes.values_mut().for_each(|taken| taken.again = 0);
            }
            if life.is_kept {
                let len = plan.shape(value).len();
                sizes.entry(len).or_default().add(len, life.recomputed_by.is_none());
            }
        }
        let most: usize = sizes.values().map(|taken| taken.most).sum();
        let largest = plan.shapes.iter().map(|shape| shape.len()).max().unwrap_or(0);
        4 * (most + 4 * largest + 2 * plan.parameters())
    }
}

/// Floats of all values of one size: kept ones, recomputed ones that are in memory together, and the largest
/// sum of both. Sizes are counted apart because a freed buffer is reused only for a value of its size.
#[derive(Default)]
struct Taken {
    kept: usize,
    again: usize,
    most: usize,
}

impl Taken {
    fn add(&mut self, len: usize, is_kept: bool) {
        *(if is_kept { &mut self.kept } else { &mut self.again }) += len;
        self.most = self.most.max(self.kept + self.again);
    }
}

pub(super) fn is_batch_norm(step: &Step) -> bool {
    matches!(step.op, Op::BatchNorm(_))
}
