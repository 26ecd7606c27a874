//! Tracing: layers append steps to a [`Graph`], which becomes a [`Plan`].

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use candle_core::{Result, Tensor, TensorId, bail};

use super::step::{NormStatistics, Op, Step};
use super::value::{Param, Shape, Value};
use super::{Learning, Plan, Recompute, fuse};

/// Steps traced so far.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_nn::{VarBuilder, VarMap};
/// use resnet_ops::{BatchNorm, Conv2d, ConvConfig, Graph, Layer, Mode, Shape};
///
/// # fn main() -> candle_core::Result<()> {
/// let variables = VarMap::new();
/// let vb = VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu);
/// let norm = BatchNorm::new(8, vb.pp("norm1"))?;
/// let conv = Conv2d::new(8, 16, ConvConfig::same(3).with_stride(2), vb.pp("conv1"))?;
///
/// let x = Tensor::zeros((4, 8, 10, 10), DType::F32, &Device::Cpu)?;
/// let mut graph = Graph::new();
/// let input = graph.input(Shape::of(&x)?);
/// let a = norm.trace_relu(&mut graph, input)?;
/// let y = conv.trace(&mut graph, a)?;
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
    pub(super) learning: Learning,
    /// Parameters that training leaves alone.
    frozen: BTreeSet<usize>,
    seen: HashMap<Use, Param>,
}

/// How layers use a tensor; each use of one is a parameter of its own.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Use {
    tensor: TensorId,
    is_frozen: bool,
    /// The bits of weight standardisation's eps.
    standardised: Option<u64>,
}

impl Graph {
    /// An empty graph.
    pub fn new() -> Self {
        Graph::default()
    }

    /// Sets what training changes of the layers that are traced from here on; everything is the default.
    ///
    /// No gradient goes into layers that learn nothing unless an input needs one, and nothing is kept for
    /// them.
    ///
    /// ```
    /// use candle_core::{DType, Device, Tensor};
    /// use candle_nn::{VarBuilder, VarMap};
    /// use resnet_ops::{Graph, Layer, Learning, Linear, Mode, Shape};
    ///
    /// # fn main() -> candle_core::Result<()> {
    /// let variables = VarMap::new();
    /// let vb = VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu);
    /// let (features, head) = (Linear::new(8, 4, vb.pp("features"))?, Linear::new(4, 2, vb.pp("head"))?);
    ///
    /// let x = Tensor::ones((3, 8), DType::F32, &Device::Cpu)?;
    /// let mut graph = Graph::new();
    /// let input = graph.input(Shape::of(&x)?);
    /// graph.learn(Learning::Nothing);
    /// let y = features.trace(&mut graph, input)?;
    /// graph.learn(Learning::Everything);
    /// let y = head.trace(&mut graph, y)?;
    /// let gradients = graph.finish(y)?.run(&[&x], Mode::Train)?.sum_all()?.backward()?;
    /// let variables = variables.data().lock().expect("nobody panicked");
    /// assert!(gradients.get(&variables["features.weight"]).is_none());
    /// assert!(gradients.get(&variables["head.weight"]).is_some());
    /// # Ok(())
    /// # }
    /// ```
    pub fn learn(&mut self, learning: Learning) {
        self.learning = learning;
    }

    /// What batch norm that is traced now normalises by.
    pub(crate) fn norm_statistics(&self) -> NormStatistics {
        match self.learning {
            Learning::Everything | Learning::Statistics => NormStatistics::Batch,
            Learning::Nothing => NormStatistics::Running,
        }
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
        let Graph { mut steps, shapes, inputs, params, standardised, frozen, .. } = self;
        fuse::fold_into_store(&mut steps, shapes.len(), output, fuse::FoldRelu::No);
        Ok(Arc::new(Plan {
            standardised,
            recompute,
            frozen,
            ..Plan::of_steps(steps, shapes, inputs, params, output)
        }))
    }

    fn value(&mut self, shape: Shape) -> Value {
        self.shapes.push(shape);
        Value(self.shapes.len() - 1)
    }

    /// A parameter tensor; the same tensor traced twice is one parameter, unless training changes it in one
    /// place alone.
    pub(crate) fn param(&mut self, tensor: &Tensor) -> Param {
        self.filters(tensor, None)
    }

    /// A convolution's filters, which each run standardises with this eps if there is one.
    pub(crate) fn filters(&mut self, tensor: &Tensor, standardised: Option<f64>) -> Param {
        let (next, is_frozen) = (Param(self.params.len()), self.learning != Learning::Everything);
        let usage = Use { tensor: tensor.id(), is_frozen, standardised: standardised.map(f64::to_bits) };
        let param = *self.seen.entry(usage).or_insert(next);
        if param == next {
            self.params.push(tensor.clone());
            self.frozen.extend(is_frozen.then_some(next.0));
            self.standardised.extend(standardised.map(|eps| (next.0, eps)));
        }
        param
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
        params: &[Param],
        shape: Shape,
    ) -> Value {
        let output = self.value(shape);
        let (name, inputs, params) = (name.to_owned(), inputs.to_vec(), params.to_vec());
        self.steps.push(Step { name, op, inputs, output, params });
        output
    }
}
