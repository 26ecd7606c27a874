//! Recording: layers append steps to a [`Graph`], which becomes a [`Plan`] that runs as one candle node.

mod backward;
mod forward;
mod fuse;
mod inference;
mod node;
mod plan;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use candle_core::{Error, Result, Tensor, TensorId, bail};
use resnet_kernels::Isa;

pub(crate) use backward::{Backward, Deferred};
pub(crate) use forward::{Forward, Loadable, NormState};
pub use inference::Inference;
pub use plan::{LayerInfo, Memory, Plan};

use crate::steps::Step;

/// The instruction set that plans run on.
///
/// # Errors
/// If the environment asks for one that this machine lacks: nothing else is computed on instead.
fn isa() -> Result<Isa> {
    Isa::requested().map_err(Error::wrap)?;
    Ok(Isa::best())
}

/// A tensor inside a graph: an input or the output of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Value(pub(crate) usize);

/// A parameter inside a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Param(pub(crate) usize);

/// What a value looks like from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A feature map, `[N, C, H, W]` to candle, channels-last inside.
    Map {
        /// Pictures.
        images: usize,
        /// Channels.
        channels: usize,
        /// Height in pixels.
        height: usize,
        /// Width in pixels.
        width: usize,
    },
    /// A vector a picture, `[N, C]`.
    Features {
        /// Pictures.
        images: usize,
        /// Length of a vector.
        channels: usize,
    },
}

impl Shape {
    /// The shape of a candle tensor of rank 4 (NCHW) or 2.
    ///
    /// # Errors
    /// If it has another rank.
    pub fn of(tensor: &Tensor) -> Result<Self> {
        match *tensor.dims() {
            [images, channels, height, width] => Ok(Shape::Map { images, channels, height, width }),
            [images, channels] => Ok(Shape::Features { images, channels }),
            _ => bail!("expected [N, C, H, W] or [N, C], got a tensor of shape {:?}", tensor.dims()),
        }
    }

    /// Channels, or the length of a feature vector.
    pub fn channels(&self) -> usize {
        match *self {
            Shape::Map { channels, .. } | Shape::Features { channels, .. } => channels,
        }
    }

    /// Pictures in the batch.
    pub fn images(&self) -> usize {
        match *self {
            Shape::Map { images, .. } | Shape::Features { images, .. } => images,
        }
    }

    /// Height and width; a feature vector is one pixel.
    pub fn size(&self) -> (usize, usize) {
        match *self {
            Shape::Map { height, width, .. } => (height, width),
            Shape::Features { .. } => (1, 1),
        }
    }

    /// Pixels of one picture.
    pub fn pixels(&self) -> usize {
        let (height, width) = self.size();
        height * width
    }

    /// Floats.
    pub fn len(&self) -> usize {
        self.images() * self.pixels() * self.channels()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Dimensions as candle sees them.
    pub fn dims(&self) -> Vec<usize> {
        match *self {
            Shape::Map { images, channels, height, width } => vec![images, channels, height, width],
            Shape::Features { images, channels } => vec![images, channels],
        }
    }

    /// The same kind of value with another number of channels and, for a map, another size.
    pub(crate) fn with(&self, channels: usize, (height, width): (usize, usize)) -> Self {
        match *self {
            Shape::Map { images, .. } => Shape::Map { images, channels, height, width },
            Shape::Features { images, .. } => Shape::Features { images, channels },
        }
    }
}

/// Steps recorded so far.
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
    pub(crate) steps: Vec<Step>,
    pub(crate) shapes: Vec<Shape>,
    pub(crate) inputs: Vec<Value>,
    pub(crate) params: Vec<Tensor>,
    /// Filters that are standardised before each run, and their eps.
    pub(crate) standardised: BTreeMap<usize, f64>,
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

    /// Ends the recording: `output` is what the plan returns.
    ///
    /// # Errors
    /// If more than two inputs were declared, which candle's custom ops don't take.
    pub fn finish(self, output: Value) -> Result<Arc<Plan>> {
        self.finish_with(output, Memory::Auto)
    }

    /// As [`Graph::finish`], with a say in what training keeps in memory.
    ///
    /// # Errors
    /// As [`Graph::finish`].
    pub fn finish_with(self, output: Value, memory: Memory) -> Result<Arc<Plan>> {
        if !(1..=2).contains(&self.inputs.len()) {
            bail!("a graph takes one or two inputs, not {}", self.inputs.len());
        }
        Ok(Arc::new(Plan::new(self, output, memory)))
    }

    pub(crate) fn value(&mut self, shape: Shape) -> Value {
        self.shapes.push(shape);
        Value(self.shapes.len() - 1)
    }

    /// A parameter tensor; the same tensor recorded twice is one parameter.
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

    pub(crate) fn push(&mut self, step: impl Into<Step>) {
        self.steps.push(step.into());
    }
}
