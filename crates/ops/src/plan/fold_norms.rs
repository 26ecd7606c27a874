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

/// A parameter of a folded plan. Filters are scaled when they are asked for: a network's folded weights
/// never lie in memory all at once.
#[derive(Debug)]
pub(crate) struct FoldedParam {
    tensor: Tensor,
    /// What each output channel is multiplied with.
    scale: Option<Vec<f32>>,
}

impl FoldedParam {
    fn given(tensor: &Tensor) -> Self {
        FoldedParam { tensor: tensor.clone(), scale: None }
    }

    fn of(values: Vec<f32>) -> Result<Self> {
        let len = values.len();
        Ok(FoldedParam { tensor: Tensor::from_vec(values, len, &Device::Cpu)?, scale: None })
    }

    /// The same filters, scaled by `scale` as well.
    fn scaled(&self, scale: &[f32]) -> Self {
        let product = |present: &Vec<f32>| present.iter().zip(scale).map(|(a, b)| a * b).collect();
        let scale = self.scale.as_ref().map_or_else(|| scale.to_vec(), product);
        FoldedParam { tensor: self.tensor.clone(), scale: Some(scale) }
    }

    /// Its values.
    pub(crate) fn values(&self) -> Result<Vec<f32>> {
        let mut values: Vec<f32> = self.tensor.flatten_all()?.to_vec1()?;
        if let Some(scale) = &self.scale {
            let filter = (values.len() / scale.len().max(1)).max(1);
            for (filter, scale) in values.chunks_exact_mut(filter).zip(scale) {
                filter.iter_mut().for_each(|weight| *weight *= scale);
            }
        }
        Ok(values)
    }
}

impl Plan {
    /// The same network with its norms folded into its parameters, whose values are `params`. The plan
    /// itself holds no values: an executor keeps what it reads, as it likes best.
    pub(crate) fn fold_for_inference(&self, params: &[Tensor]) -> Result<(Plan, Vec<FoldedParam>)> {
        let mut steps = self.steps.clone();
        let mut params: Vec<_> = params.iter().map(FoldedParam::given).collect();
        fold_norms(&mut steps, &mut params, self.shapes.len(), self.output)?;
        fuse::fold_into_store(&mut steps, self.shapes.len(), self.output, fuse::FoldRelu::Yes);
        let none = Tensor::zeros(0, DType::F32, &Device::Cpu)?;
        let none = vec![none; params.len()];
        let plan = Plan::of_steps(steps, self.shapes.clone(), self.inputs.clone(), none, self.output);
        Ok((plan, params))
    }
}

impl BatchNormStep {
    /// The scale and shift per channel that it applies with the running statistics.
    pub(crate) fn running_map(&self, gamma: &[f32], beta: &[f32]) -> Result<ScaleShift> {
        Ok(ScaleShift::new(gamma, beta, &self.running.moments()?, self.eps))
    }
}

/// Folds `norm(conv(x))` into the convolution's weights and bias where nobody else sees the convolution's
/// output: `w' = w scale`, `b' = b scale + shift`, the norm's ReLU into the store.
fn fold_norms(
    steps: &mut Vec<Step>,
    params: &mut Vec<FoldedParam>,
    values: usize,
    output: Value,
) -> Result<()> {
    let (producers, readers) = fuse::producers_and_readers(steps, values, output);
    let mut folded = vec![false; steps.len()];
    for index in 0..steps.len() {
        let Step { op: Op::BatchNorm(norm), inputs, output: y, params: affine, .. } = &steps[index] else {
            continue;
        };
        let (x, y, activation) = (inputs[0], *y, norm.activation);
        let Some(at) = producers[x.0].filter(|_| readers[x.0] == 1) else { continue };
        let map = norm.running_map(&params[affine[0].0].values()?, &params[affine[1].0].values()?)?;
        let Step { op: Op::Conv(conv), inputs, output, params: filters, .. } = &mut steps[at] else {
            continue;
        };
        if inputs.len() > 1 || conv.activation != Activation::Identity {
            continue;
        }
        conv.activation = activation;
        *output = y;
        fold_map(filters, params, map)?;
        folded[index] = true;
    }
    fuse::remove(steps, &folded);
    Ok(())
}

/// Folds `map` into a convolution's weight and bias, which become parameters of its own: another convolution
/// may share the old ones.
fn fold_map(filters: &mut Vec<Param>, params: &mut Vec<FoldedParam>, map: ScaleShift) -> Result<()> {
    let weight = params[filters[0].0].scaled(&map.scale);
    let bias = match filters.get(1) {
        Some(bias) => {
            let bias = params[bias.0].values()?;
            let terms = bias.iter().zip(&map.scale).zip(&map.shift);
            terms.map(|((bias, scale), shift)| bias.mul_add(*scale, *shift)).collect()
        }
        None => map.shift,
    };
    params.extend([weight, FoldedParam::of(bias)?]);
    *filters = vec![Param(params.len() - 2), Param(params.len() - 1)];
    Ok(())
}
