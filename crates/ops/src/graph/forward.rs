//! The forward pass: values in buffers, or as recipes that a convolution applies while it loads.

use std::sync::Arc;

use candle_core::Result;
use resnet_kernels::conv::Prologue;
use resnet_kernels::norm::{self, Activation, Moments, ScaleShift};
use resnet_kernels::{Buffer, Isa};

use super::plan::Plan;
use super::{Param, Value};
use crate::Mode;

/// What batch norm worked out in the forward pass; backward needs it again.
#[derive(Debug)]
pub(crate) struct NormState {
    /// The statistics it normalised with.
    pub(crate) moments: Moments,
    /// What they come down to.
    pub(crate) map: ScaleShift,
    /// What follows.
    pub(crate) activation: Activation,
}

/// A value during a run: in memory, or as `activation(source * scale + shift)`, or both.
#[derive(Debug, Clone, Default)]
pub(super) struct Slot {
    pub(super) written: Option<Arc<Buffer>>,
    pub(super) recipe: Option<(Value, Arc<NormState>)>,
}

/// All values of a run.
pub(super) struct Slots(pub(super) Vec<Slot>);

impl Slots {
    /// The value in memory; a recipe is carried out and kept until the value's last use.
    pub(super) fn written(&mut self, isa: Isa, value: Value) -> Arc<Buffer> {
        if let Some(buffer) = &self.0[value.0].written {
            return buffer.clone();
        }
        let (source, state) = self.0[value.0].recipe.clone().expect("a value is computed before it is read");
        let source = self.written(isa, source);
        let mut out = Buffer::unspecified(source.len());
        norm::apply(isa, &source, &state.map, None, state.activation, &mut out);
        let out = Arc::new(out);
        self.0[value.0].written = Some(out.clone());
        out
    }

    /// The value as a convolution wants it: a buffer and what to do while loading it.
    pub(super) fn loadable(&mut self, isa: Isa, value: Value) -> Loadable {
        let slot = &self.0[value.0];
        match &slot.recipe {
            Some((source, state)) if slot.written.is_none() && state.activation == Activation::Relu => {
                let (source, state) = (*source, state.clone());
                Loadable { buffer: self.written(isa, source), state: Some(state) }
            }
            _ => Loadable { buffer: self.written(isa, value), state: None },
        }
    }
}

/// A convolution's input.
pub(crate) struct Loadable {
    pub(crate) buffer: Arc<Buffer>,
    state: Option<Arc<NormState>>,
}

impl Loadable {
    pub(crate) fn prologue(&self) -> Prologue<'_> {
        match &self.state {
            Some(state) => Prologue::NormRelu { scale: &state.map.scale, shift: &state.map.shift },
            None => Prologue::None,
        }
    }
}

/// What a step sees while it runs forward.
pub(crate) struct Forward<'a> {
    pub(crate) isa: Isa,
    pub(crate) mode: Mode,
    pub(super) plan: &'a Plan,
    pub(super) flat: &'a [f32],
    pub(super) slots: Slots,
}

impl Forward<'_> {
    /// A parameter's values.
    pub(crate) fn param(&self, param: Param) -> &[f32] {
        &self.flat[self.plan.param_range(param)]
    }

    /// A value in memory.
    pub(crate) fn read(&mut self, value: Value) -> Arc<Buffer> {
        self.slots.written(self.isa, value)
    }

    /// A value as a convolution loads it.
    pub(crate) fn load(&mut self, value: Value) -> Loadable {
        self.slots.loadable(self.isa, value)
    }

    /// An unwritten value's source and recipe, if it is one.
    pub(crate) fn recipe(&self, value: Value) -> Option<(Value, Arc<NormState>)> {
        let slot = &self.slots.0[value.0];
        if slot.written.is_some() { None } else { slot.recipe.clone() }
    }

    /// A buffer of a value's size, contents unspecified.
    pub(crate) fn buffer(&self, value: Value) -> Buffer {
        Buffer::unspecified(self.plan.shapes[value.0].len())
    }

    /// Sets a value.
    pub(crate) fn write(&mut self, value: Value, buffer: Buffer) {
        self.slots.0[value.0].written = Some(Arc::new(buffer));
    }

    /// Sets a value to be computed when it is loaded.
    pub(crate) fn write_recipe(&mut self, value: Value, source: Value, state: NormState) {
        self.slots.0[value.0].recipe = Some((source, Arc::new(state)));
    }
}

/// Runs all steps; returns the output and, if `keep`, what backward needs.
pub(super) fn run(
    plan: &Plan,
    inputs: Vec<Buffer>,
    flat: &[f32],
    mode: Mode,
    keep: bool,
) -> Result<(Arc<Buffer>, Slots)> {
    let mut slots = Slots(vec![Slot::default(); plan.shapes.len()]);
    for (value, buffer) in plan.inputs.iter().zip(inputs) {
        slots.0[value.0].written = Some(Arc::new(buffer));
    }
    let mut forward = Forward { isa: Isa::best(), mode, plan, flat, slots };
    for (index, step) in plan.steps.iter().enumerate() {
        step.forward(&mut forward)?;
        for value in step.inputs() {
            forget(&mut forward.slots, plan, value, index, keep);
        }
    }
    let output = forward.read(plan.output);
    if !keep || !plan.kept[plan.output.0] {
        forward.slots.0[plan.output.0].written = None;
    }
    Ok((output, forward.slots))
}

/// Gives back the memory of `value`, and of the source it may be a recipe over, after its last use at `index`.
fn forget(slots: &mut Slots, plan: &Plan, value: Value, index: usize, keep: bool) {
    if plan.last_use[value.0] > index {
        return;
    }
    let recipe = slots.0[value.0].recipe.as_ref().map(|(source, _)| *source);
    let kept = keep && plan.kept[value.0];
    if !kept || recipe.is_some() {
        slots.0[value.0].written = None;
    }
    if let Some(source) = recipe {
        forget(slots, plan, source, index, keep);
    }
}
