//! The forward pass: values in buffers, or as recipes that a convolution applies while it loads.

use std::sync::Arc;

use candle_core::Result;
use resnet_kernels::conv::{PackedFilters, Prologue, Statistics};
use resnet_kernels::norm::{self, Activation, Moments, ScaleShift};
use resnet_kernels::{Buffer, Isa};

use super::inference::Ready;
use super::plan::Plan;
use super::{Param, Value, isa};
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
    /// Its moments, if whoever wrote it gathered them.
    pub(super) moments: Option<Moments>,
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
    /// The batch norm and ReLU to apply to it, if any.
    pub(crate) state: Option<Arc<NormState>>,
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
    /// What was prepared, for inference.
    pub(super) ready: Option<&'a Ready>,
}

impl Forward<'_> {
    /// A parameter's values.
    pub(crate) fn param(&self, param: Param) -> &[f32] {
        &self.flat[self.plan.param_range(param)]
    }

    /// A convolution's filters, if they were packed beforehand; `value` is its output.
    pub(crate) fn ready_filters(&self, value: Value) -> Option<Arc<PackedFilters>> {
        self.ready?.filters[value.0].clone()
    }

    /// A batch norm's state, if it was worked out beforehand; `value` is its output.
    pub(crate) fn ready_norm(&self, value: Value) -> Option<Arc<NormState>> {
        self.ready?.norms[value.0].clone()
    }

    /// Pixels of a value, over all pictures.
    pub(crate) fn pixels(&self, value: Value) -> usize {
        let shape = self.plan.shapes[value.0];
        shape.images() * shape.pixels()
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

    /// Whether a step that writes `value` is to gather its moments: a batch norm will ask for them.
    pub(crate) fn statistics(&self, value: Value) -> Statistics {
        match self.mode {
            Mode::Train if self.plan.normalised[value.0] => Statistics::Gather,
            _ => Statistics::Skip,
        }
    }

    /// The moments of a value, gathered by whoever wrote it or else computed now.
    pub(crate) fn moments(&mut self, value: Value) -> Moments {
        match self.slots.0[value.0].moments.clone() {
            Some(moments) => moments,
            None => norm::moments(self.isa, &self.read(value), self.plan.shapes[value.0].channels()),
        }
    }

    /// Sets a value.
    pub(crate) fn write(&mut self, value: Value, buffer: Buffer) {
        self.slots.0[value.0].written = Some(Arc::new(buffer));
    }

    /// Notes the moments of a value.
    pub(crate) fn write_moments(&mut self, value: Value, moments: Option<Moments>) {
        self.slots.0[value.0].moments = moments;
    }

    /// Sets a value to be computed when it is loaded.
    pub(crate) fn write_recipe(&mut self, value: Value, source: Value, state: Arc<NormState>) {
        self.slots.0[value.0].recipe = Some((source, state));
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
    let mut forward = start(plan, inputs, flat, mode, None)?;
    all_steps(&mut forward, keep)?;
    let output = forward.read(plan.output);
    if !keep || !plan.kept[plan.output.0] {
        forward.slots.0[plan.output.0].written = None;
    }
    Ok((output, forward.slots))
}

/// Runs all steps with what was prepared for inference; keeps nothing.
pub(super) fn run_ready(plan: &Plan, input: Buffer, flat: &[f32], ready: &Ready) -> Result<Arc<Buffer>> {
    let mut forward = start(plan, vec![input], flat, Mode::Eval, Some(ready))?;
    all_steps(&mut forward, false)?;
    Ok(forward.read(plan.output))
}

fn start<'a>(
    plan: &'a Plan,
    inputs: Vec<Buffer>,
    flat: &'a [f32],
    mode: Mode,
    ready: Option<&'a Ready>,
) -> Result<Forward<'a>> {
    let mut slots = Slots(vec![Slot::default(); plan.shapes.len()]);
    for (value, buffer) in plan.inputs.iter().zip(inputs) {
        slots.0[value.0].written = Some(Arc::new(buffer));
    }
    Ok(Forward { isa: isa()?, mode, plan, flat, slots, ready })
}

fn all_steps(forward: &mut Forward, keep: bool) -> Result<()> {
    let plan = forward.plan;
    for (index, step) in plan.steps.iter().enumerate() {
        step.forward(forward)?;
        for value in step.inputs() {
            forget(&mut forward.slots, plan, value, index, keep);
        }
    }
    Ok(())
}

/// Gives back the memory of `value`, and of the source it may be a recipe over, after its last use at
/// `index`.
fn forget(slots: &mut Slots, plan: &Plan, value: Value, index: usize, keep: bool) {
    if plan.last_use[value.0] > index {
        return;
    }
    let recipe = slots.0[value.0].recipe.as_ref().map(|(source, _)| *source);
    let kept = keep && plan.kept[value.0] && plan.recomputed[value.0].is_none();
    if !kept || recipe.is_some() {
        slots.0[value.0].written = None;
    }
    if let Some(source) = recipe {
        forget(slots, plan, source, index, keep);
    }
}
