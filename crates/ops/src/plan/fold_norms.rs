//! A plan for inference: batch norm folded into the weights of the convolution before it, additions and ReLU
//! into its store.
//!
//! What stays is what can't be folded: the BN-ReLU of a pre-activation unit's first convolution, whose input
//! the shortcut reads as well.

use candle_core::{DType, Device, Result, Tensor};
use resnet_kernels::norm::{Activation, ScaleShift};

use super::step::{BatchNormStep, Op, Step};
use super::value::{Param, Value};
use super::{Plan, fuse};

impl Plan {
    /// The same network with its norms folded into `params`, the values of its parameters, which grow.
    pub(crate) fn fold_for_inference(&self, params: &mut Vec<Vec<f32>>) -> Result<Plan> {
        let mut steps = self.steps.clone();
        fold_norms(&mut steps, params, self.shapes.len(), self.output)?;
        fuse::fold_into_store(&mut steps, self.shapes.len(), self.output, fuse::FoldRelu::Yes);
        let tensors = params
            .iter()
            .map(|param| Tensor::from_slice(param, param.len(), &Device::Cpu))
            .collect::<Result<Vec<_>>>()?;
        Ok(Plan::of_steps(steps, self.shapes.clone(), self.inputs.clone(), tensors, self.output))
    }

    /// Forgets the parameters that `is_read` says no to, in the plan and in `params`: what an executor has
    /// prepared need not be there twice.
    pub(crate) fn forget(self, params: &mut [Vec<f32>], is_read: impl Fn(Param) -> bool) -> Result<Plan> {
        let mut tensors = self.params;
        for (index, (tensor, values)) in tensors.iter_mut().zip(params).enumerate() {
            if !is_read(Param(index)) {
                *values = vec![];
                *tensor = Tensor::zeros(0, DType::F32, &Device::Cpu)?;
            }
        }
        Ok(Plan::of_steps(self.steps, self.shapes, self.inputs, tensors, self.output))
    }
}

impl BatchNormStep {
    /// What it does to its input with the running statistics.
    pub(crate) fn running_map(&self, gamma: &[f32], beta: &[f32]) -> Result<ScaleShift> {
        Ok(ScaleShift::new(gamma, beta, &self.running.moments()?, self.eps))
    }
}

/// Folds `norm(conv(x))` into the convolution's weights and bias where nobody else sees the convolution's
/// output: `w' = w scale`, `b' = b scale + shift`, the norm's ReLU into the store.
fn fold_norms(steps: &mut Vec<Step>, params: &mut Vec<Vec<f32>>, values: usize, output: Value) -> Result<()> {
    let (producers, readers) = fuse::producers_and_readers(steps, values, output);
    let mut folded = vec![false; steps.len()];
    for index in 0..steps.len() {
        let Step { op: Op::BatchNorm(norm), inputs, output: y, params: affine, .. } = &steps[index] else {
            continue;
        };
        let (x, y, activation) = (inputs[0], *y, norm.activation);
        let Some(at) = producers[x.0].filter(|_| readers[x.0] == 1) else { continue };
        let map = norm.running_map(&params[affine[0].0], &params[affine[1].0])?;
        let Step { op: Op::Conv(conv), inputs, output, params: filters, .. } = &mut steps[at] else {
            continue;
        };
        if inputs.len() > 1 || conv.activation != Activation::Identity {
            continue;
        }
        conv.activation = activation;
        *output = y;
        fold_map(filters, params, &map);
        folded[index] = true;
    }
    fuse::remove(steps, &folded);
    Ok(())
}

/// Folds `map` into a convolution's weight and bias, which become parameters of its own: another convolution
/// may share the old ones.
fn fold_map(filters: &mut Vec<Param>, params: &mut Vec<Vec<f32>>, map: &ScaleShift) {
    let weight = &params[filters[0].0];
    let filter = weight.len() / map.scale.len();
    let scaled = weight.chunks_exact(filter.max(1)).zip(&map.scale);
    let weight = scaled.flat_map(|(filter, scale)| filter.iter().map(move |w| w * scale)).collect();
    let bias = match filters.get(1) {
        Some(bias) => {
            let terms = params[bias.0].iter().zip(&map.scale).zip(&map.shift);
            terms.map(|((bias, scale), shift)| bias.mul_add(*scale, *shift)).collect()
        }
        None => map.shift.clone(),
    };
    params.push(weight);
    params.push(bias);
    *filters = vec![Param(params.len() - 2), Param(params.len() - 1)];
}
