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
pub struct Stopwatch(Mutex<BTreeMap<(usize, Pass), Seen>>);

/// What was seen of a step in one direction.
#[derive(Debug, Default)]
struct Seen {
    time: Duration,
    computes: Computes,
}

/// Which gradients a step computes in a backward pass; none in a forward pass.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Computes {
    /// That of its first input.
    pub(crate) input: bool,
    /// That of its first parameter.
    pub(crate) param: bool,
}

impl Computes {
    /// How many these are.
    fn gradients(self) -> u64 {
        u64::from(self.input) + u64::from(self.param)
    }
}

impl Stopwatch {
    /// Runs `work`, the step with this number, which computes these gradients, and takes its time.
    pub(crate) fn time<T>(&self, step: usize, pass: Pass, computes: Computes, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let done = work();
        let taken = start.elapsed();
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = seen.entry((step, pass)).or_default();
        seen.time += taken;
        seen.computes = computes;
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
    /// output, in the backward pass also the gradients that are wanted, and parameters. A batch norm reads
    /// and writes nothing forward, since its neighbours gather its statistics and apply it.
    pub bytes: u64,
    /// Multiply-adds of one run over the whole batch, by the definition: those of a convolution's output, in
    /// the backward pass those of its gradients. The first convolution of a network has one, that of its
    /// filters: images need none.
    pub multiply_adds: u64,
}

impl Plan {
    /// What `stopwatch` saw of this plan's steps, in the order in which they run.
    pub fn costs(&self, stopwatch: &Stopwatch) -> Vec<StepCost> {
        let layers = self.layers();
        let seen = stopwatch.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut costs: Vec<(usize, StepCost)> = vec![];
        for (&(index, pass), &Seen { time, computes }) in seen.iter() {
            let Some(step) = self.steps.get(index) else { continue };
            let images = self.shape(step.output).images() as u64;
            let products = match pass {
                Pass::Forward => 1,
                Pass::Backward => computes.gradients(),
            };
            let multiply_adds = products * images * step.multiply_adds();
            let (layer, bytes) = (layers[index].clone(), 4 * self.floats(step, pass, computes));
            let place = if pass == Pass::Forward { index } else { 2 * self.steps.len() - index };
            costs.push((place, StepCost { layer, pass, time, bytes, multiply_adds }));
        }
        costs.sort_by_key(|(place, _)| *place);
        costs.into_iter().map(|(_, cost)| cost).collect()
    }

    /// Floats that a step reads and writes, each tensor once.
    fn floats(&self, step: &Step, pass: Pass, computes: Computes) -> u64 {
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
            // The input's gradient is computed from the filters, theirs from the input. A residual's gradient
            // is the output's.
            (Op::Conv(_), Pass::Backward) => output + computes.gradients() * (len(&step.inputs[0]) + params),
            (_, Pass::Forward) => inputs + output + params,
            (_, Pass::Backward) => {
                let inputs = if computes.input { inputs } else { 0 };
                step.kept().iter().map(len).sum::<u64>() + inputs + output + 2 * params
            }
        }
    }
}
