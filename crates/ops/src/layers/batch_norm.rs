//! The batch norm layer.

use std::sync::Arc;

use candle_core::{Result, Tensor, Var, bail};
use candle_nn::{Init, VarBuilder};
use resnet_kernels::norm::Activation;

use super::{Layer, checked_eps, module_t};
use crate::plan::step::{BatchNormStep, Op, RunningStatistics};
use crate::plan::{Graph, Value};

/// Batch norm over `[N, C, H, W]` with running statistics, as PyTorch's: the running variance is the unbiased
/// one. A training step on fewer than two values per channel is an error, since they have no variance.
#[derive(Debug, Clone)]
pub struct BatchNorm {
    name: String,
    weight: Tensor,
    bias: Tensor,
    running: RunningStatistics,
    eps: f64,
    momentum: f64,
}

impl BatchNorm {
    /// The default `eps`, as in PyTorch.
    pub const EPS: f64 = 1e-5;
    /// The default weight of the newest batch in the running statistics, as in PyTorch.
    pub const MOMENTUM: f64 = 0.1;

    /// Takes `weight`, `bias`, `running_mean` and `running_var` from `vb`; eps 1e-5, momentum 0.1.
    ///
    /// # Errors
    /// If `vb` lacks one of them.
    pub fn new(channels: usize, vb: VarBuilder) -> Result<Self> {
        let get = |name, value| vb.get_with_hints(channels, name, Init::Const(value));
        let (weight, bias) = (get("weight", 1.0)?, get("bias", 0.0)?);
        let mean = Var::from_tensor(&get("running_mean", 0.0)?)?;
        let var = Var::from_tensor(&get("running_var", 1.0)?)?;
        Ok(BatchNorm { name: vb.prefix(), ..Self::from_tensors(weight, bias, mean, var) })
    }

    /// A layer from tensors, each `[C]`: scale, shift and the two running statistics, which training updates;
    /// eps 1e-5, momentum 0.1. Tracing checks that the lengths agree.
    pub fn from_tensors(weight: Tensor, bias: Tensor, running_mean: Var, running_var: Var) -> Self {
        let running = RunningStatistics { mean: Arc::new(running_mean), var: Arc::new(running_var) };
        let (eps, momentum) = (Self::EPS, Self::MOMENTUM);
        BatchNorm { name: String::new(), weight, bias, running, eps, momentum }
    }

    /// The same layer with another `eps`, which is added to the variance before its root is taken.
    ///
    /// # Errors
    /// If `eps` is not positive and finite.
    pub fn with_eps(self, eps: f64) -> Result<Self> {
        Ok(BatchNorm { eps: checked_eps(eps)?, ..self })
    }

    /// The same layer with another weight of the newest batch in the running statistics.
    ///
    /// # Errors
    /// If `momentum` is not in `[0, 1]`.
    pub fn with_momentum(self, momentum: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&momentum) {
            bail!("batch norm's momentum is in [0, 1], not {momentum}");
        }
        Ok(BatchNorm { momentum, ..self })
    }

    /// The scale, `[C]`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// The shift, `[C]`.
    pub fn bias(&self) -> &Tensor {
        &self.bias
    }

    /// Running mean and running variance, `[C]` each.
    pub fn running_statistics(&self) -> (&Var, &Var) {
        (&self.running.mean, &self.running.var)
    }

    /// Appends normalisation and ReLU to `graph`: the pre-activation of figure 4(e).
    ///
    /// # Errors
    /// If `x` has another number of channels.
    pub fn trace_relu(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        self.trace_with(graph, x, Activation::Relu)
    }

    fn trace_with(&self, graph: &mut Graph, x: Value, activation: Activation) -> Result<Value> {
        let (shape, mine) = (graph.shape(x), self.weight.elem_count());
        for tensor in [&self.bias, self.running.mean.as_tensor(), self.running.var.as_tensor()] {
            if tensor.elem_count() != mine {
                bail!("batch norm {}: its four tensors have different lengths", self.name);
            }
        }
        if mine == 0 {
            bail!("batch norm {} has no channels", self.name);
        }
        if shape.channels() != mine {
            bail!("batch norm {} takes {mine} channels, got {}", self.name, shape.channels());
        }
        let step = BatchNormStep {
            running: self.running.clone(),
            eps: self.eps as f32,
            momentum: self.momentum,
            activation,
            statistics: graph.norm_statistics(),
        };
        let params = [&self.weight, &self.bias].map(|tensor| graph.param(tensor));
        Ok(graph.push_layer(&self.name, Op::BatchNorm(step), &[x], &params, shape))
    }
}

impl Layer for BatchNorm {
    /// Normalisation alone.
    ///
    /// # Errors
    /// If `x` has another number of channels.
    fn trace(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        self.trace_with(graph, x, Activation::Identity)
    }
}

module_t!(BatchNorm);
