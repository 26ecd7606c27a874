//! `[schedule]`: the learning rate of every optimizer step.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::defaults::{is_default, is_one, one};
use super::validate::Check;
use crate::{Duration, Error, Warmup};

/// `[schedule]`. W is the number of warm-up steps, S that of all steps; steps count from 0.
///
/// `milestones` count from the start of the training; every other curve begins where the warm-up ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum ScheduleRecipe {
    /// The same rate to the end.
    Constant {
        /// The learning rate.
        lr: f64,
        /// The warm-up; without one the training begins at `lr`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        warmup: Option<WarmupRecipe>,
    },
    /// The paper's: a constant learning rate, divided at each milestone.
    MultiStep {
        /// The learning rate after the warm-up and before the first milestone.
        lr: f64,
        /// The divisor at each milestone.
        divide_by: f64,
        /// When the rate is divided, counted from the start of the training.
        milestones: Vec<Duration>,
        /// The warm-up; without one the training begins at `lr`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        warmup: Option<WarmupRecipe>,
    },
    /// Half a cosine down to a floor over all steps after the warm-up, or one cycle after another (arXiv
    /// 1608.03983).
    Cosine {
        /// The highest learning rate.
        lr: f64,
        /// The rate at the end of a cycle.
        #[serde(default, skip_serializing_if = "is_default")]
        min_lr: f64,
        /// The length of the first cycle; left out, there is one, which ends with the training.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cycle: Option<Duration>,
        /// How many times longer each cycle is than the one before.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        cycle_mul: f64,
        /// What the highest rate is multiplied by from cycle to cycle.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        cycle_decay: f64,
        /// The warm-up; without one the training begins at `lr`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        warmup: Option<WarmupRecipe>,
    },
    /// One rise and one fall (arXiv 1708.07120), as PyTorch's `OneCycleLR` has it.
    OneCycle {
        /// The highest learning rate.
        lr: f64,
        /// The length of the rise; 30 % of the training by default.
        #[serde(default = "thirty_percent")]
        warmup: Warmup,
        /// The form of rise and fall.
        #[serde(default, skip_serializing_if = "is_default")]
        anneal: Anneal,
        /// The first rate is `lr` divided by this; 25 by default.
        #[serde(default = "twenty_five")]
        div_factor: f64,
        /// The last rate is the first divided by this; 10,000 by default.
        #[serde(default = "ten_thousand")]
        final_div_factor: f64,
    },
    /// A fall from `lr` to `min_lr`, by a power of the share of the training that is left.
    Polynomial {
        /// The highest learning rate.
        lr: f64,
        /// The rate at the end.
        #[serde(default, skip_serializing_if = "is_default")]
        min_lr: f64,
        /// The exponent; 1, the default, is a straight line.
        #[serde(default = "one")]
        power: f64,
        /// The warm-up; without one the training begins at `lr`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        warmup: Option<WarmupRecipe>,
    },
    /// A rate that is multiplied by the same number over equal times.
    Exponential {
        /// The highest learning rate.
        lr: f64,
        /// What the rate is multiplied by over `decay_every`.
        decay_rate: f64,
        /// The time in which the rate is multiplied by `decay_rate` once.
        decay_every: Duration,
        /// Whether the rate falls in every step, or at the end of each `decay_every`.
        #[serde(default, skip_serializing_if = "is_default")]
        decay: Decay,
        /// The warm-up; without one the training begins at `lr`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        warmup: Option<WarmupRecipe>,
    },
}

/// A warm-up: the length of a linear rise, such as `"5 %"`, or a table with the rate that it begins with.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum WarmupRecipe {
    /// Linear from `lr / W` at step 0 to `lr` at step W - 1.
    Rise(Warmup),
    /// From a rate of its own, which stays or rises.
    From(WarmupFrom),
}

/// A warm-up that begins with a rate of its own.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WarmupFrom {
    /// The learning rate of step 0.
    pub lr: f64,
    /// How long the warm-up lasts.
    pub duration: Warmup,
    /// Whether the rate stays or rises.
    #[serde(default, skip_serializing_if = "is_default")]
    pub kind: WarmupKind,
}

/// What the rate does between the warm-up's first step and its last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WarmupKind {
    /// It stays; the paper: "0.01 for the first 400 iterations".
    #[default]
    Flat,
    /// It rises linearly, and would be `lr` at step W.
    Linear,
}

/// The form of a one-cycle schedule's rise and fall.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Anneal {
    /// Half a cosine.
    #[default]
    Cosine,
    /// A straight line.
    Linear,
}

/// How an exponential schedule falls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decay {
    /// A little in every step.
    #[default]
    Smooth,
    /// At once, each time that `decay_every` has passed.
    Staircase,
}

impl<'de> Deserialize<'de> for WarmupRecipe {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = WarmupRecipe;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length such as \"5 epochs\" or \"5 %\", or a table of lr, duration and kind")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<WarmupRecipe, E> {
                text.parse().map(WarmupRecipe::Rise).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<WarmupRecipe, A::Error> {
                WarmupFrom::deserialize(MapAccessDeserializer::new(map))
                    .map(WarmupRecipe::From)
                    .map_err(A::Error::custom)
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl ScheduleRecipe {
    /// The highest learning rate.
    pub fn lr(&self) -> f64 {
        match self {
            ScheduleRecipe::Constant { lr, .. }
            | ScheduleRecipe::MultiStep { lr, .. }
            | ScheduleRecipe::Cosine { lr, .. }
            | ScheduleRecipe::OneCycle { lr, .. }
            | ScheduleRecipe::Polynomial { lr, .. }
            | ScheduleRecipe::Exponential { lr, .. } => *lr,
        }
    }

    /// Its `kind`.
    pub fn kind(&self) -> &'static str {
        match self {
            ScheduleRecipe::Constant { .. } => "constant",
            ScheduleRecipe::MultiStep { .. } => "multistep",
            ScheduleRecipe::Cosine { .. } => "cosine",
            ScheduleRecipe::OneCycle { .. } => "onecycle",
            ScheduleRecipe::Polynomial { .. } => "polynomial",
            ScheduleRecipe::Exponential { .. } => "exponential",
        }
    }

    /// The warm-up before the curve; a one-cycle schedule has its rise in itself.
    pub fn warmup(&self) -> Option<WarmupRecipe> {
        match self {
            ScheduleRecipe::Constant { warmup, .. }
            | ScheduleRecipe::MultiStep { warmup, .. }
            | ScheduleRecipe::Cosine { warmup, .. }
            | ScheduleRecipe::Polynomial { warmup, .. }
            | ScheduleRecipe::Exponential { warmup, .. } => *warmup,
            ScheduleRecipe::OneCycle { .. } => None,
        }
    }

    /// Whether every value is in its range.
    pub(super) fn validate(&self, check: Check<'_>) -> Result<(), Error> {
        let positive = |key: &str, value: f64| {
            check(value.is_finite() && value > 0.0, &|| {
                format!("schedule.{key} is {value}; it must be above 0")
            })
        };
        let lr = self.lr();
        positive("lr", lr)?;
        if let Some(WarmupRecipe::From(from)) = self.warmup() {
            check(from.lr.is_finite() && from.lr >= 0.0, &|| {
                format!("schedule.warmup.lr is {}; it must be 0 or more", from.lr)
            })?;
            if from.kind == WarmupKind::Flat {
                positive("warmup.lr", from.lr)?;
            }
        }
        let floor = |min_lr: f64| {
            check((0.0..=lr).contains(&min_lr), &|| {
                format!("schedule.min_lr is {min_lr}; it must be 0 to schedule.lr, which is {lr}")
            })
        };
        match self {
            ScheduleRecipe::Constant { .. } => Ok(()),
            ScheduleRecipe::MultiStep { divide_by, .. } => positive("divide_by", *divide_by),
            ScheduleRecipe::Cosine { min_lr, cycle, cycle_mul, cycle_decay, .. } => {
                floor(*min_lr)?;
                check(cycle.is_none_or(|cycle| !cycle.is_zero()), &|| {
                    "schedule.cycle is zero; leave it out for a single cycle".into()
                })?;
                check(cycle.is_some() || (is_one(cycle_mul) && is_one(cycle_decay)), &|| {
                    "schedule.cycle_mul and schedule.cycle_decay are for several cycles; give schedule.cycle as well"
                        .into()
                })?;
                check((1.0..=1e6).contains(cycle_mul), &|| {
                    format!("schedule.cycle_mul is {cycle_mul}; it must be 1 or more")
                })?;
                check(*cycle_decay > 0.0 && *cycle_decay <= 1.0, &|| {
                    format!("schedule.cycle_decay is {cycle_decay}; it must be above 0 and at most 1")
                })
            }
            ScheduleRecipe::OneCycle { div_factor, final_div_factor, .. } => {
                positive("div_factor", *div_factor)?;
                positive("final_div_factor", *final_div_factor)
            }
            ScheduleRecipe::Polynomial { min_lr, power, .. } => {
                floor(*min_lr)?;
                positive("power", *power)
            }
            ScheduleRecipe::Exponential { decay_rate, decay_every, .. } => {
                check(*decay_rate > 0.0 && *decay_rate <= 1.0, &|| {
                    format!("schedule.decay_rate is {decay_rate}; it must be above 0 and at most 1")
                })?;
                check(!decay_every.is_zero(), &|| "schedule.decay_every is zero".into())
            }
        }
    }
}

fn thirty_percent() -> Warmup {
    Warmup::Percent(30.0)
}

fn twenty_five() -> f64 {
    25.0
}

fn ten_thousand() -> f64 {
    1e4
}
