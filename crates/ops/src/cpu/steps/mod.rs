//! How the CPU runs each step, forward and backward side by side.

mod add;
mod batch_norm;
mod conv;
mod drop;
mod gate;
mod group_norm;
mod unary;

use candle_core::Result;

use super::backward::Backward;
use super::forward::Forward;
use crate::plan::Value;
use crate::plan::step::{Op, Step};

/// Both passes of one kind of step.
pub(super) trait Execute {
    /// Sets the step's output.
    fn forward(&self, step: &Step, run: &mut Forward) -> Result<()>;
    /// Takes the output's gradient and gives the inputs and parameters theirs, where they are wanted.
    fn backward(&self, step: &Step, run: &mut Backward) -> Result<()>;
}

/// Who runs a step.
pub(super) fn of(op: &Op) -> &dyn Execute {
    match op {
        Op::Conv(step) => step,
        Op::BatchNorm(step) => step,
        Op::GroupNorm(step) => step,
        Op::Relu(step) => step,
        Op::Add(step) => step,
        Op::Gate(step) => step,
        Op::Scale(step) => step,
        Op::Drop(step) => step,
        Op::ZeroPad(step) => step,
        Op::Pool(step) => step,
        Op::AvgPool2x2Ceil(step) => step,
        Op::GlobalAvgPool(step) => step,
    }
}

/// Recomputes a value that was not kept, bit for bit: first its inputs, then the step that made it. Of the
/// inputs only those stay in memory that are read once more.
pub(super) fn restore(run: &mut Backward, value: Value) -> Result<()> {
    let Some(step) = run.lost(value) else { return Ok(()) };
    for input in &step.inputs {
        restore(run, *input)?;
    }
    run.forward_again(|forward| of(&step.op).forward(step, forward))?;
    run.forget_inputs(step);
    Ok(())
}
