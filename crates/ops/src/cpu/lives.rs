//! How long each value of a plan lives on the CPU: which are kept for the backward pass, which are computed
//! again.
//!
//! A norm's output may never be written ([`super::slots`]); then the norm's input lives as long as it.

use crate::plan::step::{Op, Step};
use crate::plan::{Plan, Recompute};

/// Bytes of a training step from which on [`Recompute::Auto`] recomputes.
const FRUGAL: usize = 4 << 30;

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
    /// Whether a batch norm reads it, and so wants its statistics.
    pub(super) is_normalised: bool,
}

/// The lives of all values.
#[derive(Debug)]
pub(super) struct Lives(pub(super) Vec<Life>);

impl Lives {
    pub(super) fn of(plan: &Plan) -> Self {
        let mut lives = Lives(vec![Life::default(); plan.shapes.len()]);
        lives.work_out(plan);
        let recomputes = match plan.recompute {
            Recompute::Never => false,
            Recompute::Always => true,
            Recompute::Auto => lives.training_bytes(plan) > FRUGAL,
        };
        if recomputes {
            lives.recompute_sums(plan);
        }
        lives
    }

    fn work_out(&mut self, plan: &Plan) {
        let Lives(lives) = self;
        for (index, step) in plan.steps.iter().enumerate() {
            for input in &step.inputs {
                let life = &mut lives[input.0];
                life.last_use = index;
                life.readers += 1;
                life.is_normalised |= is_batch_norm(step);
            }
            for value in step.kept() {
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
    }

    /// Has every other output of a chain of units recomputed instead of kept. `x + F(x)` with a 1x1
    /// convolution as the branch's last layer needs only that layer: it is wider than all else of the unit,
    /// and the cheapest to compute.
    fn recompute_sums(&mut self, plan: &Plan) {
        let Lives(lives) = self;
        for (index, step) in plan.steps.iter().enumerate() {
            let (Op::Conv(conv), [_, residual]) = (&step.op, &step.inputs[..]) else { continue };
            let (y, residual) = (step.output, &lives[residual.0]);
            let is_cheap = conv.shape.kernel == 1 && conv.shape.in_channels < conv.shape.out_channels;
            let is_there = residual.is_kept && residual.recomputed_by.is_none();
            if is_cheap && is_there && lives[y.0].is_kept && y != plan.output {
                lives[y.0].recomputed_by = Some(index);
            }
        }
    }

    /// An estimate of a training step's memory in bytes: activations kept for backward, the buffers in flight
    /// and, for every parameter, the value, its gradient, the momentum and two flat copies.
    pub(super) fn training_bytes(&self, plan: &Plan) -> usize {
        let Lives(lives) = self;
        let mut is_recipe = vec![false; lives.len()];
        plan.steps.iter().filter(|step| is_batch_norm(step)).for_each(|step| is_recipe[step.output.0] = true);
        let written =
            |(life, is_recipe): (&Life, bool)| life.is_kept && life.recomputed_by.is_none() && !is_recipe;
        let values = lives.iter().zip(is_recipe).map(written).zip(&plan.shapes);
        let activations: usize = values.filter_map(|(stays, shape)| stays.then_some(shape.len())).sum();
        let largest = plan.shapes.iter().map(|shape| shape.len()).max().unwrap_or(0);
        4 * (activations + 4 * largest + 5 * plan.parameters())
    }
}

fn is_batch_norm(step: &Step) -> bool {
    matches!(step.op, Op::BatchNorm(_))
}
