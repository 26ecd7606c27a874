//! A plan for inference: batch norm folded into the weights of the convolution before it, additions and ReLU
//! into its store; dropout and stochastic depth, which change nothing in evaluation, left out.
//!
//! What stays is what can't be folded: the BN-ReLU of a pre-activation unit's first convolution, whose input
//! the shortcut reads as well.

use candle_core::{DType, Device, Result, Tensor};
use resnet_kernels::norm::{Activation, ScaleShift};

use super::step::{BatchNormStep, Op, Step};
use super::value::{Param, Shape, Value};
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
        let (mut steps, values) = (self.steps.clone(), self.shapes.len());
        let mut params: Vec<_> = params.iter().map(FoldedParam::given).collect();
        let output = leave_out_drops(&mut steps, values, self.output);
        fold_norms(&mut steps, &mut params, values, output)?;
        fuse::fold_into_store(&mut steps, values, output, fuse::FoldRelu::Yes);
        let (shapes, inputs, output) = number_anew(&mut steps, &self.shapes, &self.inputs, output);
        let none = Tensor::zeros(0, DType::F32, &Device::Cpu)?;
        let none = vec![none; params.len()];
        Ok((Plan::of_steps(steps, shapes, inputs, none, output), params))
    }
}

/// Removes dropout and stochastic depth: what reads their output reads their input instead. Returns what is
/// then the plan's output.
fn leave_out_drops(steps: &mut Vec<Step>, values: usize, output: Value) -> Value {
    let mut read: Vec<Value> = (0..values).map(Value).collect();
    for step in steps.iter_mut() {
        step.inputs.iter_mut().for_each(|input| *input = read[input.0]);
        if let Op::Drop(_) = step.op {
            read[step.output.0] = step.inputs[0];
        }
    }
    steps.retain(|step| !matches!(step.op, Op::Drop(_)));
    read[output.0]
}

/// Numbers values in the order in which they are set: the inputs, then what the steps that are left set. So
/// the same layers give the same numbers, whatever training adds to them. Returns the shapes of all values,
/// the inputs and the output.
fn number_anew(
    steps: &mut [Step],
    shapes: &[Shape],
    inputs: &[Value],
    output: Value,
) -> (Vec<Shape>, Vec<Value>, Value) {
    let set: Vec<Value> = inputs.iter().copied().chain(steps.iter().map(|step| step.output)).collect();
    let mut numbers: Vec<Value> = (0..shapes.len()).map(Value).collect();
    for (number, value) in set.iter().enumerate() {
        numbers[value.0] = Value(number);
    }
    for step in steps {
        step.inputs.iter_mut().for_each(|input| *input = numbers[input.0]);
        step.output = numbers[step.output.0];
    }
    let shapes = set.iter().map(|value| shapes[value.0]).collect();
    (shapes, (0..inputs.len()).map(Value).collect(), numbers[output.0])
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
