//! Tracing: layers append steps to a [`Graph`], which becomes a [`Plan`].

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use candle_core::{Result, Tensor, TensorId, bail};

use super::step::{Op, Step};
use super::value::{Param, Shape, Value};
use super::{Plan, Recompute, fuse};

/// Steps traced so far.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_nn::{VarBuilder, VarMap};
/// use resnet_ops::{BatchNorm, Conv2d, ConvConfig, Graph, Mode, Shape};
///
/// # fn main() -> candle_core::Result<()> {
/// let variables = VarMap::new();
/// let vb = VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu);
/// let norm = BatchNorm::new(8, vb.pp("norm1"))?;
/// let conv = Conv2d::new(8, 16, ConvConfig { kernel: 3, stride: 2, padding: 1 }, vb.pp("conv1"))?;
///
/// let x = Tensor::zeros((4, 8, 10, 10), DType::F32, &Device::Cpu)?;
/// let mut graph = Graph::new();
/// let input = graph.input(Shape::of(&x)?);
/// let a = norm.record_relu(&mut graph, input)?;
/// let y = conv.record(&mut graph, a)?;
/// let y = graph.finish(y)?.run(&[&x], Mode::Train)?;
/// assert_eq!(y.dims(), [4, 16, 5, 5]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Graph {
    steps: Vec<Step>,
    shapes: Vec<Shape>,
    inputs: Vec<Value>,
    params: Vec<Tensor>,
    /// Filters that are standardised before each run, and their eps.
    standardised: BTreeMap<usize, f64>,
    seen: HashMap<TensorId, Param>,
}

impl Graph {
    /// An empty graph.
    pub fn new() -> Self {
        Graph::default()
    }

    /// Declares an input; [`Plan::run`] takes the tensors in the order of these calls.
    pub fn input(&mut self, shape: Shape) -> Value {
        let value = self.value(shape);
        self.inputs.push(value);
        value
    }

    /// The shape of a value.
    pub fn shape(&self, value: Value) -> Shape {
        self.shapes[value.0]
    }

    /// Ends the tracing: `output` is what the plan returns.
    ///
    /// # Errors
    /// If no input or more than two were declared: candle's custom ops take no more.
    pub fn finish(self, output: Value) -> Result<Arc<Plan>> {
        self.finish_with(output, Recompute::Auto)
    }

    /// As [`Graph::finish`], with a choice of what training recomputes instead of keeping it in memory.
    ///
    /// # Errors
    /// As [`Graph::finish`].
    pub fn finish_with(self, output: Value, recompute: Recompute) -> Result<Arc<Plan>> {
        if !(1..=2).contains(&self.inputs.len()) {
            bail!("a graph takes one or two inputs, not {}", self.inputs.len());
        }
        let Graph { mut steps, shapes, inputs, params, standardised, .. } = self;
        fuse::fold_into_store(&mut steps, shapes.len(), output, fuse::FoldRelu::No);
        Ok(Arc::new(Plan {
            standardised,
            recompute,
            ..Plan::of_steps(steps, shapes, inputs, params, output)
        }))
    }

    fn value(&mut self, shape: Shape) -> Value {
        self.shapes.push(shape);
        Value(self.shapes.len() - 1)
    }

    /// A parameter tensor; the same tensor traced twice is one parameter.
    pub(crate) fn param(&mut self, tensor: &Tensor) -> Param {
        let next = Param(self.params.len());
        let param = *self.seen.entry(tensor.id()).or_insert(next);
        if param == next {
            self.params.push(tensor.clone());
        }
        param
    }

    /// Has a convolution's filters standardised before each run.
    pub(crate) fn standardise(&mut self, weight: &Tensor, eps: f64) {
        let Param(index) = self.param(weight);
        self.standardised.insert(index, eps);
    }

    /// Appends a step without parameters; its output, of `shape`, is returned.
    pub(super) fn push(&mut self, op: Op, inputs: &[Value], shape: Shape) -> Value {
        self.push_layer("", op, inputs, &[], shape)
    }

    /// Appends the step of the layer called `name`; its output, of `shape`, is returned.
    pub(crate) fn push_layer(
        &mut self,
        name: &str,
        op: Op,
        inputs: &[Value],
        params: &[&Tensor],
        shape: Shape,
    ) -> Value {
        let params = params.iter().map(|tensor| self.param(tensor)).collect();
        let output = self.value(shape);
        let (name, inputs) = (name.to_owned(), inputs.to_vec());
        self.steps.push(Step { name, op, inputs, output, params });
        output
    }
}
