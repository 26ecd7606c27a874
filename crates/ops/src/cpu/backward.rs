//! What a step sees and may do while it runs backward: gradients in buffers that are passed on instead of
//! copied.

use std::sync::Arc;

use candle_core::Result;
use resnet_kernels::conv::{self, ConvShape, ThroughNorm};
use resnet_kernels::norm::{Accumulate, BackwardMap, BackwardSums, NormBackward};
use resnet_kernels::{Buffer, Isa, elementwise};

use super::forward::Forward;
use super::lives::Lives;
use super::slots::{Loadable, NormState, Slots};
use crate::executor::NeedsGrad;
use crate::mode::Mode;
use crate::plan::step::Step;
use crate::plan::value::Param;
use crate::plan::{Plan, Value};
use crate::stopwatch::Computes;

/// A gradient of a norm's output that is not written. A 1x1 convolution reads that output; its input gradient
/// costs less to compute twice than to write and read, so it is computed again with the gradient of the
/// norm's input.
pub(super) struct Deferred {
    pub(super) shape: ConvShape,
    pub(super) weight: Param,
    /// The gradient of the convolution's output.
    pub(super) dy: Arc<Buffer>,
}

/// A gradient of a norm's input that is not written yet: the step that reads it computes it. A 1x1
/// convolution that computes both of its gradients uses it while it is in the caches.
pub(super) struct Through {
    pub(super) deferred: Deferred,
    /// The norm's input.
    pub(super) x: Arc<Buffer>,
    pub(super) state: Arc<NormState>,
    pub(super) backward: BackwardMap,
}

impl Through {
    /// The arguments of the kernel that computes this gradient.
    pub(super) fn by<'a>(&'a self, params: &[&'a [f32]], accumulate: Accumulate) -> ThroughNorm<'a> {
        let Through { deferred: Deferred { shape, weight, dy }, x, state, backward } = self;
        let norm = NormBackward { x, map: &state.map, backward };
        ThroughNorm { shape, dy, weight: params[weight.0], norm, accumulate }
    }
}

/// What a step sees while it runs backward.
pub(super) struct Backward<'a> {
    pub(super) isa: Isa,
    pub(super) mode: Mode,
    pub(super) plan: &'a Plan,
    lives: &'a Lives,
    params: &'a [&'a [f32]],
    slots: Slots,
    gradients: Vec<Option<Arc<Buffer>>>,
    /// Sums over the gradient of a batch norm's output, gathered by the convolution that reads the output.
    sums: Vec<Option<BackwardSums>>,
    deferred: Vec<Option<Deferred>>,
    /// Terms that are still to be computed and added to a value's gradient.
    through: Vec<Option<Through>>,
    needed: Vec<bool>,
    /// Of each value, how many of the steps that read it have not run again.
    readers_left: Vec<usize>,
    needs: &'a NeedsGrad,
    param_gradients: Vec<Option<Vec<f32>>>,
}

impl<'a> Backward<'a> {
    /// The state before the first step: only the gradient of the plan's output is known.
    pub(super) fn new(
        (isa, mode): (Isa, Mode),
        plan: &'a Plan,
        (lives, slots): (&'a Lives, Slots),
        params: &'a [&'a [f32]],
        needs: &'a NeedsGrad,
        gradient: Buffer,
    ) -> Self {
        let values = plan.shapes.len();
        let mut gradients = vec![None; values];
        gradients[plan.output.0] = Some(Arc::new(gradient));
        Backward {
            isa,
            mode,
            plan,
            lives,
            params,
            slots,
            gradients,
            sums: vec![None; values],
            deferred: (0..values).map(|_| None).collect(),
            through: (0..values).map(|_| None).collect(),
            needed: needs.of_values(plan),
            readers_left: lives.0.iter().map(|life| life.readers).collect(),
            needs,
            param_gradients: vec![None; params.len()],
        }
    }

    /// Frees what is known of a value after its step has run backward: no step that is left reads it.
    pub(super) fn forget(&mut self, value: Value) {
        self.slots.0[value.0] = Default::default();
        self.gradients[value.0] = None;
        self.through[value.0] = None;
    }

    /// A parameter's gradient as it stands.
    pub(super) fn given_param(&self, param: Param) -> Option<&[f32]> {
        self.param_gradients[param.0].as_deref()
    }

    /// Forgets a parameter's gradient.
    pub(super) fn forget_param(&mut self, param: Param) {
        self.param_gradients[param.0] = None;
    }

    /// The gradients of all parameters.
    pub(super) fn into_param_gradients(self) -> Vec<Option<Vec<f32>>> {
        self.param_gradients
    }

    /// The number of the training step with which `value` was drawn; `None` if nothing was drawn for it.
    pub(super) fn draw(&self, value: Value) -> Option<u64> {
        self.slots.0[value.0].draw
    }

    /// Images of a value.
    pub(super) fn images(&self, value: Value) -> usize {
        self.plan.shape(value).images()
    }

    /// A parameter's values.
    pub(super) fn param(&self, param: Param) -> &'a [f32] {
        self.params[param.0]
    }

    /// All parameters' values.
    pub(super) fn params(&self) -> &'a [&'a [f32]] {
        self.params
    }

    /// Whether the gradient of `value` is needed.
    pub(super) fn wants(&self, value: Value) -> bool {
        self.needed[value.0]
    }

    /// Whether the gradient of `param` is needed.
    pub(super) fn wants_param(&self, param: Param) -> bool {
        self.needs.params[param.0]
    }

    /// Which gradients `step` computes.
    pub(super) fn computes(&self, step: &Step) -> Computes {
        let input = step.inputs.first().is_some_and(|input| self.wants(*input));
        Computes { input, param: step.params.first().is_some_and(|param| self.wants_param(*param)) }
    }

    /// A parameter's gradient, to add to.
    pub(super) fn param_gradient(&mut self, param: Param) -> &mut [f32] {
        let len = self.param(param).len();
        self.param_gradients[param.0].get_or_insert_with(|| vec![0.0; len])
    }

    /// Adds `gradient` to that of a parameter; the first one is taken as it is, without a copy.
    pub(super) fn give_param(&mut self, param: Param, gradient: Vec<f32>) {
        match &mut self.param_gradients[param.0] {
            Some(sum) => elementwise::add_assign(sum, &gradient),
            none => *none = Some(gradient),
        }
    }

    /// The step that recomputes `value` or the value that its recipe reads; `None` if that is in memory.
    pub(super) fn lost(&self, mut value: Value) -> Option<&'a Step> {
        loop {
            let slot = &self.slots.0[value.0];
            match &slot.recipe {
                _ if slot.written.is_some() => return None,
                Some((source, _)) => value = *source,
                None => return self.lives.0[value.0].recomputed_by.map(|step| &self.plan.steps[step]),
            }
        }
    }

    /// Lets `run` compute values of the forward pass once more.
    pub(super) fn forward_again(&mut self, run: impl FnOnce(&mut Forward<'a>) -> Result<()>) -> Result<()> {
        let Backward { isa, mode, plan, lives, params, .. } = *self;
        let slots = std::mem::take(&mut self.slots);
        let mut forward = Forward { isa, mode, plan, lives, params, slots, prepared: None };
        let done = run(&mut forward);
        self.slots = forward.slots;
        done
    }

    /// Frees what `step`, which has run again, was the last to read: inputs that no backward pass reads.
    pub(super) fn forget_inputs(&mut self, step: &Step) {
        for input in &step.inputs {
            let left = &mut self.readers_left[input.0];
            *left = left.saturating_sub(1);
            if *left == 0 && !self.lives.0[input.0].is_kept {
                self.slots.0[input.0].written = None;
            }
        }
    }

    /// A value of the forward pass in memory.
    pub(super) fn read(&mut self, value: Value) -> Arc<Buffer> {
        self.slots.written(self.isa, value)
    }

    /// A value of the forward pass as a convolution loads it.
    pub(super) fn load(&mut self, value: Value) -> Loadable {
        self.slots.loadable(self.isa, value)
    }

    /// What a norm worked out for its output `value`.
    pub(super) fn norm_state(&self, value: Value) -> Arc<NormState> {
        let (_, state) = self.slots.0[value.0].recipe.as_ref().expect("a norm leaves its state");
        state.clone()
    }

    /// Takes the gradient of `value`; `None` if nothing downstream depends on it.
    pub(super) fn take(&mut self, value: Value) -> Option<Arc<Buffer>> {
        self.settle(value);
        self.gradients[value.0].take()
    }

    /// Adds `through` to the gradient of `value`, but computes it only when that gradient is used next.
    pub(super) fn give_through(&mut self, value: Value, through: Through) {
        self.settle(value);
        self.through[value.0] = Some(through);
    }

    /// Takes what [`Backward::give_through`] left, with the buffer to write it to, and whether it is added to
    /// a gradient that is there already.
    pub(super) fn take_through(&mut self, value: Value) -> Option<(Through, Accumulate, Buffer)> {
        let through = self.through[value.0].take()?;
        let (accumulate, rest) = self.take_to_write(value);
        Some((through, accumulate, rest))
    }

    /// Computes what [`Backward::give_through`] left of the gradient of `value`.
    fn settle(&mut self, value: Value) {
        if let Some((through, accumulate, mut target)) = self.take_through(value) {
            conv::input_grad_through_norm(self.isa, through.by(self.params, accumulate), &mut target);
            self.gradients[value.0] = Some(Arc::new(target));
        }
    }

    /// Whether `value` has a single reader. The reader's gradient is then all of the gradient, so that sums
    /// over it are final.
    pub(super) fn is_only_reader(&self, value: Value) -> bool {
        self.lives.0[value.0].readers == 1 && self.plan.output != value
    }

    /// Leaves sums over the gradient of `value` for the batch norm that made it.
    pub(super) fn give_sums(&mut self, value: Value, sums: Option<BackwardSums>) {
        self.sums[value.0] = sums;
    }

    /// Takes what [`Backward::give_sums`] left.
    pub(super) fn take_sums(&mut self, value: Value) -> Option<BackwardSums> {
        self.sums[value.0].take()
    }

    /// Leaves the gradient of `value`, a batch norm's output, to be computed with that of the norm's input.
    pub(super) fn defer(&mut self, value: Value, deferred: Deferred) {
        self.deferred[value.0] = Some(deferred);
    }

    /// Takes what [`Backward::defer`] left.
    pub(super) fn take_deferred(&mut self, value: Value) -> Option<Deferred> {
        self.deferred[value.0].take()
    }

    /// A buffer of a value's size, contents unspecified.
    pub(super) fn buffer(&self, value: Value) -> Buffer {
        Buffer::unspecified(self.plan.shape(value).len())
    }

    /// Adds `gradient` to that of `value`; the first one is taken as it is, without a copy.
    pub(super) fn give(&mut self, value: Value, gradient: Arc<Buffer>) {
        self.settle(value);
        let sum = match self.gradients[value.0].take() {
            None => gradient,
            Some(mut present) => {
                match Arc::get_mut(&mut present) {
                    Some(present) => elementwise::add_assign(present, &gradient),
                    None => {
                        let mut sum = Buffer::unspecified(present.len());
                        elementwise::add(&present, &gradient, &mut sum);
                        present = Arc::new(sum);
                    }
                }
                present
            }
        };
        self.gradients[value.0] = Some(sum);
    }

    /// Lets `turn` compute a gradient of `value` from `dy`, and set or add it. If nobody shares `dy` and
    /// `value` has no gradient yet, `turn` works in place: `dy` is its target and its first argument is
    /// `None`.
    pub(super) fn give_turned(
        &mut self,
        value: Value,
        mut dy: Arc<Buffer>,
        turn: impl FnOnce(Option<&[f32]>, Accumulate, &mut Buffer),
    ) {
        self.settle(value);
        match Arc::get_mut(&mut dy).filter(|_| self.gradients[value.0].is_none()) {
            Some(own) => {
                turn(None, Accumulate::Set, own);
                self.gradients[value.0] = Some(dy);
            }
            None => self.give_with(value, |_, accumulate, dx| turn(Some(&dy), accumulate, dx)),
        }
    }

    /// Lets `write` set or add to the gradient of `value` in place.
    pub(super) fn give_with(&mut self, value: Value, write: impl FnOnce(&Self, Accumulate, &mut Buffer)) {
        self.settle(value);
        let (accumulate, mut target) = self.take_to_write(value);
        write(self, accumulate, &mut target);
        self.gradients[value.0] = Some(Arc::new(target));
    }

    /// Takes the gradient of `value` as it stands, to add to, or a buffer to set, if somebody wants it.
    /// [`Backward::give`] puts it back.
    pub(super) fn take_if_wanted(&mut self, value: Value) -> Option<(Accumulate, Buffer)> {
        self.wants(value).then(|| {
            self.settle(value);
            self.take_to_write(value)
        })
    }

    /// The gradient of `value` as it stands, to add to; without one, a buffer to set.
    fn take_to_write(&mut self, value: Value) -> (Accumulate, Buffer) {
        match self.gradients[value.0].take() {
            None => (Accumulate::Set, self.buffer(value)),
            Some(present) => {
                (Accumulate::Add, Arc::try_unwrap(present).unwrap_or_else(|shared| Buffer::copy_of(&shared)))
            }
        }
    }
}

/// The first step that reads each parameter: once it has run backward, the parameter's gradient is complete.
pub(super) fn first_readers(plan: &Plan) -> Vec<usize> {
    let mut readers = vec![0; plan.params.len()];
    for (index, step) in plan.steps.iter().enumerate().rev() {
        step.params.iter().for_each(|param| readers[param.0] = index);
    }
    readers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::{slots_with, steps};
    use crate::plan::{Graph, Recompute, Shape};

    /// Of these steps the backward pass reads ReLU's output alone; `half` is read twice while they run again.
    #[test]
    fn what_ran_again_and_is_not_read_once_more_is_freed() -> Result<()> {
        let mut graph = Graph::new();
        let x = graph.input(Shape::Features { images: 2, channels: 3 });
        let half = graph.scale(x, 0.5);
        let sum = graph.add(x, half)?;
        let all = graph.add(half, sum)?;
        let y = graph.relu(all);
        let plan = graph.finish_with(y, Recompute::Never)?;

        let mut lives = Lives::without_recomputation(&plan, |_| true);
        lives.0[x.0].is_kept = true;
        for (index, step) in plan.steps.iter().enumerate() {
            lives.0[step.output.0].recomputed_by = Some(index);
        }
        let (input, needs) = (&[1.0; 6][..], NeedsGrad { inputs: vec![true], params: vec![] });
        let slots = slots_with(&plan, &[input], |_, len| Buffer::unspecified(len));
        let isa = (Isa::best(), Mode::Train);
        let mut run = Backward::new(isa, &plan, (&lives, slots), &[], &needs, Buffer::zeroed(6));
        steps::restore(&mut run, y)?;
        let in_memory = [x, half, sum, all, y].map(|value| run.slots.0[value.0].written.is_some());
        assert_eq!(in_memory, [true, false, false, false, true]);
        assert_eq!(run.read(y)[..], [2.0; 6]);
        Ok(())
    }
}
