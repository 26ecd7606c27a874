//! The executor for the CPU: all steps forward, all steps backward, last one first.
//!
//! Activations are channels-last buffers from a pool. Batch norm is lazy ([`slots`]): a norm leaves a recipe
//! that the next convolution applies while it loads. Statistics and gradient sums are gathered by neighbours,
//! and some gradients are left to the norm that needs them ([`backward::Deferred`]).

mod backward;
mod forward;
mod layout;
mod lives;
mod ready;
mod recompute;
mod rooms;
mod slots;
mod steps;
mod stretches;

use std::sync::Arc;

use candle_core::{Error, Result};
use resnet_kernels::conv::Algorithm;
use resnet_kernels::{Buffer, Isa};

use crate::executor::{Executor, Gradients, Keep, NeedsGrad, Wanted};
use crate::mode::Mode;
use crate::part::GradientTaken;
use crate::plan::{FoldedParam, Plan, Value};
use crate::stopwatch::{Computes, Pass, Stopwatch};
use backward::{Backward, first_readers};
use forward::Forward;
use layout::{channels_first, channels_last};
use lives::Lives;
pub(crate) use ready::Ready;
use slots::{Slot, Slots};

/// Runs plans on this machine's cores.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cpu {
    /// Takes the time of each step, where somebody wants to know it.
    pub(crate) stopwatch: Option<Arc<Stopwatch>>,
}

impl Cpu {
    fn time<T>(&self, step: usize, pass: Pass, computes: Computes, work: impl FnOnce() -> T) -> T {
        match &self.stopwatch {
            Some(stopwatch) => stopwatch.time(step, pass, computes, work),
            None => work(),
        }
    }

    /// Runs all steps forward and returns the plan's output.
    fn all_steps(&self, run: &mut Forward) -> Result<Arc<Buffer>> {
        let plan = run.plan;
        for (index, step) in plan.steps.iter().enumerate() {
            let work = || steps::of(&step.op).forward(step, run);
            self.time(index, Pass::Forward, Computes::default(), work)?;
            step.inputs.iter().for_each(|input| run.forget(*input, index));
        }
        Ok(run.read(plan.output))
    }
}

/// What a forward pass leaves for its backward pass.
pub(crate) struct Kept {
    lives: Lives,
    slots: Slots,
}

/// The instruction set that plans run on.
///
/// # Errors
/// If the environment asks for one that this machine lacks, or for an unknown algorithm of convolutions: no
/// other is used instead.
fn isa() -> Result<Isa> {
    Isa::requested().map_err(Error::wrap)?;
    Algorithm::requested().map_err(Error::wrap)?;
    Ok(Isa::best())
}

impl Executor for Cpu {
    type Slice = [f32];
    type Owned = Vec<f32>;
    type Kept = Kept;
    type Ready = Ready;

    fn forward(
        &self,
        plan: &Plan,
        inputs: &[&[f32]],
        params: &[&[f32]],
        mode: Mode,
        keep: Keep<'_>,
    ) -> Result<(Vec<f32>, Option<Kept>)> {
        let lives = Lives::of(plan, keep);
        let slots = slots_with(plan, inputs, |_, len| Buffer::unspecified(len));
        let mut run = Forward { isa: isa()?, mode, plan, lives: &lives, params, slots, prepared: None };
        let output = self.all_steps(&mut run)?;
        let Forward { mut slots, .. } = run;
        if !lives.0[plan.output.0].is_kept {
            slots.0[plan.output.0].written = None;
        }
        let kept = matches!(keep, Keep::ForBackward(_)).then_some(Kept { lives, slots });
        Ok((channels_first(&output, plan.shape(plan.output)), kept))
    }

    fn backward(
        &self,
        plan: &Plan,
        Kept { lives, slots }: Kept,
        params: &[&[f32]],
        mode: Mode,
        Wanted { needs, finished }: Wanted<'_, [f32]>,
        gradient: &[f32],
    ) -> Result<Gradients<Vec<f32>>> {
        let gradient = channels_last(Buffer::unspecified(gradient.len()), gradient, plan.shape(plan.output));
        let mut run = Backward::new((isa()?, mode), plan, (&lives, slots), params, needs, gradient);
        let first_readers = first_readers(plan);
        for (index, step) in plan.steps.iter().enumerate().rev() {
            if run.wants(step.output) {
                self.time(index, Pass::Backward, run.computes(step), || {
                    step.kept().iter().try_for_each(|value| steps::restore(&mut run, *value))?;
                    steps::of(&step.op).backward(step, &mut run)
                })?;
            }
            run.forget(step.output);
            for param in step.params.iter().filter(|param| first_readers[param.0] == index) {
                if let Some(gradient) = run.given_param(*param)
                    && finished(param.0, gradient)? == GradientTaken::Yes
                {
                    run.forget_param(*param);
                }
            }
        }
        let mut inputs = vec![];
        for value in &plan.inputs {
            let gradient = run.take(*value).filter(|_| run.wants(*value));
            inputs.push(gradient.map(|gradient| channels_first(&gradient, plan.shape(*value))));
        }
        Ok(Gradients { inputs, params: run.into_param_gradients() })
    }

    fn each_output(
        &self,
        plan: &Plan,
        inputs: &[&[f32]],
        params: &[&[f32]],
        mode: Mode,
        look: &mut dyn FnMut(usize, &[f32]),
    ) -> Result<()> {
        let lives = Lives::of(plan, Keep::Nothing);
        let slots = slots_with(plan, inputs, |_, len| Buffer::unspecified(len));
        let mut run = Forward { isa: isa()?, mode, plan, lives: &lives, params, slots, prepared: None };
        for (index, step) in plan.steps.iter().enumerate() {
            steps::of(&step.op).forward(step, &mut run)?;
            look(index, &run.read(step.output));
            step.inputs.iter().for_each(|input| run.forget(*input, index));
        }
        Ok(())
    }

    fn prepare(&self, plan: Plan, params: &[FoldedParam]) -> Result<Ready> {
        Ready::new(isa()?, plan, params)
    }

    fn prepare_like(&self, plan: Plan, other: &Ready) -> Ready {
        Ready::like(plan, other)
    }

    fn infer(&self, ready: &Ready, input: &[f32]) -> Result<Vec<f32>> {
        let Ready { plan, lives, params, steps } = ready;
        let params = &params.iter().map(Vec::as_slice).collect::<Vec<_>>()[..];
        let slots = slots_with(plan, &[input], |value, len| steps.rooms.buffer(value, len));
        let (isa, mode, prepared) = (isa()?, Mode::Eval, Some(steps));
        let mut run = Forward { isa, mode, plan, lives, params, slots, prepared };
        let output = self.all_steps(&mut run)?;
        Ok(channels_first(&output, plan.shape(plan.output)))
    }

    fn training_bytes(&self, plan: &Plan) -> usize {
        let needs = NeedsGrad::of_training(plan);
        Lives::of(plan, Keep::ForBackward(&needs)).training_bytes(plan)
    }
}

/// The slots of a plan before its first step: only the inputs are written. `buffer` makes a buffer for an
/// input of the given length.
fn slots_with(plan: &Plan, inputs: &[&[f32]], buffer: impl Fn(Value, usize) -> Buffer) -> Slots {
    let mut slots = Slots(vec![Slot::default(); plan.shapes.len()]);
    for (value, input) in plan.inputs.iter().zip(inputs) {
        let input = channels_last(buffer(*value, input.len()), input, plan.shape(*value));
        slots.0[value.0].written = Some(Arc::new(input));
    }
    slots
}
