//! What a plan is: inputs, steps and parameters as data. Nothing here computes.
//!
//! Layers trace themselves into a [`Graph`]; [`Graph::finish`] makes a [`Plan`] of it, which `crate::run`
//! hands to an executor. A plan prints itself:
//!
//! ```
//! use resnet_ops::{Graph, Shape};
//!
//! # fn main() -> candle_core::Result<()> {
//! let mut graph = Graph::new();
//! let x = graph.input(Shape::Features { images: 2, channels: 3 });
//! let half = graph.scale(x, 0.5);
//! let y = graph.add_relu(x, half)?;
//! let text = graph.finish(y)?.to_string();
//! let lines = [
//!     "%0 [2, 3] = input",
//!     "%1 [2, 3] = times 0.5 (%0)",
//!     "%2 [2, 3] = add + relu (%0, %1), keeps %2",
//!     "return %2",
//! ];
//! assert_eq!(text.lines().collect::<Vec<_>>(), lines);
//! # Ok(())
//! # }
//! ```

mod fold_norms;
mod fuse;
mod graph;
mod ops;
mod show;
pub(crate) mod step;
pub(crate) mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use candle_core::Tensor;
use resnet_kernels::conv::ConvShape;

pub(crate) use fold_norms::FoldedParam;
pub use graph::Graph;
pub use ops::{PoolConfig, ZeroPadConfig};
pub use show::LayerInfo;
pub use step::LayerRole;
use step::{ConvKind, Op, Step};
pub use value::{Shape, Value};

/// What a training step computes again in the backward pass instead of keeping it in memory. The results are
/// the same to the bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Recompute {
    /// As little as makes a training step fit into 4 GiB: nothing; if that is too much, as `Sums`; otherwise
    /// as `Units`, from the network's first unit on, as far as necessary.
    #[default]
    Auto,
    /// Nothing: whatever the backward pass reads is kept.
    Never,
    /// Every other output `x + F(x)` of a chain of bottleneck units, by the unit's last convolution: a third
    /// less memory for a tenth of the time.
    Sums,
    /// The inside of all units, several units at a time: only the input of each such stretch is kept. This
    /// takes the least memory, which grows with about the square root of the depth, and costs one more
    /// forward pass.
    Units,
}

impl Recompute {
    /// Its word for recipes and command lines: "auto", "never", "sums", "units".
    pub fn name(self) -> &'static str {
        match self {
            Recompute::Auto => "auto",
            Recompute::Never => "never",
            Recompute::Sums => "sums",
            Recompute::Units => "units",
        }
    }
}

impl FromStr for Recompute {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Recompute::Auto, Recompute::Never, Recompute::Sums, Recompute::Units];
        let found = all.into_iter().find(|what| what.name() == text);
        found.ok_or_else(|| format!("'{text}' is not auto, never, sums or units"))
    }
}

/// What training changes of the layers that are traced next. Evaluation is the same for all three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Learning {
    /// Parameters and running statistics.
    #[default]
    Everything,
    /// Running statistics alone: batch norm normalises by the batch and updates them, and parameters are
    /// constants.
    Statistics,
    /// Nothing: parameters are constants, batch norm normalises by its running statistics, and nothing is
    /// dropped, as in evaluation.
    Nothing,
}

/// An immutable program: steps over values, with parameters. Run it as often as you like.
#[derive(Debug)]
pub struct Plan {
    pub(crate) steps: Vec<Step>,
    /// The shape of each value.
    pub(crate) shapes: Vec<Shape>,
    pub(crate) inputs: Vec<Value>,
    pub(crate) output: Value,
    pub(crate) params: Vec<Tensor>,
    /// Filters that are standardised before each run, and their eps.
    pub(crate) standardised: BTreeMap<usize, f64>,
    pub(crate) recompute: Recompute,
    /// Parameters that are constants in training as well.
    pub(crate) frozen: BTreeSet<usize>,
}

impl Plan {
    fn of_steps(
        steps: Vec<Step>,
        shapes: Vec<Shape>,
        inputs: Vec<Value>,
        params: Vec<Tensor>,
        output: Value,
    ) -> Self {
        let (standardised, frozen, recompute) = (BTreeMap::new(), BTreeSet::new(), Recompute::Auto);
        Plan { steps, shapes, inputs, output, params, standardised, recompute, frozen }
    }

    /// The geometry of each convolution in order; linear layers are none.
    pub fn convolutions(&self) -> Vec<ConvShape> {
        let shape = |step: &Step| match &step.op {
            Op::Conv(conv) if conv.kind == ConvKind::Conv => Some(conv.shape),
            _ => None,
        };
        self.steps.iter().filter_map(shape).collect()
    }

    /// Whether a batch norm sees one pixel per image and channel, which a training step on one image cannot
    /// normalise.
    pub fn normalises_single_pixels(&self) -> bool {
        self.steps
            .iter()
            .filter(|step| step.takes_statistics())
            .any(|norm| self.shape(norm.inputs[0]).pixels() == 1)
    }

    /// Number of values of all parameters, those that training leaves alone included.
    pub fn parameters(&self) -> usize {
        self.params.iter().map(Tensor::elem_count).sum()
    }

    pub(crate) fn shape(&self, value: Value) -> Shape {
        self.shapes[value.0]
    }
}
