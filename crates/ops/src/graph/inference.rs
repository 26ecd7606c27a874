//! A plan for inference alone: batch norm folded into the convolution before it, additions and ReLU into its
//! store, filters packed once.
//!
//! What stays is what can't be folded: the BN-ReLU of a pre-activation unit's first convolution, whose input
//! the shortcut reads as well. The next convolution applies it while it loads.

use std::collections::HashSet;
use std::sync::Arc;

use candle_core::{Device, Result, Tensor, bail};
use resnet_kernels::conv::{Algorithm, PackedFilters};
use resnet_kernels::norm::{Activation, ScaleShift};

use super::forward::NormState;
use super::plan::{LayerInfo, Plan};
use super::{Param, Value, forward, fuse, isa, node};
use crate::Mode;
use crate::steps::{Conv, Norm, Step};

/// A network made ready for inference: it holds the weights and running statistics of the moment it was made.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_nn::{VarBuilder, VarMap};
/// use resnet_ops::{BatchNorm, Conv2d, ConvConfig, Graph, Mode, Shape};
///
/// # fn main() -> candle_core::Result<()> {
/// let variables = VarMap::new();
/// let vb = VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu);
/// let conv = Conv2d::new(3, 8, ConvConfig { kernel: 3, stride: 1, padding: 1 }, vb.pp("conv1"))?;
/// let norm = BatchNorm::new(8, vb.pp("bn1"))?;
///
/// let x = Tensor::randn(0f32, 1.0, (4, 3, 10, 10), &Device::Cpu)?;
/// let mut graph = Graph::new();
/// let input = graph.input(Shape::of(&x)?);
/// let y = conv.record(&mut graph, input)?;
/// let y = norm.record_relu(&mut graph, y)?;
/// let plan = graph.finish(y)?;
///
/// let ready = plan.for_inference()?;
/// // The mean, and not the maximum, which could overlook a NaN.
/// let difference = (ready.run(&x)? - plan.run(&[&x], Mode::Eval)?)?.abs()?.mean_all()?;
/// assert!(difference.to_scalar::<f32>()? < 1e-6);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Inference {
    plan: Plan,
    flat: Vec<f32>,
    ready: Ready,
}

/// What steps find prepared, by the value they set.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) filters: Vec<Option<Arc<PackedFilters>>>,
    pub(super) norms: Vec<Option<Arc<NormState>>>,
}

impl Plan {
    /// The same network for inference, with the present weights and running statistics.
    ///
    /// # Errors
    /// If the plan has two inputs, or a parameter is not f32 on the CPU.
    pub fn for_inference(&self) -> Result<Inference> {
        if self.inputs.len() != 1 {
            bail!("inference takes networks of one input, not of {}", self.inputs.len());
        }
        let params = self.parameters_to_use(Mode::Eval)?;
        let mut params: Vec<Vec<f32>> =
            params.iter().map(|param| param.flatten_all()?.to_vec1()).collect::<Result<_>>()?;
        let mut steps = self.steps.clone();
        fold_norms(&mut steps, &mut params, self.shapes.len(), self.output)?;
        fuse::fold_into_store(&mut steps, self.shapes.len(), self.output, fuse::Relu::Fold);
        let ready = Ready::new(&steps, &params, self.shapes.len())?;
        // What is packed or folded is not read again.
        let read: HashSet<usize> = steps
            .iter()
            .flat_map(|step| match step {
                Step::Conv(conv) => conv.bias.into_iter().collect(),
                Step::Norm(_) => vec![],
                step => step.params(),
            })
            .map(|param| param.0)
            .collect();
        for index in (0..params.len()).filter(|index| !read.contains(index)) {
            params[index].clear();
        }
        let flat = params.concat();
        let tensors = params
            .into_iter()
            .map(|param| {
                let len = param.len();
                Tensor::from_vec(param, len, &Device::Cpu)
            })
            .collect::<Result<Vec<_>>>()?;
        let plan = Plan::of_steps(steps, self.shapes.clone(), self.inputs.clone(), tensors, self.output);
        Ok(Inference { plan, flat, ready })
    }
}

impl Ready {
    fn new(steps: &[Step], params: &[Vec<f32>], values: usize) -> Result<Self> {
        let mut ready = Ready { filters: vec![None; values], norms: vec![None; values] };
        let isa = isa()?;
        for step in steps {
            match step {
                Step::Conv(conv) => {
                    let algorithm = Algorithm::choose(isa, &conv.shape);
                    let filters = PackedFilters::new(algorithm, isa, &conv.shape, &params[conv.weight.0]);
                    ready.filters[conv.y.0] = Some(Arc::new(filters));
                }
                Step::Norm(norm) => {
                    let (moments, map) = (norm.running.moments()?, norm_map(norm, params)?);
                    let state = NormState { moments, map, activation: norm.activation };
                    ready.norms[norm.y.0] = Some(Arc::new(state));
                }
                _ => {}
            }
        }
        Ok(ready)
    }
}

impl Inference {
    /// What is left to do, in order.
    pub fn layers(&self) -> Vec<LayerInfo> {
        self.plan.layers()
    }

    /// The network's output for `x`.
    ///
    /// # Errors
    /// If `x` is not f32 on the CPU, or has another shape than the network was recorded for.
    pub fn run(&self, x: &Tensor) -> Result<Tensor> {
        self.plan.check_inputs(&[x])?;
        let x = x.contiguous()?;
        let (storage, layout) = x.storage_and_layout();
        let candle_core::Storage::Cpu(storage) = &*storage else { bail!("the input is not on the CPU") };
        let input =
            node::channels_last(node::contiguous(storage, layout)?, self.plan.shapes[self.plan.inputs[0].0]);
        let output = forward::run_ready(&self.plan, input, &self.flat, &self.ready)?;
        let shape = self.plan.shapes[self.plan.output.0];
        Tensor::from_vec(node::channels_first(&output, shape), shape.dims(), &Device::Cpu)
    }
}

fn norm_map(norm: &Norm, params: &[Vec<f32>]) -> Result<ScaleShift> {
    let (gamma, beta) = (&params[norm.weight.0], &params[norm.bias.0]);
    Ok(ScaleShift::new(gamma, beta, &norm.running.moments()?, norm.eps))
}

/// Folds `norm(conv(x))` into the convolution's weights and bias where nobody else sees the convolution's
/// output: `w' = w scale`, `b' = b scale + shift`, the norm's ReLU into the store.
fn fold_norms(steps: &mut Vec<Step>, params: &mut Vec<Vec<f32>>, values: usize, output: Value) -> Result<()> {
    let (producers, readers) = fuse::producers_and_readers(steps, values, output);
    let mut folded = vec![false; steps.len()];
    for index in 0..steps.len() {
        let Step::Norm(norm) = &steps[index] else { continue };
        let Some(at) = producers[norm.x.0].filter(|_| readers[norm.x.0] == 1) else { continue };
        let (map, y, activation) = (norm_map(norm, params)?, norm.y, norm.activation);
        let Step::Conv(conv) = &mut steps[at] else { continue };
        if conv.residual.is_some() || conv.activation != Activation::Identity {
            continue;
        }
        fold_map(conv, params, &map);
        conv.y = y;
        conv.activation = activation;
        folded[index] = true;
    }
    let mut folded = folded.into_iter();
    steps.retain(|_| !folded.next().unwrap_or(false));
    Ok(())
}

/// The convolution gets parameters of its own: another may share the old ones.
fn fold_map(conv: &mut Conv, params: &mut Vec<Vec<f32>>, map: &ScaleShift) {
    let weight = &params[conv.weight.0];
    let filter = weight.len() / map.scale.len();
    let scaled = weight.chunks_exact(filter.max(1)).zip(&map.scale);
    let weight = scaled.flat_map(|(filter, scale)| filter.iter().map(move |w| w * scale)).collect();
    let bias = match conv.bias {
        Some(bias) => {
            let terms = params[bias.0].iter().zip(&map.scale).zip(&map.shift);
            terms.map(|((bias, scale), shift)| bias.mul_add(*scale, *shift)).collect()
        }
        None => map.shift.clone(),
    };
    params.push(weight);
    params.push(bias);
    conv.weight = Param(params.len() - 2);
    conv.bias = Some(Param(params.len() - 1));
}
