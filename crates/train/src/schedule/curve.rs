//! What the rate does after the warm-up of W steps, up to the S steps of the training.

use std::f64::consts::PI;

use resnet_record::{Anneal, Decay, EpochSize, ScheduleRecipe};

/// A curve with its numbers in steps; t is (s - W) / (S - W).
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Curve {
    /// lr.
    Constant,
    /// lr, divided at each milestone.
    MultiStep { divide_by: f64, milestones: Vec<u64> },
    /// min + (lr - min) (1 + cos(pi t)) / 2; beyond S the rate is min, and does not rise again.
    Cosine { min_lr: f64 },
    /// The same in cycles, with t over the cycle's own length.
    Cycles { min_lr: f64, first: f64, longer: f64, lower: f64 },
    /// From lr / div up to lr at step `peak`, then down to lr / div / final_div at step S - 1.
    OneCycle { peak: f64, anneal: Anneal, div: f64, final_div: f64 },
    /// min + (lr - min) (1 - t)^power.
    Polynomial { min_lr: f64, power: f64 },
    /// lr rate^((s - W) / every), its exponent rounded down for a staircase.
    Exponential { rate: f64, every: u64, decay: Decay },
}

impl Curve {
    pub(super) fn of(recipe: &ScheduleRecipe, steps: u64, epoch: EpochSize) -> Curve {
        match recipe {
            ScheduleRecipe::Constant { .. } => Curve::Constant,
            ScheduleRecipe::MultiStep { divide_by, milestones, .. } => Curve::MultiStep {
                divide_by: *divide_by,
                milestones: milestones.iter().map(|duration| duration.steps(epoch)).collect(),
            },
            ScheduleRecipe::Cosine { min_lr, cycle: None, .. } => Curve::Cosine { min_lr: *min_lr },
            ScheduleRecipe::Cosine { min_lr, cycle: Some(cycle), cycle_mul, cycle_decay, .. } => {
                Curve::Cycles {
                    min_lr: *min_lr,
                    first: cycle.steps(epoch).max(1) as f64,
                    longer: *cycle_mul,
                    lower: *cycle_decay,
                }
            }
            ScheduleRecipe::OneCycle { warmup, anneal, div_factor, final_div_factor, .. } => {
                Curve::OneCycle {
                    peak: warmup.exact_steps(steps, epoch) - 1.0,
                    anneal: *anneal,
                    div: *div_factor,
                    final_div: *final_div_factor,
                }
            }
            ScheduleRecipe::Polynomial { min_lr, power, .. } => {
                Curve::Polynomial { min_lr: *min_lr, power: *power }
            }
            ScheduleRecipe::Exponential { decay_rate, decay_every, decay, .. } => Curve::Exponential {
                rate: *decay_rate,
                every: decay_every.steps(epoch).max(1),
                decay: *decay,
            },
        }
    }

    /// The rate of step s, which is not one of the warm-up.
    pub(super) fn rate(&self, lr: f64, (step, warmup, steps): (u64, u64, u64)) -> f64 {
        let since = step - warmup;
        let t = || since as f64 / (steps - warmup) as f64;
        match self {
            Curve::Constant => lr,
            Curve::MultiStep { divide_by, milestones } => {
                milestones.iter().filter(|&&reached| reached <= step).fold(lr, |lr, _| lr / divide_by)
            }
            Curve::Cosine { min_lr } | Curve::Cycles { min_lr, .. } | Curve::Polynomial { min_lr, .. }
                if step >= steps =>
            {
                *min_lr
            }
            Curve::Cosine { min_lr } => cosine(lr, *min_lr, t()),
            Curve::Cycles { min_lr, first, longer, lower } => {
                let (number, t) = cycle(since as f64, *first, *longer);
                cosine(lr * lower.powf(number), *min_lr, t)
            }
            Curve::Polynomial { min_lr, power } => min_lr + (lr - min_lr) * (1.0 - t()).powf(*power),
            Curve::Exponential { rate, every, decay: Decay::Smooth } => {
                lr * rate.powf(since as f64 / *every as f64)
            }
            Curve::Exponential { rate, every, decay: Decay::Staircase } => {
                lr * rate.powf((since / every) as f64)
            }
            Curve::OneCycle { peak, anneal, div, final_div } => {
                let (first, end) = (lr / div, steps.saturating_sub(1) as f64);
                let last = first / final_div;
                let step = step as f64;
                if step <= *peak {
                    // A rise of one step is at its peak at once.
                    annealed(*anneal, first, lr, if *peak > 0.0 { step / peak } else { 1.0 })
                } else if step < end {
                    annealed(*anneal, lr, last, (step - peak) / (end - peak))
                } else {
                    last
                }
            }
        }
    }
}

/// Half a cosine from `high` at 0 to `low` at 1. A decayed cycle may begin below the floor, and stays there.
fn cosine(high: f64, low: f64, t: f64) -> f64 {
    low + (high.max(low) - low) * 0.5 * (1.0 + (PI * t).cos())
}

/// PyTorch's annealing functions.
fn annealed(form: Anneal, from: f64, to: f64, t: f64) -> f64 {
    match form {
        Anneal::Cosine => to + (from - to) / 2.0 * (1.0 + (PI * t).cos()),
        Anneal::Linear => (to - from) * t + from,
    }
}

/// The number of the cycle in which a step lies that is `since` steps from the first one's start, from 0, and
/// its place there, 0 to below 1.
fn cycle(since: f64, first: f64, longer: f64) -> (f64, f64) {
    if longer <= 1.0 {
        return ((since / first).floor(), since % first / first);
    }
    let (mut rest, mut length, mut number) = (since, first, 0.0);
    while rest >= length {
        rest -= length;
        length *= longer;
        number += 1.0;
    }
    (number, rest / length)
}
