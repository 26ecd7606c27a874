//! The backward pass: explicit, last step first, gradients in buffers that are passed on instead of copied.

use std::sync::Arc;

use candle_core::Result;
use resnet_kernels::conv::ConvShape;
use resnet_kernels::norm::{Accumulate, BackwardSums};
use resnet_kernels::{Buffer, Isa, elementwise};

use super::forward::{Loadable, NormState, Slots};
use super::node::Tape;
use super::plan::Plan;
use super::{Param, Value, isa};
use crate::Mode;
use crate::steps::Step;

/// The gradient of a norm's output, left to be computed where the norm needs it: that of a 1x1 convolution
/// costs less to compute twice than to write and read.
pub(crate) struct Deferred {
    pub(crate) shape: ConvShape,
    pub(crate) weight: Param,
    /// The gradient of the convolution's output.
    pub(crate) dy: Arc<Buffer>,
}

/// What a step sees while it runs backward.
pub(crate) struct Backward<'a> {
    pub(crate) isa: Isa,
    pub(crate) mode: Mode,
    plan: &'a Plan,
    flat: &'a [f32],
    slots: Slots,
    gradients: Vec<Option<Arc<Buffer>>>,
    /// What a convolution summed over its input's gradient for the batch norm that made that input.
    sums: Vec<Option<BackwardSums>>,
    deferred: Vec<Option<Deferred>>,
    wanted: Vec<bool>,
    tape: &'a Tape,
    flat_gradient: Vec<f32>,
}

impl Backward<'_> {
    /// A parameter's values.
    pub(crate) fn param(&self, param: Param) -> &[f32] {
        &self.flat[self.plan.param_range(param)]
    }

    /// Whether somebody needs the gradient of `value`.
    pub(crate) fn wants(&self, value: Value) -> bool {
        self.wanted[value.0]
    }

    /// Whether somebody needs the gradient of `param`.
    pub(crate) fn wants_param(&self, param: Param) -> bool {
        self.tape.params[param.0]
    }

    /// A parameter's gradient, to add to.
    pub(crate) fn param_gradient(&mut self, param: Param) -> &mut [f32] {
        &mut self.flat_gradient[self.plan.param_range(param)]
    }

    /// Brings back a value that was not kept, bit for bit.
    fn restore(&mut self, value: Value) {
        let slot = &self.slots.0[value.0];
        let source = slot.recipe.as_ref().map_or(value, |(source, _)| *source);
        if slot.written.is_some() || self.slots.0[source.0].written.is_some() {
            return;
        }
        let plan = self.plan;
        if let Some(Step::Conv(conv)) = plan.recomputed[source.0].map(|step| &plan.steps[step]) {
            let buffer = conv.recompute(self);
            self.slots.0[source.0].written = Some(Arc::new(buffer));
        }
    }

    /// A value of the forward pass in memory.
    pub(crate) fn read(&mut self, value: Value) -> Arc<Buffer> {
        self.restore(value);
        self.slots.written(self.isa, value)
    }

    /// A value of the forward pass as a convolution loads it.
    pub(crate) fn load(&mut self, value: Value) -> Loadable {
        self.restore(value);
        self.slots.loadable(self.isa, value)
    }

    /// What a norm worked out for its output `value`.
    pub(crate) fn norm_state(&self, value: Value) -> Arc<NormState> {
        let (_, state) = self.slots.0[value.0].recipe.as_ref().expect("a norm leaves its state");
        state.clone()
    }

    /// Takes the gradient of `value`; `None` if nothing downstream depends on it.
    pub(crate) fn take(&mut self, value: Value) -> Option<Arc<Buffer>> {
        self.gradients[value.0].take()
    }

    /// Whether the gradient that the only reader of `value` gives is all of it, so that sums over it are
    /// final.
    pub(crate) fn is_only_reader(&self, value: Value) -> bool {
        self.plan.readers[value.0] == 1 && self.plan.output != value
    }

    /// Leaves sums over the gradient of `value` for the batch norm that made it.
    pub(crate) fn give_sums(&mut self, value: Value, sums: Option<BackwardSums>) {
        self.sums[value.0] = sums;
    }

    /// Takes what [`Backward::give_sums`] left.
    pub(crate) fn take_sums(&mut self, value: Value) -> Option<BackwardSums> {
        self.sums[value.0].take()
    }

    /// Leaves the gradient of `value` to the batch norm that made it.
    pub(crate) fn defer(&mut self, value: Value, deferred: Deferred) {
        self.deferred[value.0] = Some(deferred);
    }

    /// Takes what [`Backward::defer`] left.
    pub(crate) fn take_deferred(&mut self, value: Value) -> Option<Deferred> {
        self.deferred[value.0].take()
    }

    /// A buffer of a value's size, contents unspecified.
    pub(crate) fn buffer(&self, value: Value) -> Buffer {
        Buffer::unspecified(self.plan.shapes[value.0].len())
    }

    /// Adds `gradient` to that of `value`; the first one is taken as it is, without a copy.
    pub(crate) fn give(&mut self, value: Value, gradient: Arc<Buffer>) {
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

    /// Lets `write` set or add to the gradient of `value` in place.
    pub(crate) fn give_with(&mut self, value: Value, write: impl FnOnce(&Self, Accumulate, &mut Buffer)) {
        let (accumulate, mut target) = match self.gradients[value.0].take() {
            None => (Accumulate::Set, self.buffer(value)),
            Some(present) => {
                (Accumulate::Add, Arc::try_unwrap(present).unwrap_or_else(|shared| Buffer::copy_of(&shared)))
            }
        };
        write(self, accumulate, &mut target);
        self.gradients[value.0] = Some(Arc::new(target));
    }
}

/// What a backward pass leaves.
pub(super) struct Gradients {
    /// One an input, where wanted.
    pub(super) inputs: Vec<Option<Arc<Buffer>>>,
    /// All parameters' gradients, one after another.
    pub(super) flat: Vec<f32>,
}

/// Runs all steps backward from `gradient`, that of the output.
pub(super) fn run(
    plan: &Plan,
    slots: Slots,
    flat: &[f32],
    mode: Mode,
    tape: &Tape,
    gradient: Buffer,
) -> Result<Gradients> {
    let mut backward = Backward {
        isa: isa()?,
        mode,
        plan,
        flat,
        slots,
        gradients: vec![None; plan.shapes.len()],
        sums: vec![None; plan.shapes.len()],
        deferred: plan.shapes.iter().map(|_| None).collect(),
        wanted: plan.wanted(tape),
        tape,
        flat_gradient: vec![0.0; flat.len()],
    };
    backward.gradients[plan.output.0] = Some(Arc::new(gradient));
    for step in plan.steps.iter().rev() {
        if backward.wants(step.output()) {
            step.backward(&mut backward)?;
        }
        // Steps before this one don't know its output.
        backward.slots.0[step.output().0] = Default::default();
        backward.gradients[step.output().0] = None;
    }
    let inputs =
        plan.inputs.iter().map(|value| backward.take(*value).filter(|_| backward.wants(*value))).collect();
    Ok(Gradients { inputs, flat: backward.flat_gradient })
}
