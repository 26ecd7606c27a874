//! Stretches of units that are recomputed as a whole from the one value that leads into them
//! (arXiv 1604.06174).
//!
//! A unit ends wherever all later steps together read a single value in memory: after each addition of a
//! residual network. With few stretches, each takes much memory while it is recomputed; with many, the values
//! kept between them take much.

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
    /// Floats that it keeps for the backward pass, without its last value.
    inside: usize,
    /// Floats of its last value.
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

/// Joins consecutive `units` into stretches of at most `most` floats inside.
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

/// The indices of steps that, together with all later steps, read a single earlier value in memory.
fn cuts(plan: &Plan, lives: &Lives) -> Vec<usize> {
    // By how much each step changes the number of live values.
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
