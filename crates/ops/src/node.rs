//! A plan as a candle custom op: one node, whatever it holds.
//!
//! candle's ops take at most three tensors, so all parameters travel as one handle (`crate::parameters`).

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{CpuStorage, CustomOp2, CustomOp3, DType, Device, Layout, Result, Tensor, bail};

use crate::executor::{Executor, Keep, NeedsGrad, Wanted};
use crate::mode::Mode;
use crate::parameters::{Parameters, contiguous, with_values};
use crate::part::{GradientTaken, on_gradient};
use crate::plan::Plan;
use crate::standardise::standardise_weight;

/// What runs plans on candle's CPU tensors.
pub(crate) trait CpuExecutor: Executor<Slice = [f32], Owned = Vec<f32>> + Send + Sync {}

impl<E: Executor<Slice = [f32], Owned = Vec<f32>> + Send + Sync> CpuExecutor for E {}

/// One run of a plan: what its forward pass kept waits here for the backward pass.
struct Node<E: Executor> {
    executor: E,
    plan: Arc<Plan>,
    mode: Mode,
    needs: NeedsGrad,
    params: Parameters,
    kept: Mutex<Option<E::Kept>>,
}

/// Runs `plan` on inputs that [`check_inputs`] has passed.
pub(crate) fn apply(
    executor: impl CpuExecutor + 'static,
    plan: Arc<Plan>,
    inputs: &[&Tensor],
    mode: Mode,
) -> Result<Tensor> {
    let params = Parameters::new(parameters_to_use(&plan, mode)?)?;
    let needs =
        NeedsGrad { inputs: inputs.iter().map(|input| input.track_op()).collect(), params: params.tracked() };
    let handle = params.handle()?;
    let node = Node { executor, plan, mode, needs, params, kept: Mutex::new(None) };
    match inputs {
        [x] => x.contiguous()?.apply_op2(&handle, node),
        [x, y] => x.contiguous()?.apply_op3(&y.contiguous()?, &handle, node),
        _ => bail!("a plan takes one or two inputs"),
    }
}

/// Checks that `inputs` have the number, shapes and type that the plan was traced for.
pub(crate) fn check_inputs(plan: &Plan, inputs: &[&Tensor]) -> Result<()> {
    if inputs.len() != plan.inputs.len() {
        bail!("the plan takes {} inputs, not {}", plan.inputs.len(), inputs.len());
    }
    for (input, value) in inputs.iter().zip(&plan.inputs) {
        let expected = plan.shape(*value).dims();
        if input.dims() != expected {
            bail!("the plan was traced for an input of {expected:?}, not {:?}", input.dims());
        }
        check(input)?;
    }
    Ok(())
}

/// Checks that a tensor is f32 on the CPU.
pub(crate) fn check(tensor: &Tensor) -> Result<()> {
    if tensor.dtype() != DType::F32 {
        bail!("resnet-ops computes in f32, got a tensor of {:?}; convert it with to_dtype", tensor.dtype());
    }
    if !matches!(tensor.device(), Device::Cpu) {
        bail!("resnet-ops runs on the CPU, got a tensor on {:?}; move it with to_device", tensor.device());
    }
    Ok(())
}

/// The parameters as steps use them: constants in `Mode::Eval` or where frozen, filters standardised where
/// asked for.
pub(crate) fn parameters_to_use(plan: &Plan, mode: Mode) -> Result<Vec<Tensor>> {
    let mut params: Vec<Tensor> = match mode {
        Mode::Train => plan.params.clone(),
        Mode::Eval => plan.params.iter().map(Tensor::detach).collect(),
    };
    for &index in &plan.frozen {
        params[index] = params[index].detach();
    }
    for (index, eps) in &plan.standardised {
        params[*index] = standardise_weight(&params[*index], *eps)?;
    }
    Ok(params)
}

impl<E: CpuExecutor> Node<E> {
    fn forward(&self, inputs: &[(&CpuStorage, &Layout)]) -> Result<(CpuStorage, candle_core::Shape)> {
        let inputs: Vec<&[f32]> =
            inputs.iter().map(|(storage, at)| contiguous(storage, at)).collect::<Result<_>>()?;
        let keep = if self.needs.any() { Keep::ForBackward(&self.needs) } else { Keep::Nothing };
        let run = |params: &[&[f32]]| self.executor.forward(&self.plan, &inputs, params, self.mode, keep);
        let (output, kept) = self.params.with_values(run)?;
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = kept;
        Ok((CpuStorage::F32(output), self.plan.shape(self.plan.output).dims().into()))
    }

    /// The gradients of the inputs and of the parameters' handle, from that of the output. candle insists on
    /// one for each tensor that is computed from a variable, even if the output does not depend on it.
    fn backward(
        &self,
        inputs: &[&Tensor],
        gradient: &Tensor,
    ) -> Result<(Vec<Option<Tensor>>, Option<Tensor>)> {
        let Some(kept) = self.kept.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            bail!(
                "backward ran through this graph before; run forward again, activations are kept for one backward pass"
            );
        };
        let shown_to = on_gradient();
        let mut finished = |param, gradient: &[f32]| match (&shown_to, self.params.variable(param)) {
            (Some(show), Some(variable)) => show(variable, gradient),
            _ => Ok(GradientTaken::No),
        };
        let gradients = with_values(&gradient.contiguous()?, |gradient| {
            self.params.with_values(|params| {
                let wanted = Wanted { needs: &self.needs, finished: &mut finished };
                self.executor.backward(&self.plan, kept, params, self.mode, wanted, gradient)
            })
        })?;
        let to_tensor = |(gradient, input): (Option<Vec<f32>>, &&Tensor)| match gradient {
            Some(gradient) => Tensor::from_vec(gradient, input.dims(), &Device::Cpu).map(Some),
            None if input.track_op() && !input.is_variable() => input.zeros_like().map(Some),
            None => Ok(None),
        };
        let inputs = gradients.inputs.into_iter().zip(inputs).map(to_tensor);
        Ok((inputs.collect::<Result<Vec<_>>>()?, self.params.leave_gradients(gradients.params)?))
    }
}

impl<E: CpuExecutor> CustomOp2 for Node<E> {
    fn name(&self) -> &'static str {
        "resnet-plan"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        _handle: &CpuStorage,
        _at: &Layout,
    ) -> Result<(CpuStorage, candle_core::Shape)> {
        self.forward(&[(s1, l1)])
    }

    fn bwd(
        &self,
        x: &Tensor,
        _handle: &Tensor,
        _y: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (mut inputs, handle) = self.backward(&[x], gradient)?;
        Ok((inputs.pop().flatten(), handle))
    }
}

impl<E: CpuExecutor> CustomOp3 for Node<E> {
    fn name(&self) -> &'static str {
        "resnet-plan"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        _handle: &CpuStorage,
        _at: &Layout,
    ) -> Result<(CpuStorage, candle_core::Shape)> {
        self.forward(&[(s1, l1), (s2, l2)])
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        _handle: &Tensor,
        _y: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (mut inputs, handle) = self.backward(&[a, b], gradient)?;
        let second = inputs.pop().flatten();
        Ok((inputs.pop().flatten(), second, handle))
    }
}
