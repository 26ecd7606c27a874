//! Running a plan: as one candle node, or folded for inference. Chooses the executor.

use std::sync::Arc;

use candle_core::{Device, Result, Tensor, bail};

use crate::cpu::{Cpu, Ready};
use crate::executor::Executor;
use crate::mode::Mode;
use crate::node;
use crate::parameters;
use crate::plan::{LayerInfo, Plan};
use crate::stopwatch::{StepCost, Stopwatch};

impl Plan {
    /// Runs the plan as one candle node on the traced inputs. In [`Mode::Eval`] parameters are constants, and
    /// gradients flow to the inputs alone. candle's `backward` can pass through the result once, since it
    /// frees activations on its way: add up losses before it.
    ///
    /// # Errors
    /// If an input or parameter is not f32 on the CPU, or an input has another shape than it was traced with;
    /// and, in [`Mode::Train`], if a batch norm has fewer than two values per channel.
    pub fn run(self: &Arc<Self>, inputs: &[&Tensor], mode: Mode) -> Result<Tensor> {
        self.run_on(Cpu::default(), inputs, mode)
    }

    /// As [`Plan::run`]; `stopwatch` takes the time of each step, also in the backward pass through the
    /// result.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use candle_core::{DType, Device, Tensor};
    /// use candle_nn::VarBuilder;
    /// use resnet_ops::{Graph, Layer, Linear, Mode, Pass, Shape, Stopwatch};
    ///
    /// # fn main() -> candle_core::Result<()> {
    /// let layer = Linear::new(4, 2, VarBuilder::zeros(DType::F32, &Device::Cpu).pp("fc"))?;
    /// let x = Tensor::zeros((8, 4), DType::F32, &Device::Cpu)?;
    /// let mut graph = Graph::new();
    /// let input = graph.input(Shape::of(&x)?);
    /// let output = layer.trace(&mut graph, input)?;
    /// let plan = graph.finish(output)?;
    /// let stopwatch = Arc::new(Stopwatch::default());
    /// plan.run_timed(&[&x], Mode::Train, &stopwatch)?;
    /// let costs = plan.costs(&stopwatch);
    /// assert_eq!((costs[0].layer.name.as_str(), costs[0].pass), ("fc", Pass::Forward));
    /// assert_eq!(costs[0].multiply_adds, 8 * 4 * 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub fn run_timed(
        self: &Arc<Self>,
        inputs: &[&Tensor],
        mode: Mode,
        stopwatch: &Arc<Stopwatch>,
    ) -> Result<Tensor> {
        self.run_on(Cpu { stopwatch: Some(stopwatch.clone()) }, inputs, mode)
    }

    fn run_on(self: &Arc<Self>, cpu: Cpu, inputs: &[&Tensor], mode: Mode) -> Result<Tensor> {
        node::check_inputs(self, inputs)?;
        self.params.iter().try_for_each(node::check)?;
        node::apply(cpu, self.clone(), inputs, mode)
    }

    /// An estimate of a training step's memory in bytes: activations kept for backward and those that are
    /// computed again, the buffers in flight and, for every parameter, the value and its gradient.
    pub fn training_bytes(&self) -> usize {
        Cpu::default().training_bytes(self)
    }

    /// The same network for inference, with the present weights and running statistics.
    ///
    /// # Errors
    /// If the plan has two inputs, or a parameter is not f32 on the CPU.
    pub fn for_inference(&self) -> Result<FoldedPlan> {
        self.check_one_input()?;
        let params = node::parameters_to_use(self, Mode::Eval)?;
        let (plan, params) = self.fold_for_inference(&params)?;
        Ok(FoldedPlan { ready: Cpu::default().prepare(plan, &params)? })
    }

    /// As [`Plan::for_inference`], for images of another number or size than those of `other`, a plan of the
    /// same layers. The result shares the weights and statistics that `other` holds; those of this plan are
    /// not used.
    ///
    /// # Errors
    /// If the plan has two inputs.
    ///
    /// # Panics
    /// If this plan has other layers than `other`.
    pub fn for_inference_like(&self, other: &FoldedPlan) -> Result<FoldedPlan> {
        self.check_one_input()?;
        let (plan, _) = self.fold_for_inference(&self.params)?;
        Ok(FoldedPlan { ready: Cpu::default().prepare_like(plan, &other.ready) })
    }

    fn check_one_input(&self) -> Result<()> {
        match self.inputs.len() {
            1 => Ok(()),
            inputs => bail!("inference takes networks of one input, not of {inputs}"),
        }
    }
}

/// A plan for inference: batch norm folded into the convolution before it, additions and ReLU into its store,
/// dropout and stochastic depth left out, filters packed once. It holds the weights and running statistics of
/// the moment it was made.
///
/// Freed activations stay in the process, kept by size for the next run. Where plans for many shapes run, or
/// after a large batch, [`release_free_memory`](crate::release_free_memory) gives them back to the system.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_nn::{VarBuilder, VarMap};
/// use resnet_ops::{BatchNorm, Conv2d, ConvConfig, Graph, Layer, Mode, Shape};
///
/// # fn main() -> candle_core::Result<()> {
/// let variables = VarMap::new();
/// let vb = VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu);
/// let conv = Conv2d::new(3, 8, ConvConfig::same(3), vb.pp("conv1"))?;
/// let norm = BatchNorm::new(8, vb.pp("bn1"))?;
///
/// let x = Tensor::randn(0f32, 1.0, (4, 3, 10, 10), &Device::Cpu)?;
/// let mut graph = Graph::new();
/// let input = graph.input(Shape::of(&x)?);
/// let y = conv.trace(&mut graph, input)?;
/// let y = norm.trace_relu(&mut graph, y)?;
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
pub struct FoldedPlan {
    ready: Ready,
}

impl FoldedPlan {
    /// The steps that folding has left, in order.
    pub fn layers(&self) -> Vec<LayerInfo> {
        self.ready.plan().layers()
    }

    /// The network's output for `x`, through which no gradient goes.
    ///
    /// # Errors
    /// If `x` is not f32 on the CPU, or has another shape than the network was traced for.
    pub fn run(&self, x: &Tensor) -> Result<Tensor> {
        self.run_on(&Cpu::default(), x)
    }

    /// The same; `stopwatch` takes the time of each step.
    ///
    /// # Errors
    /// As [`FoldedPlan::run`].
    pub fn run_timed(&self, x: &Tensor, stopwatch: &Arc<Stopwatch>) -> Result<Tensor> {
        self.run_on(&Cpu { stopwatch: Some(stopwatch.clone()) }, x)
    }

    /// What `stopwatch` saw of the steps that are left, as [`Plan::costs`] says it.
    pub fn costs(&self, stopwatch: &Stopwatch) -> Vec<StepCost> {
        self.ready.plan().costs(stopwatch)
    }

    fn run_on(&self, cpu: &Cpu, x: &Tensor) -> Result<Tensor> {
        let plan = self.ready.plan();
        node::check_inputs(plan, &[x])?;
        let output = parameters::with_values(&x.contiguous()?, |input| cpu.infer(&self.ready, input))?;
        Tensor::from_vec(output, plan.shape(plan.output).dims(), &Device::Cpu)
    }
}
