//! What a step sees and may do while it runs forward.

use std::sync::Arc;

use resnet_kernels::conv::{PackedFilters, Statistics};
use resnet_kernels::norm::{self, Moments};
use resnet_kernels::{Buffer, Isa};

use super::lives::Lives;
use super::ready::PreparedSteps;
use super::slots::{Loadable, NormState, Slots};
use crate::mode::Mode;
use crate::plan::value::Param;
use crate::plan::{Plan, Value};

/// What a step sees while it runs forward.
pub(super) struct Forward<'a> {
    pub(super) isa: Isa,
    pub(super) mode: Mode,
    pub(super) plan: &'a Plan,
    pub(super) lives: &'a Lives,
    pub(super) params: &'a [&'a [f32]],
    pub(super) slots: Slots,
    /// What was prepared for inference; `None` for every other run.
    pub(super) prepared: Option<&'a PreparedSteps>,
}

impl Forward<'_> {
    /// A parameter's values.
    pub(super) fn param(&self, param: Param) -> &[f32] {
        self.params[param.0]
    }

    /// A convolution's filters, if they were packed beforehand; `value` is its output.
    pub(super) fn prepared_filters(&self, value: Value) -> Option<Arc<PackedFilters>> {
        self.prepared?.filters[value.0].clone()
    }

    /// A batch norm's state, if it was worked out beforehand; `value` is its output.
    pub(super) fn prepared_norm(&self, value: Value) -> Option<Arc<NormState>> {
        self.prepared?.norms[value.0].clone()
    }

    /// Pixels of a value, over all images.
    pub(super) fn pixels(&self, value: Value) -> usize {
        let shape = self.plan.shape(value);
        shape.images() * shape.pixels()
    }

    /// A value in memory.
    pub(super) fn read(&mut self, value: Value) -> Arc<Buffer> {
        self.slots.written(self.isa, value)
    }

    /// A value as a convolution loads it.
    pub(super) fn load(&mut self, value: Value) -> Loadable {
        self.slots.loadable(self.isa, value)
    }

    /// The source and the recipe of a value that is not written; `None` if it is written or has no recipe.
    pub(super) fn recipe(&self, value: Value) -> Option<(Value, Arc<NormState>)> {
        let slot = &self.slots.0[value.0];
        if slot.written.is_some() { None } else { slot.recipe.clone() }
    }

    /// A buffer of a value's size, contents unspecified.
    pub(super) fn buffer(&self, value: Value) -> Buffer {
        let len = self.plan.shape(value).len();
        match self.prepared {
            Some(prepared) => prepared.rooms.buffer(value, len),
            None => Buffer::unspecified(len),
        }
    }

    /// The buffer of `residual`, if `sum` may overwrite it.
    pub(super) fn buffer_to_replace(&mut self, residual: Value, sum: Value) -> Option<Buffer> {
        if !self.prepared?.rooms.place(sum).replaces_residual {
            return None;
        }
        let buffer = self.read(residual);
        self.slots.0[residual.0].written = None;
        match Arc::try_unwrap(buffer) {
            Ok(buffer) => Some(buffer),
            Err(shared) => {
                self.slots.0[residual.0].written = Some(shared);
                None
            }
        }
    }

    /// Whether a step that writes `value` is to gather its moments: a batch norm will ask for them.
    pub(super) fn statistics(&self, value: Value) -> Statistics {
        match self.mode {
            // Without pixels there are no moments.
            Mode::Train if self.pixels(value) == 0 => Statistics::Skip,
            // A value that is recomputed has its moments from the first time.
            Mode::Train if self.lives.0[value.0].is_normalised && self.slots.0[value.0].moments.is_none() => {
                Statistics::Gather
            }
            _ => Statistics::Skip,
        }
    }

    /// The moments of a value, gathered by whoever wrote it or else computed now.
    pub(super) fn moments(&mut self, value: Value) -> Moments {
        match self.slots.0[value.0].moments.clone() {
            Some(moments) => moments,
            None => norm::moments(self.isa, &self.read(value), self.plan.shape(value).channels()),
        }
    }

    /// Sets a value.
    pub(super) fn write(&mut self, value: Value, buffer: Buffer) {
        self.slots.0[value.0].written = Some(Arc::new(buffer));
    }

    /// Stores the moments of a value; `None` leaves those that are known.
    pub(super) fn write_moments(&mut self, value: Value, moments: Option<Moments>) {
        let known = &mut self.slots.0[value.0].moments;
        *known = moments.or_else(|| known.take());
    }

    /// Sets a value to be computed when it is loaded.
    pub(super) fn write_recipe(&mut self, value: Value, source: Value, state: Arc<NormState>) {
        self.slots.0[value.0].recipe = Some((source, state));
    }

    /// Images of a value.
    pub(super) fn images(&self, value: Value) -> usize {
        self.plan.shape(value).images()
    }

    /// Sets a value to the buffer of another value, without a copy.
    pub(super) fn share(&mut self, value: Value, buffer: Arc<Buffer>) {
        self.slots.0[value.0].written = Some(buffer);
    }

    /// The number of the training step with which `value` was drawn, if this run recomputes it.
    pub(super) fn draw(&self, value: Value) -> Option<u64> {
        self.slots.0[value.0].draw
    }

    /// Notes the number of the training step that `value` was drawn with.
    pub(super) fn write_draw(&mut self, value: Value, draw: Option<u64>) {
        self.slots.0[value.0].draw = draw;
    }

    /// Frees the memory of `value`, and of its recipe's source, if the step `index` is the last to use it and
    /// the backward pass does not read it.
    pub(super) fn forget(&mut self, value: Value, index: usize) {
        let life = &self.lives.0[value.0];
        if life.last_use > index {
            return;
        }
        let recipe = self.slots.0[value.0].recipe.as_ref().map(|(source, _)| *source);
        let is_kept = life.is_kept && life.recomputed_by.is_none();
        if !is_kept || recipe.is_some() {
            self.slots.0[value.0].written = None;
        }
        if let Some(source) = recipe {
            self.forget(source, index);
        }
    }
}
