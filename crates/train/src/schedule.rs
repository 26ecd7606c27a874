//! The learning rate as a pure function of the step.

use resnet_record::{EpochSize, ScheduleRecipe};

/// A schedule whose durations have become steps; steps count from 0.
///
/// ```
/// use resnet_train::Schedule;
/// // The paper's: 0.01 for 400 steps, then 0.1, divided by 10 at 32k and 48k.
/// let (milestones, warmup) = (vec![32_000, 48_000], Some((0.01, 400)));
/// let paper = Schedule::MultiStep { lr: 0.1, divide_by: 10.0, milestones, warmup };
/// assert_eq!([399, 400, 31_999].map(|step| paper.rate(step)), [0.01, 0.1, 0.1]);
/// assert!((paper.rate(32_000) - 0.01).abs() < 1e-12);
///
/// let cosine = Schedule::Cosine { lr: 0.1, warmup: 58, steps: 1173 };
/// assert_eq!(cosine.rate(57), 0.1);
/// assert!(cosine.rate(1172) < 1e-6);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Schedule {
    /// For warm-up W and total S: lr (s + 1) / W while s < W, then lr (1 + cos(pi (s - W) / (S - W))) /
    /// 2.
    Cosine {
        /// The highest rate.
        lr: f64,
        /// W, in steps.
        warmup: u64,
        /// S, in steps.
        steps: u64,
    },
    /// A constant, divided at each milestone.
    MultiStep {
        /// The rate before the first milestone.
        lr: f64,
        /// The divisor at each milestone.
        divide_by: f64,
        /// The first step of each divided rate.
        milestones: Vec<u64>,
        /// Another rate for the first steps: the rate, and the number of steps.
        warmup: Option<(f64, u64)>,
    },
}

impl Schedule {
    /// The recipe's schedule for a training of `steps` steps.
    pub fn new(recipe: &ScheduleRecipe, steps: u64, epoch: EpochSize) -> Schedule {
        match recipe {
            ScheduleRecipe::Cosine { lr, warmup } => {
                Schedule::Cosine { lr: *lr, warmup: warmup.steps(steps, epoch).min(steps), steps }
            }
            ScheduleRecipe::MultiStep { lr, divide_by, milestones, warmup } => Schedule::MultiStep {
                lr: *lr,
                divide_by: *divide_by,
                milestones: milestones.iter().map(|duration| duration.steps(epoch)).collect(),
                warmup: warmup.map(|flat| (flat.lr, flat.duration.steps(epoch))),
            },
        }
    }

    /// The rate of the step that follows `step` finished ones.
    pub fn rate(&self, step: u64) -> f64 {
        match self {
            Schedule::Cosine { lr, warmup, .. } if step < *warmup => lr * (step + 1) as f64 / *warmup as f64,
            // Beyond the end the rate stays 0 instead of rising again; S = W never gets here before it.
            Schedule::Cosine { steps, .. } if step >= *steps => 0.0,
            Schedule::Cosine { lr, warmup, steps } => {
                let progress = (step - warmup) as f64 / (steps - warmup) as f64;
                lr * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
            }
            Schedule::MultiStep { warmup: Some((lr, steps)), .. } if step < *steps => *lr,
            Schedule::MultiStep { lr, divide_by, milestones, .. } => {
                milestones.iter().filter(|&&reached| reached <= step).fold(*lr, |lr, _| lr / divide_by)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use resnet_record::{Duration, FlatWarmup, Warmup};

    const CIFAR: EpochSize = EpochSize { images: 50_000, steps: 391 };

    #[track_caller]
    fn close(actual: f64, expected: f64) {
        assert!((actual - expected).abs() <= 1e-15 + 1e-12 * expected.abs(), "{actual} is not {expected}");
    }

    #[test]
    fn the_papers_rate_changes_where_the_paper_says() {
        let recipe = ScheduleRecipe::MultiStep {
            lr: 0.1,
            divide_by: 10.0,
            milestones: vec![Duration::Steps(32_000), Duration::Steps(48_000)],
            warmup: Some(FlatWarmup { lr: 0.01, duration: Duration::Steps(400) }),
        };
        let schedule = Schedule::new(&recipe, 64_000, CIFAR);
        for (step, rate) in [
            (0, 0.01),
            (399, 0.01),
            (400, 0.1),
            (31_999, 0.1),
            (32_000, 0.01),
            (47_999, 0.01),
            (48_000, 0.001),
            (63_999, 0.001),
        ] {
            close(schedule.rate(step), rate);
        }
    }

    #[test]
    fn durations_in_epochs_become_steps_once() {
        let recipe = ScheduleRecipe::MultiStep {
            lr: 0.1,
            divide_by: 10.0,
            milestones: vec![Duration::Epochs(2)],
            warmup: None,
        };
        let schedule = Schedule::new(&recipe, 1173, CIFAR);
        close(schedule.rate(0), 0.1);
        close(schedule.rate(781), 0.1);
        close(schedule.rate(782), 0.01);
    }

    #[test]
    fn the_cosine_rises_linearly_and_ends_near_zero() {
        let recipe = ScheduleRecipe::Cosine { lr: 0.1, warmup: Warmup::Percent(5.0) };
        let schedule = Schedule::new(&recipe, 1173, CIFAR);
        assert_eq!(schedule, Schedule::Cosine { lr: 0.1, warmup: 58, steps: 1173 });
        close(schedule.rate(0), 0.1 / 58.0);
        close(schedule.rate(28), 0.05);
        close(schedule.rate(57), 0.1);
        close(schedule.rate(58), 0.1);
        // Expected by Python: 0.1 * 0.5 * (1 + math.cos(math.pi * (step - 58) / 1115))
        close(schedule.rate(600), 0.05218292415144532);
        close(schedule.rate(1172), 1.9846765210718155e-07);
        assert_eq!(schedule.rate(1173), 0.0);
    }

    #[test]
    fn degenerate_cosines_stay_finite() {
        for (warmup, steps) in [(0, 1), (1, 1), (5, 5), (0, 0), (0, 2)] {
            let schedule = Schedule::Cosine { lr: 0.1, warmup, steps };
            for step in 0..8 {
                let rate = schedule.rate(step);
                assert!((0.0..=0.1).contains(&rate), "W {warmup}, S {steps}, s {step}: {rate}");
            }
        }
        let all_warmup = ScheduleRecipe::Cosine { lr: 0.1, warmup: Warmup::For(Duration::Steps(99)) };
        assert_eq!(
            Schedule::new(&all_warmup, 10, CIFAR),
            Schedule::Cosine { lr: 0.1, warmup: 10, steps: 10 }
        );
    }
}
