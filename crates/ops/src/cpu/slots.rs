//! Values during a run. Batch norm is lazy: its output may be a recipe over its input that is carried out by
//! the convolution that loads it.

use std::sync::Arc;

use resnet_kernels::conv::Prologue;
use resnet_kernels::norm::{self, Activation, Moments, ScaleShift};
use resnet_kernels::{Buffer, Isa};

use crate::plan::Value;

/// What batch norm worked out in the forward pass; backward needs it again.
#[derive(Debug)]
pub(super) struct NormState {
    /// The statistics it normalised with.
    pub(super) moments: Moments,
    /// Scale and shift per channel that follow from the statistics, gamma and beta.
    pub(super) map: ScaleShift,
    /// The activation after the norm.
    pub(super) activation: Activation,
}

/// A value during a run: in memory, or as `activation(source * scale + shift)`, or both.
#[derive(Debug, Clone, Default)]
pub(super) struct Slot {
    pub(super) written: Option<Arc<Buffer>>,
    pub(super) recipe: Option<(Value, Arc<NormState>)>,
    /// Its moments, if whoever wrote it gathered them.
    pub(super) moments: Option<Moments>,
    /// The number of the training step with which it was drawn, if dropout or stochastic depth made it.
    pub(super) draw: Option<u64>,
}

/// All values of a run.
#[derive(Default)]
pub(super) struct Slots(pub(super) Vec<Slot>);

impl Slots {
    /// The value in memory; a recipe is carried out, and its result kept until the value's last use.
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
pub(super) struct Loadable {
    pub(super) buffer: Arc<Buffer>,
    /// The batch norm and ReLU to apply to it, if any.
    pub(super) state: Option<Arc<NormState>>,
}

impl Loadable {
    pub(super) fn prologue(&self) -> Prologue<'_> {
        match &self.state {
            Some(state) => Prologue::NormRelu { scale: &state.map.scale, shift: &state.map.shift },
            None => Prologue::None,
        }
    }
}
