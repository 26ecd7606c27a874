//! Stretches of units whose values are computed again as a whole, from the one value that leads into them
//! (arXiv 1604.06174).
//!
//! A unit ends wherever a single value in memory leads from the steps before to those behind: after each
//! addition of a residual network. With few stretches one of them is large when it is there again; with many
//! the values between them are.

use std::ops::Range;

use super::lives::{Lives, is_batch_norm};
use crate::plan::Plan;
use crate::plan::step::Step;

/// Several ways to divide the plan into stretches, from short ones to long ones: the steps of each stretch,
/// the first one first. What follows the last unit is in none: it would be computed again as soon as it was
/// forgotten.
pub(super) fn candidates(
    plan: &Plan,
    lives: &Lives,
    is_needed: impl Fn(&Step) -> bool,
) -> Vec<Vec<Range<usize>>> {
    let Some(first) = plan.steps.iter().position(is_needed) else { return vec![] };
    let mut start = first;
    let mut units: Vec<Unit> = vec![];
    for end in cuts(plan, lives).into_iter().filter(|end| *end > first) {
        units.push(Unit::new(plan, lives, start..end));
        start = end;
    }
    let largest = units.iter().map(|unit| unit.inside).max().unwrap_or(0).max(1);
    // Each limit is a quarter above the one before.
    let limits = std::iter::successors(Some(largest), |limit| Some(limit + limit.div_ceil(4)));
    let steps = |limit| joined(&units, limit).into_iter().map(|stretch| stretch.steps).collect();
    limits.take_while(|limit| *limit < units.len() * 4 * largest).map(steps).collect()
}

/// One or several units.
struct Unit {
    steps: Range<usize>,
    /// Numbers that it keeps for the backward pass, but for its last value.
    inside: usize,
    /// Numbers of its last value.
    end: usize,
}

impl Unit {
    fn new(plan: &Plan, lives: &Lives, steps: Range<usize>) -> Unit {
        let kept = |step: &&Step| !is_batch_norm(step) && lives.0[step.output.0].is_kept;
        let len = |step: &Step| plan.shape(step.output).len();
        let last = steps.end - 1;
        Unit {
            inside: plan.steps[steps.start..last].iter().filter(kept).map(len).sum(),
            end: len(&plan.steps[last]),
            steps,
        }
    }
}

/// `units` one after the other, as many at a time as have no more than `most` numbers inside.
fn joined(units: &[Unit], most: usize) -> Vec<Unit> {
    let mut stretches: Vec<Unit> = vec![];
    for unit in units {
        match stretches.last_mut() {
            Some(last) if last.inside + last.end + unit.inside <= most => {
                last.inside += last.end + unit.inside;
                (last.steps.end, last.end) = (unit.steps.end, unit.end);
            }
            _ => {
                let Unit { inside, end, .. } = *unit;
                stretches.push(Unit { steps: unit.steps.clone(), inside, end });
            }
        }
    }
    stretches
}

/// The numbers of steps before which a single value in memory is all that is read later.
fn cuts(plan: &Plan, lives: &Lives) -> Vec<usize> {
    // How many values more, or fewer, are alive after a step than before it.
    let mut change = vec![0isize; plan.steps.len() + 1];
    let mut lives_from = |from: usize, value: usize| {
        let end = lives.0[value].last_use.min(plan.steps.len());
        if from < end {
            change[from] += 1;
            change[end] -= 1;
        }
    };
    plan.inputs.iter().for_each(|input| lives_from(0, input.0));
    for (index, step) in plan.steps.iter().enumerate().filter(|(_, step)| !is_batch_norm(step)) {
        lives_from(index, step.output.0);
    }
    let mut alive = 0;
    let mut cuts = vec![];
    for (index, step) in plan.steps.iter().enumerate() {
        alive += change[index];
        if alive == 1 && !is_batch_norm(step) && index + 1 < plan.steps.len() {
            cuts.push(index + 1);
        }
    }
    cuts
}
