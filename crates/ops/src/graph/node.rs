//! A plan as a candle custom op: one node, whatever it holds.
//!
//! candle's ops take at most three tensors, so all parameters travel as one flat tensor made by
//! `Tensor::cat`, whose own backward hands each parameter its part of the gradient.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{CpuStorage, CustomOp2, CustomOp3, Device, Layout, Result, Tensor, bail};
use resnet_kernels::{Buffer, layout};

use super::forward::Slots;
use super::plan::Plan;
use super::{Shape, backward, forward};
use crate::Mode;

/// Which tensors a gradient is wanted for.
#[derive(Debug)]
pub(super) struct Tape {
    pub(super) inputs: Vec<bool>,
    pub(super) params: Vec<bool>,
}

/// One run of a plan: what its forward pass kept waits here for the backward pass.
struct Node {
    plan: Arc<Plan>,
    mode: Mode,
    tape: Tape,
    keep: bool,
    kept: Mutex<Option<Slots>>,
}

/// Runs `plan` on checked inputs.
pub(super) fn apply(plan: Arc<Plan>, inputs: &[&Tensor], mode: Mode) -> Result<Tensor> {
    let params = plan.parameters_to_use(mode)?;
    let tape = Tape {
        inputs: inputs.iter().map(|input| input.track_op()).collect(),
        params: params.iter().map(Tensor::track_op).collect(),
    };
    let keep = tape.inputs.iter().chain(&tape.params).any(|tracked| *tracked);
    let flat = if params.is_empty() {
        Tensor::zeros(1, candle_core::DType::F32, &Device::Cpu)?
    } else {
        let flattened = params.iter().map(Tensor::flatten_all).collect::<Result<Vec<_>>>()?;
        Tensor::cat(&flattened, 0)?
    };
    let node = Node { plan, mode, tape, keep, kept: Mutex::new(None) };
    match inputs {
        [x] => x.contiguous()?.apply_op2(&flat, node),
        [x, y] => x.contiguous()?.apply_op3(&y.contiguous()?, &flat, node),
        _ => bail!("a plan takes one or two inputs"),
    }
}

impl Node {
    fn forward(
        &self,
        inputs: &[(&CpuStorage, &Layout)],
        flat: (&CpuStorage, &Layout),
    ) -> Result<(CpuStorage, candle_core::Shape)> {
        let buffers = inputs
            .iter()
            .zip(&self.plan.inputs)
            .map(|((storage, at), value)| {
                Ok(channels_last(contiguous(storage, at)?, self.plan.shapes[value.0]))
            })
            .collect::<Result<Vec<_>>>()?;
        let flat = contiguous(flat.0, flat.1)?;
        let (output, slots) = forward::run(&self.plan, buffers, flat, self.mode, self.keep)?;
        if self.keep {
            *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(slots);
        }
        let shape = self.plan.shapes[self.plan.output.0];
        Ok((CpuStorage::F32(channels_first(&output, shape)), shape.dims().into()))
    }

    fn backward(&self, flat: &Tensor, gradient: &Tensor) -> Result<(Vec<Option<Tensor>>, Option<Tensor>)> {
        let Some(slots) = self.kept.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            bail!(
                "backward ran through this graph before; run forward again, activations are kept for one backward pass"
            );
        };
        let gradient = gradient.contiguous()?;
        let (storage, at) = gradient.storage_and_layout();
        let candle_core::Storage::Cpu(storage) = &*storage else { bail!("the gradient is not on the CPU") };
        let gradient = channels_last(contiguous(storage, at)?, self.plan.shapes[self.plan.output.0]);
        let (flat_storage, flat_at) = flat.storage_and_layout();
        let candle_core::Storage::Cpu(flat_storage) = &*flat_storage else {
            bail!("the parameters are not on the CPU")
        };
        let values = contiguous(flat_storage, flat_at)?;
        let gradients = backward::run(&self.plan, slots, values, self.mode, &self.tape, gradient)?;
        let inputs = gradients
            .inputs
            .into_iter()
            .zip(&self.plan.inputs)
            .map(|(gradient, value)| {
                let shape = self.plan.shapes[value.0];
                let to_tensor = |gradient: Arc<Buffer>| {
                    Tensor::from_vec(channels_first(&gradient, shape), shape.dims(), &Device::Cpu)
                };
                gradient.map(to_tensor).transpose()
            })
            .collect::<Result<Vec<_>>>()?;
        let wanted = self.tape.params.contains(&true);
        let len = gradients.flat.len();
        let flat_gradient =
            wanted.then(|| Tensor::from_vec(gradients.flat, len, &Device::Cpu)).transpose()?;
        Ok((inputs, flat_gradient))
    }
}

impl CustomOp2 for Node {
    fn name(&self) -> &'static str {
        "resnet-plan"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> Result<(CpuStorage, candle_core::Shape)> {
        self.forward(&[(s1, l1)], (s2, l2))
    }

    fn bwd(
        &self,
        _x: &Tensor,
        flat: &Tensor,
        _y: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (mut inputs, flat) = self.backward(flat, gradient)?;
        Ok((inputs.pop().flatten(), flat))
    }
}

impl CustomOp3 for Node {
    fn name(&self) -> &'static str {
        "resnet-plan"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> Result<(CpuStorage, candle_core::Shape)> {
        self.forward(&[(s1, l1), (s2, l2)], (s3, l3))
    }

    fn bwd(
        &self,
        _a: &Tensor,
        _b: &Tensor,
        flat: &Tensor,
        _y: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (mut inputs, flat) = self.backward(flat, gradient)?;
        let second = inputs.pop().flatten();
        Ok((inputs.pop().flatten(), second, flat))
    }
}

pub(super) fn contiguous<'a>(storage: &'a CpuStorage, at: &Layout) -> Result<&'a [f32]> {
    let values = storage.as_slice::<f32>()?;
    match at.contiguous_offsets() {
        Some((start, end)) => Ok(&values[start..end]),
        None => bail!("resnet-ops expected a contiguous tensor"),
    }
}

pub(super) fn channels_last(values: &[f32], shape: Shape) -> Buffer {
    let mut buffer = Buffer::unspecified(values.len());
    layout::nchw_to_nhwc(values, &mut buffer, shape.images(), shape.channels(), shape.pixels());
    buffer
}

pub(super) fn channels_first(buffer: &[f32], shape: Shape) -> Vec<f32> {
    let mut values = vec![0.0; buffer.len()];
    layout::nhwc_to_nchw(buffer, &mut values, shape.images(), shape.channels(), shape.pixels());
    values
}
