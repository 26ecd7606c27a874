//! The learning rate as a pure function of the step.
//!
//! | file | job |
//! |---|---|
//! | `curve` | what the rate does after the warm-up |
//! | `learning_rates` | the rates of a whole training |

mod curve;
mod learning_rates;

use resnet_record::{EpochSize, ScheduleRecipe, WarmupFrom, WarmupKind, WarmupRecipe};

use self::curve::Curve;
pub use self::learning_rates::LearningRates;

/// A schedule whose durations have become optimizer steps; they count from 0.
///
/// ```
/// use resnet_record::{EpochSize, Recipe};
/// use resnet_train::Schedule;
/// let epoch = EpochSize { images: 50_000, steps: 391 };
/// // The paper's: 0.01 for 400 steps, then 0.1, divided by 10 at 32k and 48k.
/// let recipe = Recipe::built_in("cifar10-resnet110-v2").expect("a built-in recipe");
/// let paper = Schedule::new(&recipe.schedule, 64_000, epoch);
/// assert_eq!([399, 400, 31_999].map(|step| paper.rate(step)), [0.01, 0.1, 0.1]);
/// assert!((paper.rate(32_000) - 0.01).abs() < 1e-12);
///
/// let recipe = Recipe::built_in("cifar10-resnet20-v2").expect("a built-in recipe");
/// let cosine = Schedule::new(&recipe.schedule, 1173, epoch);
/// assert_eq!(cosine.rate(57), 0.1);
/// assert!(cosine.rate(1172) < 1e-6);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// The highest rate.
    lr: f64,
    warmup: Warmup,
    curve: Curve,
    /// S, the steps of the whole training.
    steps: u64,
    epoch: EpochSize,
}

/// The first W steps.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Warmup {
    rise: Rise,
    /// W.
    steps: u64,
}

/// How the rate is reached.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rise {
    /// lr (s + 1) / W.
    FromZero,
    /// a + s (lr - a) / W.
    From(f64),
    /// a.
    Flat(f64),
}

impl Schedule {
    /// The recipe's schedule for a training of `steps` steps.
    pub fn new(recipe: &ScheduleRecipe, steps: u64, epoch: EpochSize) -> Schedule {
        let warmup = match recipe.warmup() {
            None => Warmup { rise: Rise::FromZero, steps: 0 },
            Some(WarmupRecipe::Rise(length)) => {
                Warmup { rise: Rise::FromZero, steps: length.steps(steps, epoch).min(steps) }
            }
            Some(WarmupRecipe::From(WarmupFrom { lr, duration, kind })) => Warmup {
                rise: match kind {
                    WarmupKind::Flat => Rise::Flat(lr),
                    WarmupKind::Linear => Rise::From(lr),
                },
                steps: duration.steps(steps, epoch),
            },
        };
        Schedule { lr: recipe.lr(), warmup, curve: Curve::of(recipe, steps, epoch), steps, epoch }
    }

    /// The rate of the step that follows `step` finished ones.
    pub fn rate(&self, step: u64) -> f64 {
        let Warmup { rise, steps } = self.warmup;
        if step >= steps {
            return self.curve.rate(self.lr, (step, steps, self.steps));
        }
        match rise {
            Rise::FromZero => self.lr * (step + 1) as f64 / steps as f64,
            Rise::From(first) => first + step as f64 * (self.lr - first) / steps as f64,
            Rise::Flat(rate) => rate,
        }
    }

    /// A sentence without its full stop, if the warm-up lasts as long as the training or longer.
    pub fn warning(&self) -> Option<String> {
        let warmup = match &self.curve {
            // The peak is the last step of the rise.
            Curve::OneCycle { peak, .. } => peak + 1.0,
            _ => self.warmup.steps as f64,
        };
        // A single step has no time for anything else.
        let takes_all = self.steps > 1 && warmup >= self.steps as f64;
        takes_all.then(|| {
            format!(
                "the warm-up takes all {} steps of the training, and the schedule after it never begins; shorten \
                 schedule.warmup, or train longer",
                self.steps
            )
        })
    }

    /// The length of an epoch, by which durations became steps.
    pub fn epoch(&self) -> EpochSize {
        self.epoch
    }

    /// The first of the steps before `end` at which `other` has another rate, by its bits.
    pub fn parts_from(&self, other: &Schedule, end: u64) -> Option<u64> {
        (0..end).find(|&step| self.rate(step).to_bits() != other.rate(step).to_bits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use resnet_record::Recipe;

    const CIFAR: EpochSize = EpochSize { images: 50_000, steps: 391 };

    /// `[schedule]` by its keys, for a training of `steps` steps.
    fn schedule(keys: &str, steps: u64) -> Schedule {
        let mut recipe = Recipe::built_in("cifar10-resnet20-v2").unwrap();
        recipe.set(&format!("schedule={{{keys}}}")).unwrap();
        Schedule::new(&recipe.schedule, steps, CIFAR)
    }

    #[track_caller]
    fn close(actual: f64, expected: f64) {
        assert!((actual - expected).abs() <= 1e-15 + 1e-12 * expected.abs(), "{actual} is not {expected}");
    }

    #[test]
    fn the_papers_rate_changes_where_the_paper_says() {
        let recipe = Recipe::built_in("cifar10-resnet110-v2").unwrap();
        let schedule = Schedule::new(&recipe.schedule, 64_000, CIFAR);
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
    fn durations_in_epochs_and_images_become_steps_once() {
        for milestone in ["2 epochs", "100k images", "782 steps"] {
            let keys = format!("kind=\"multistep\", lr=0.1, divide_by=10, milestones=[\"{milestone}\"]");
            let schedule = schedule(&keys, 1173);
            close(schedule.rate(0), 0.1);
            close(schedule.rate(781), 0.1);
            close(schedule.rate(782), 0.01);
        }
    }

    #[test]
    fn the_cosine_rises_linearly_and_ends_near_zero() {
        let schedule = schedule("kind=\"cosine\", lr=0.1, warmup=\"5 %\"", 1173);
        assert_eq!(schedule.warmup.steps, 58);
        close(schedule.rate(0), 0.1 / 58.0);
        close(schedule.rate(28), 0.05);
        close(schedule.rate(57), 0.1);
        close(schedule.rate(58), 0.1);
        // Expected by Python: 0.1 * 0.5 * (1 + math.cos(math.pi * (step - 58) / 1115))
        close(schedule.rate(600), 0.05218292415144532);
        close(schedule.rate(1172), 1.9846765210718155e-07);
        assert_eq!(schedule.rate(1173), 0.0);
    }

    /// What `rate` was before there were other schedules, written as it stood.
    fn before(recipe: &ScheduleRecipe, steps: u64, epoch: EpochSize, step: u64) -> f64 {
        match recipe {
            ScheduleRecipe::Cosine { lr, warmup: Some(WarmupRecipe::Rise(warmup)), .. } => {
                let warmup = warmup.steps(steps, epoch).min(steps);
                if step < warmup {
                    return lr * (step + 1) as f64 / warmup as f64;
                }
                if step >= steps {
                    return 0.0;
                }
                let progress = (step - warmup) as f64 / (steps - warmup) as f64;
                lr * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
            }
            ScheduleRecipe::MultiStep { lr, divide_by, milestones, warmup } => {
                let milestones = milestones.iter().map(|duration| duration.steps(epoch));
                match warmup {
                    Some(WarmupRecipe::From(flat)) if step < flat.duration.steps(steps, epoch) => flat.lr,
                    _ => milestones.filter(|reached| *reached <= step).fold(*lr, |lr, _| lr / divide_by),
                }
            }
            other => panic!("{other:?} is not from before"),
        }
    }

    #[test]
    fn recipes_of_before_have_the_same_rates_to_the_bit() {
        for name in [
            "quick-start",
            "cifar10-resnet20-v2",
            "cifar10-resnet110-v1",
            "cifar10-resnet164-v2",
            "imagenet-resnet50-v2",
        ] {
            let recipe = Recipe::built_in(name).unwrap();
            let steps = recipe.train.duration.steps(CIFAR);
            let schedule = Schedule::new(&recipe.schedule, steps, CIFAR);
            for step in 0..steps + 3 {
                let expected = before(&recipe.schedule, steps, CIFAR, step);
                assert_eq!(schedule.rate(step).to_bits(), expected.to_bits(), "{name} at {step}");
            }
        }
    }

    #[test]
    fn degenerate_schedules_stay_finite() {
        let forms = [
            "kind=\"cosine\", lr=0.1",
            "kind=\"cosine\", lr=0.1, cycle=\"2 steps\", cycle_mul=1.5, cycle_decay=0.5",
            "kind=\"polynomial\", lr=0.1, power=2",
            "kind=\"exponential\", lr=0.1, decay_rate=0.5, decay_every=\"2 steps\"",
            "kind=\"exponential\", lr=0.1, decay_rate=0.5, decay_every=\"2 steps\", decay=\"staircase\"",
            "kind=\"constant\", lr=0.1",
            "kind=\"onecycle\", lr=0.1",
            "kind=\"onecycle\", lr=0.1, anneal=\"linear\"",
        ];
        for form in forms {
            for warmup in ["0 steps", "1 step", "5 steps", "99 steps", "0 %", "37 %", "100 %"] {
                for steps in [0, 1, 2, 5, 7] {
                    let schedule = schedule(&format!("{form}, warmup=\"{warmup}\""), steps);
                    for step in 0..9 {
                        let rate = schedule.rate(step);
                        assert!((0.0..=0.1).contains(&rate), "{form} W {warmup} S {steps} s {step}: {rate}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_warmup_that_takes_all_of_the_training_is_told() {
        for warmup in ["\"5 steps\"", "{lr=0.01,duration=\"5 steps\",kind=\"linear\"}"] {
            let of = |steps| schedule(&format!("kind=\"cosine\", lr=0.1, warmup={warmup}"), steps).warning();
            assert_eq!([1, 6, 100].map(of), [None, None, None], "{warmup}");
            for steps in [2, 5] {
                let told = of(steps).unwrap_or_default();
                assert!(told.contains(&format!("takes all {steps} steps")), "{warmup}: {told}");
            }
        }
        let one_cycle = |steps| schedule("kind=\"onecycle\", lr=0.1, warmup=\"5 steps\"", steps).warning();
        assert!(one_cycle(5).is_some() && one_cycle(6).is_none());
    }

    #[test]
    fn cycles_begin_anew_each_longer_and_lower_than_the_last() {
        let keys = "kind=\"cosine\", lr=0.8, min_lr=0.1, cycle=\"4 steps\", cycle_mul=2, cycle_decay=0.5, \
                    warmup={lr=0.1, duration=\"3 steps\"}";
        let schedule = schedule(keys, 100);
        let begins = [(3, 0.8), (7, 0.4), (15, 0.2)];
        begins.into_iter().for_each(|(step, rate)| close(schedule.rate(step), rate));
        close(schedule.rate(2), 0.1);
        close(schedule.rate(11), 0.25); // halfway from 0.4 to 0.1
        close(schedule.rate(100), 0.1);
    }

    #[test]
    fn a_schedule_parts_from_another_where_its_rates_do() {
        let of = |keys: &str, steps| schedule(keys, steps);
        let multistep = "kind=\"multistep\", lr=0.1, divide_by=10, milestones=[\"5 steps\"]";
        assert_eq!(of(multistep, 10).parts_from(&of(multistep, 20), 10), None);
        let cosine = "kind=\"cosine\", lr=0.1";
        assert_eq!(of(cosine, 10).parts_from(&of(cosine, 20), 10), Some(1));
        let cycles = "kind=\"cosine\", lr=0.1, cycle=\"5 steps\"";
        assert_eq!(of(cycles, 10).parts_from(&of(cycles, 20), 10), None);
        assert_eq!(
            of("kind=\"onecycle\", lr=0.1", 10).parts_from(&of("kind=\"onecycle\", lr=0.1", 20), 0),
            None
        );
    }
}
