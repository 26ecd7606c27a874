//! What a graph can do: each step in a file of its own, with its forward and its backward side by side.

mod add;
mod conv;
mod drop_path;
mod dropout;
mod gate;
mod group_norm;
mod halve;
mod norm;
mod pool;
mod relu;
mod scale;
mod zero_pad;

use candle_core::Result;

pub(crate) use add::Add;
pub(crate) use conv::Conv;
pub(crate) use drop_path::{Scaled, Survival};
pub(crate) use dropout::{DrawKeys, Dropped};
pub(crate) use gate::Gated;
pub(crate) use group_norm::GroupNorm;
pub(crate) use halve::Halve;
pub(crate) use norm::{Norm, RunningStatistics};
pub(crate) use pool::{GlobalAverage, Pool};
pub(crate) use relu::Relu;
pub(crate) use scale::Scale;
pub(crate) use zero_pad::ZeroPadShortcut;

use crate::graph::{Backward, Forward, Param, Value};

/// One step of a graph.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Conv(Conv),
    Norm(Norm),
    Relu(Relu),
    Add(Add),
    ZeroPad(ZeroPadShortcut),
    Pool(Pool),
    GlobalAverage(GlobalAverage),
    GroupNorm(GroupNorm),
    Halve(Halve),
    Survival(Survival),
    Scaled(Scaled),
    Scale(Scale),
    Gated(Gated),
    DrawKeys(DrawKeys),
    Dropped(Dropped),
}

/// What every step can say and do.
pub(crate) trait Run {
    /// The dotted name of the layer that recorded it, empty if it has no parameters.
    fn name(&self) -> &str {
        ""
    }
    /// What it does, in a few words.
    fn kind(&self) -> String;
    /// Values it reads.
    fn inputs(&self) -> Vec<Value>;
    /// The value it sets.
    fn output(&self) -> Value;
    /// Parameters it reads.
    fn params(&self) -> Vec<Param> {
        vec![]
    }
    /// Values its backward reads.
    fn kept(&self) -> Vec<Value>;
    /// Multiply-adds for one picture, of products only.
    fn multiply_adds(&self) -> u64 {
        0
    }
    /// Sets the output.
    fn forward(&self, run: &mut Forward) -> Result<()>;
    /// Takes the output's gradient and gives the inputs and parameters theirs, where wanted.
    fn backward(&self, run: &mut Backward) -> Result<()>;
}

impl std::ops::Deref for Step {
    type Target = dyn Run;

    fn deref(&self) -> &Self::Target {
        match self {
            Step::Conv(step) => step,
            Step::Norm(step) => step,
            Step::Relu(step) => step,
            Step::Add(step) => step,
            Step::ZeroPad(step) => step,
            Step::Pool(step) => step,
            Step::GlobalAverage(step) => step,
            Step::GroupNorm(step) => step,
            Step::Halve(step) => step,
            Step::Survival(step) => step,
            Step::Scaled(step) => step,
            Step::Scale(step) => step,
            Step::Gated(step) => step,
            Step::DrawKeys(step) => step,
            Step::Dropped(step) => step,
        }
    }
}

macro_rules! into_step {
    ($($variant:ident($step:ty)),* $(,)?) => {
        $(impl From<$step> for Step {
            fn from(step: $step) -> Self {
                Step::$variant(step)
            }
        })*
    };
}

into_step!(
    Conv(Conv),
    Norm(Norm),
    Relu(Relu),
    Add(Add),
    ZeroPad(ZeroPadShortcut),
    Pool(Pool),
    GlobalAverage(GlobalAverage),
    GroupNorm(GroupNorm),
    Halve(Halve),
    Survival(Survival),
    Scaled(Scaled),
    Scale(Scale),
    Gated(Gated),
    DrawKeys(DrawKeys),
    Dropped(Dropped),
);
