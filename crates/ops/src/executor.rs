//! What runs a plan: the seam between a plan's description and a device.

use candle_core::Result;

use crate::mode::Mode;
use crate::part::GradientTaken;
use crate::plan::{FoldedParam, Plan};

/// Runs plans on a device. Values cross this border in candle's layout (`[N, C, H, W]`, contiguous); how they
/// lie inside, what is computed lazily and what is kept is the executor's own choice.
pub(crate) trait Executor {
    /// Values as a caller lends them: `[f32]` on the CPU.
    type Slice: ?Sized;
    /// Values as they are handed out.
    type Owned;
    /// What a forward pass leaves for its backward pass, which uses it up.
    type Kept: Send;
    /// A plan prepared for inference alone.
    type Ready;

    /// The plan's output. `params` are the values of its parameters.
    fn forward(
        &self,
        plan: &Plan,
        inputs: &[&Self::Slice],
        params: &[&Self::Slice],
        mode: Mode,
        keep: Keep<'_>,
    ) -> Result<(Self::Owned, Option<Self::Kept>)>;

    /// The gradients that are wanted, from that of the output; `mode` and `params` are those of the forward
    /// pass.
    fn backward(
        &self,
        plan: &Plan,
        kept: Self::Kept,
        params: &[&Self::Slice],
        mode: Mode,
        wanted: Wanted<'_, Self::Slice>,
        gradient: &Self::Slice,
    ) -> Result<Gradients<Self::Owned>>;

    /// Runs forward, and shows `look` each step's index and output in turn; a step's output lies in an order
    /// of the executor's own.
    fn each_output(
        &self,
        plan: &Plan,
        inputs: &[&Self::Slice],
        params: &[&Self::Slice],
        mode: Mode,
        look: &mut dyn FnMut(usize, &Self::Slice),
    ) -> Result<()>;

    /// Prepares a folded plan of one input.
    fn prepare(&self, plan: Plan, params: &[FoldedParam]) -> Result<Self::Ready>;

    /// Prepares a folded plan of the same layers as `other`, for images of another number or size, with what
    /// was prepared for `other`.
    fn prepare_like(&self, plan: Plan, other: &Self::Ready) -> Self::Ready;

    /// The output of a prepared plan.
    fn infer(&self, ready: &Self::Ready, input: &Self::Slice) -> Result<Self::Owned>;

    /// An estimate of a training step's memory in bytes.
    fn training_bytes(&self, plan: &Plan) -> usize;
}

/// What a forward pass keeps.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Keep<'a> {
    /// Nothing: there will be no backward pass.
    Nothing,
    /// What the backward pass reads for these gradients.
    ForBackward(&'a NeedsGrad),
}

/// Which tensors a gradient is wanted for.
#[derive(Debug, Clone)]
pub(crate) struct NeedsGrad {
    pub(crate) inputs: Vec<bool>,
    pub(crate) params: Vec<bool>,
}

impl NeedsGrad {
    /// What a step of training needs: the gradients of all parameters that it changes.
    pub(crate) fn of_training(plan: &Plan) -> Self {
        NeedsGrad {
            inputs: vec![false; plan.inputs.len()],
            params: (0..plan.params.len()).map(|param| !plan.frozen.contains(&param)).collect(),
        }
    }

    /// Whether anything is wanted.
    pub(crate) fn any(&self) -> bool {
        self.inputs.iter().chain(&self.params).any(|needed| *needed)
    }

    /// Which of a plan's values need a gradient: those that depend on an input or a parameter with one.
    pub(crate) fn of_values(&self, plan: &Plan) -> Vec<bool> {
        let mut needed = vec![false; plan.shapes.len()];
        for (value, tracked) in plan.inputs.iter().zip(&self.inputs) {
            needed[value.0] = *tracked;
        }
        for step in &plan.steps {
            let by_inputs = step.inputs.iter().any(|input| needed[input.0]);
            let by_params = step.params.iter().any(|param| self.params[param.0]);
            needed[step.output.0] = by_inputs || by_params;
        }
        needed
    }
}

/// What a backward pass is asked for.
pub(crate) struct Wanted<'a, T: ?Sized> {
    /// The gradients.
    pub(crate) needs: &'a NeedsGrad,
    /// Is called with each parameter's number and gradient as soon as the gradient is complete. A gradient
    /// that it takes ([`GradientTaken::Yes`]) is not among those that the pass leaves.
    pub(crate) finished: &'a mut dyn FnMut(usize, &T) -> Result<GradientTaken>,
}

/// What a backward pass leaves.
pub(crate) struct Gradients<T> {
    /// One per input, where needed.
    pub(crate) inputs: Vec<Option<T>>,
    /// One per parameter, where needed.
    pub(crate) params: Vec<Option<T>>,
}
