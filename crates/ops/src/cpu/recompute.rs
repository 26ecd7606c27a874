//! Which values a training step computes again in its backward pass instead of keeping them.

use std::ops::Range;

use super::lives::{Lives, is_batch_norm};
use super::stretches;
use crate::executor::Keep;
use crate::plan::step::{Op, Step};
use crate::plan::{Plan, Recompute, Value};

/// The memory, in bytes, above which a training step makes [`Recompute::Auto`] recompute: 4 GiB.
const FRUGAL: usize = 4 << 30;

impl Lives {
    pub(super) fn of(plan: &Plan, keep: Keep<'_>) -> Self {
        let Keep::ForBackward(needs) = keep else {
            return Lives::without_recomputation(plan, |_| false);
        };
        let needed = needs.of_values(plan);
        let lives = Lives::without_recomputation(plan, |value| needed[value.0]);
        match plan.recompute {
            Recompute::Never => lives,
            Recompute::Sums => lives.without_sums(plan),
            Recompute::Units => lives.without_units(plan, &needed, 0),
            Recompute::Auto => lives.frugal(plan, &needed),
        }
    }

    /// Keeps as many values as fit into [`FRUGAL`] bytes: all of them, or all but some sums, or all but the
    /// inside of as many units as necessary.
    fn frugal(self, plan: &Plan, needed: &[bool]) -> Self {
        if self.training_bytes(plan) <= FRUGAL {
            return self;
        }
        let without_sums = self.clone().without_sums(plan);
        match without_sums.training_bytes(plan) <= FRUGAL {
            true => without_sums,
            false => self.without_units(plan, needed, FRUGAL),
        }
    }

    /// Recomputes every other output `x + F(x)` of a chain of units instead of keeping it, where the branch
    /// ends in a 1x1 convolution. Only that convolution runs again: its output is the unit's widest value and
    /// the cheapest to compute.
    fn without_sums(mut self, plan: &Plan) -> Self {
        let Lives(lives) = &mut self;
        for (index, step) in plan.steps.iter().enumerate() {
            let (Op::Conv(conv), [x, residual]) = (&step.op, &step.inputs[..]) else { continue };
            let (y, residual) = (step.output, &lives[residual.0]);
            let is_cheap = conv.shape.kernel == 1 && conv.shape.in_channels < conv.shape.out_channels;
            // In a part that doesn't learn, only what a later one reads is kept.
            let is_there = lives[x.0].is_kept && residual.is_kept && residual.recomputed_by.is_none();
            if is_cheap && is_there && lives[y.0].is_kept && y != plan.output {
                lives[y.0].recomputed_by = Some(index);
            }
        }
        self
    }

    /// Recomputes the inside of stretches of units instead of keeping it, from the network's first stretch
    /// on, until a training step needs no more than `budget` bytes. Of each of these stretches only the input
    /// is kept.
    fn without_units(mut self, plan: &Plan, needed: &[bool], budget: usize) -> Self {
        let (sources, is_needed) = (sources(plan), |step: &Step| needed[step.output.0]);
        let bytes = |stretches: &Vec<Range<usize>>| {
            let mut lives = self.clone();
            stretches.iter().for_each(|stretch| lives.forget_inside(plan, &sources, stretch.clone()));
            lives.training_bytes(plan)
        };
        let least = stretches::candidates(plan, &self, is_needed).into_iter().min_by_key(bytes);
        for stretch in least.unwrap_or_default() {
            if self.training_bytes(plan) <= budget {
                break;
            }
            self.forget_inside(plan, &sources, stretch);
        }
        self
    }

    /// Has the inside of a stretch recomputed, and its input kept.
    fn forget_inside(&mut self, plan: &Plan, sources: &[Value], stretch: Range<usize>) {
        let last = stretch.end - 1;
        for index in stretch {
            let step = &plan.steps[index];
            if index != last && !is_batch_norm(step) {
                self.0[step.output.0].recomputed_by = Some(index);
            }
            for input in &step.inputs {
                let source = &mut self.0[sources[input.0].0];
                source.is_kept |= source.recomputed_by.is_none();
            }
        }
    }
}

/// For each value the one in memory that it is read from: itself, or the source of a norm's recipe.
fn sources(plan: &Plan) -> Vec<Value> {
    let mut sources: Vec<Value> = (0..plan.shapes.len()).map(Value).collect();
    for norm in plan.steps.iter().filter(|step| is_batch_norm(step)) {
        sources[norm.output.0] = sources[norm.inputs[0].0];
    }
    sources
}
