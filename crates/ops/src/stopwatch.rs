//! Where the time of a run goes: how long each step of a plan takes, and what it has to do at least.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::plan::step::{Op, Step};
use crate::plan::value::Value;
use crate::plan::{LayerInfo, Plan};

/// Which way a step runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pass {
    /// From inputs to output.
    Forward,
    /// From the output's gradient to those of inputs and parameters.
    Backward,
}

/// Adds up the time of every step, over all runs that it is lent to: [`Plan::run_timed`],
/// [`FoldedPlan::run_timed`](crate::FoldedPlan::run_timed).
#[derive(Debug, Default)]
pub struct Stopwatch(Mutex<BTreeMap<(usize, Pass), Duration>>);

impl Stopwatch {
    /// Runs `work`, the step with this number, and takes its time.
    pub(crate) fn time<T>(&self, step: usize, pass: Pass, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let done = work();
        let taken = start.elapsed();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry((step, pass)).or_default() += taken;
        done
    }
}

/// What one step took in one direction, and what it has to do at least.
#[derive(Debug, Clone, PartialEq)]
pub struct StepCost {
    /// The step.
    pub layer: LayerInfo,
    /// Its direction.
    pub pass: Pass,
    /// The time of all runs. A backward time includes the values that the step recomputes. The input gradient
    /// of a 1x1 convolution after a norm may be deferred, and counts for the step that computes it.
    pub time: Duration,
    /// Bytes of one run, if each tensor that the step reads or writes goes through memory once: inputs and
    /// output, in the backward pass also their gradients, and parameters. A batch norm reads and writes
    /// nothing forward, since its neighbours gather its statistics and apply it.
    pub bytes: u64,
    /// Multiply-adds of one run over the whole batch, by the definition: those of a convolution's output, in
    /// the backward pass those of both gradients.
    pub multiply_adds: u64,
}

impl Plan {
    /// What `stopwatch` saw of this plan's steps, in the order in which they run.
    pub fn costs(&self, stopwatch: &Stopwatch) -> Vec<StepCost> {
        let layers = self.layers();
        let seen = stopwatch.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut costs: Vec<(usize, StepCost)> = vec![];
        for (&(index, pass), &time) in seen.iter() {
            let Some(step) = self.steps.get(index) else { continue };
            let images = self.shape(step.output).images() as u64;
            let products = match pass {
                Pass::Forward => 1,
                Pass::Backward => 2,
            };
            let multiply_adds = products * images * step.multiply_adds();
            let (layer, bytes) = (layers[index].clone(), 4 * self.floats(step, pass));
            let place = if pass == Pass::Forward { index } else { 2 * self.steps.len() - index };
            costs.push((place, StepCost { layer, pass, time, bytes, multiply_adds }));
        }
        costs.sort_by_key(|(place, _)| *place);
        costs.into_iter().map(|(_, cost)| cost).collect()
    }

    /// Floats that a step reads and writes, each tensor once.
    fn floats(&self, step: &Step, pass: Pass) -> u64 {
        let len = |value: &Value| self.shape(*value).len() as u64;
        let inputs: u64 = step.inputs.iter().map(len).sum();
        let output = len(&step.output);
        let params = match &step.op {
            // A folded plan holds no filters itself.
            Op::Conv(conv) => conv.shape.weight_len() as u64,
            _ => step.params.iter().map(|param| self.params[param.0].elem_count() as u64).sum(),
        };
        match (&step.op, pass) {
            (Op::BatchNorm(_), Pass::Forward) => 0,
            // The gradient of a sum is handed on as it is, but for a ReLU after it.
            (Op::Add(_), Pass::Backward) if step.kept().is_empty() => 0,
            (Op::Add(_), Pass::Backward) => 3 * output,
            // A residual's gradient is the output's.
            (Op::Conv(_), Pass::Backward) => 2 * len(&step.inputs[0]) + output + 2 * params,
            (_, Pass::Forward) => inputs + output + params,
            (_, Pass::Backward) => step.kept().iter().map(len).sum::<u64>() + inputs + output + 2 * params,
        }
    }
}
