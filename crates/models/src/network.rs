//! A network built from a [`Spec`]: stem, stages of units, head, run as one candle node.

use std::sync::Arc;

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use resnet_blocks::layers::NormLayer;
use resnet_blocks::{Placement, ResidualUnit, ShortcutInput, UnitConfig};
use resnet_ops::{
    Draws, DropPath, Graph, Layer, Learning, Linear, Mode, Plan, Recompute, Shape, StepOutput, Value,
    module_t,
};

use crate::init;
use crate::spec::{Head, Spec};
use crate::stem::Stem;

/// Stochastic depth over a network: the first unit's branch always stays, the last one's is dropped with
/// probability `rate`, those between in proportion (arXiv 1603.09382, linear decay).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StochasticDepth {
    /// The probability for the last unit, in `[0, 1)`.
    pub rate: f64,
    /// What the draws depend on, besides the number of the training step and the image's place in the
    /// batch.
    pub seed: u64,
}

/// What training leaves alone: a network's first parts, as [`Spec::parts`] lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frozen {
    /// Number of frozen parts, counted from the stem.
    pub parts: usize,
    /// What the frozen parts learn nevertheless.
    pub learning: Learning,
}

impl Frozen {
    /// Everything is trained.
    pub const NOTHING: Frozen = Frozen { parts: 0, learning: Learning::Everything };
}

/// A residual network: `[N, 3, H, W]` to logits `[N, classes]`.
///
/// Parameters are called as torchvision does for v1 (`conv1`, `bn1`, `layer1.0.conv1`, `fc`) and as timm does
/// for v2 (`stem.conv`, `stages.0.blocks.0.norm1`, `norm`, `head.fc`).
///
/// A clone shares the variables and the count of drawn steps; what is frozen and recomputed is its own.
#[derive(Debug, Clone)]
pub struct Network {
    spec: Spec,
    stem: Stem,
    stages: Vec<Vec<ResidualUnit>>,
    end: End,
    head: Linear,
    draws: Vec<Draws>,
    frozen: Frozen,
    recompute: Recompute,
}

/// What follows the last unit.
#[derive(Debug, Clone)]
enum End {
    /// Nothing: the last unit's output is activated, or a sum of activated values (figure 4(c)).
    Nothing,
    /// ReLU, after ReLU-only pre-activation.
    Relu,
    /// The extra norm and ReLU of full pre-activation (appendix).
    NormRelu(NormLayer),
}

impl Network {
    /// Takes the network's parameters from `vb`.
    ///
    /// # Errors
    /// If a parameter is missing or has another shape.
    pub fn new(spec: &Spec, vb: VarBuilder) -> Result<Self> {
        Self::with_stochastic_depth(spec, vb, StochasticDepth { rate: 0.0, seed: 0 })
    }

    /// As [`Network::new`], with stochastic depth in training.
    ///
    /// # Errors
    /// As [`Network::new`], and if the rate is not in `[0, 1)`.
    pub fn with_stochastic_depth(spec: &Spec, vb: VarBuilder, depth: StochasticDepth) -> Result<Self> {
        let configs = spec.units();
        let last = configs.len().saturating_sub(1).max(1) as f64;
        let (mut units, mut draws) = (vec![], vec![]);
        for (index, (name, config)) in configs.into_iter().enumerate() {
            let of_paths = Draws::new(init::stream(depth.seed, &name));
            let of_elements = Draws::new(init::stream(depth.seed, &format!("{name}.dropout")));
            let drop_path = DropPath::new(depth.rate * index as f64 / last, of_paths.clone())?;
            let unit = unit(spec, index, config, vb.pp(name))?;
            units.push(unit.with_drop_path(drop_path).with_draws(of_elements.clone()));
            draws.extend([of_paths, of_elements]);
        }
        let mut units = units.into_iter();
        let stages = spec.stages.iter().map(|stage| units.by_ref().take(stage.units).collect()).collect();
        let end = match spec.placement {
            Placement::FullPreActivation => {
                End::NormRelu(NormLayer::new(spec.norm, spec.features(), vb.pp("norm"))?)
            }
            Placement::ReluOnlyPreActivation => End::Relu,
            Placement::Original | Placement::BnAfterAddition | Placement::ReluBeforeAddition => End::Nothing,
        };
        let (features, classes) = (spec.features(), spec.classes);
        let head = vb.pp(spec.family().head());
        let head = match spec.head {
            Head::Linear => Linear::new(features, classes, head)?,
            Head::Convolution => Linear::convolutional(features, classes, head)?,
        };
        let (stem, frozen, recompute) = (Stem::new(spec, &vb)?, Frozen::NOTHING, Recompute::Auto);
        Ok(Network { spec: spec.clone(), stem, stages, end, head, draws, frozen, recompute })
    }

    /// What it was built from.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Sets which parts training leaves alone.
    ///
    /// ```
    /// use candle_core::{DType, Device, Tensor};
    /// use resnet_models::{Frozen, Model, registry};
    /// use resnet_ops::{Learning, Mode};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut model = Model::init(&registry::find("resnet20-v2", 10)?, 0)?;
    /// // Stem and first stage.
    /// model.network_mut().set_frozen(Frozen { parts: 2, learning: Learning::Nothing });
    /// let images = Tensor::zeros((2, 3, 32, 32), DType::F32, &Device::Cpu)?;
    /// let gradients = model.forward(&images, Mode::Train)?.sum_all()?.backward()?;
    /// let has_gradient = |name: &str| gradients.get(&model.variables()[name]).is_some();
    /// assert!(!has_gradient("stages.0.blocks.2.conv2.weight"));
    /// assert!(has_gradient("stages.1.blocks.0.norm1.weight"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_frozen(&mut self, frozen: Frozen) {
        self.frozen = frozen;
    }

    /// Chooses what a training step computes again instead of keeping it in memory.
    pub fn set_recompute(&mut self, recompute: Recompute) {
        self.recompute = recompute;
    }

    /// An estimate of the memory in bytes that a training step takes on `images` images of this height and
    /// width: weights, their gradients, activations.
    ///
    /// # Errors
    /// If the images are too small for the network's strides.
    pub fn training_bytes(&self, images: usize, [height, width]: [usize; 2]) -> Result<usize> {
        let shape = Shape::Map { images, channels: self.spec.input[0], height, width };
        Ok(self.plan_for(shape)?.training_bytes())
    }

    /// Tells `graph` what training changes of the part with this number.
    fn learn(&self, graph: &mut Graph, part: usize) {
        if self.frozen.parts > 0 {
            let is_frozen = part < self.frozen.parts;
            graph.learn(if is_frozen { self.frozen.learning } else { Learning::Everything });
        }
    }

    /// The units in order.
    pub fn units(&self) -> impl Iterator<Item = &ResidualUnit> {
        self.stages.iter().flatten()
    }

    /// Appends the layers before the first unit to `graph`.
    ///
    /// # Errors
    /// If `images` don't have the stem's channels.
    pub fn trace_stem(&self, graph: &mut Graph, images: Value) -> Result<Value> {
        self.learn(graph, 0);
        self.stem.trace(graph, images)
    }

    fn trace_stage(&self, graph: &mut Graph, index: usize, x: Value) -> Result<Value> {
        self.learn(graph, index + 1);
        self.stages[index].iter().try_fold(x, |x, unit| unit.trace(graph, x))
    }

    fn trace_units(&self, graph: &mut Graph, images: Value) -> Result<Value> {
        let mut x = self.trace_stem(graph, images)?;
        for index in 0..self.stages.len() {
            x = self.trace_stage(graph, index, x)?;
        }
        Ok(x)
    }

    /// Appends what follows the last unit to `graph`: its output to logits.
    ///
    /// # Errors
    /// If `x` has other channels than the last unit.
    pub fn trace_end(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let x = self.trace_last_activation(graph, x)?;
        let features = graph.global_avg_pool(x)?;
        self.head.trace(graph, features)
    }

    fn trace_last_activation(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        self.learn(graph, self.stages.len() + 1);
        match &self.end {
            End::Nothing => Ok(x),
            End::Relu => Ok(graph.relu(x)),
            End::NormRelu(norm) => norm.trace_relu(graph, x),
        }
    }

    /// Appends all but pooling and head to `graph`: images to the last feature map.
    ///
    /// # Errors
    /// If `images` don't have the stem's channels.
    pub fn trace_features(&self, graph: &mut Graph, images: Value) -> Result<Value> {
        let x = self.trace_units(graph, images)?;
        self.trace_last_activation(graph, x)
    }

    /// The last feature map before pooling, `[N, C, H / s, W / s]` with `s` the network's total stride; v2's
    /// last norm and ReLU are applied. One candle node.
    ///
    /// ```
    /// use candle_core::{DType, Device, Tensor};
    /// use resnet_models::{Model, registry};
    /// use resnet_ops::Mode;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let model = Model::init(&registry::find("resnet20-v2", 10)?, 0)?;
    /// let images = Tensor::zeros((2, 3, 32, 32), DType::F32, &Device::Cpu)?;
    /// assert_eq!(model.network().forward_features(&images, Mode::Eval)?.dims(), [2, 64, 8, 8]);
    /// let stages = model.network().forward_stages(&images, Mode::Eval)?;
    /// assert_eq!(stages[1].dims(), [2, 32, 16, 16]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If `images` are not f32 on the CPU, have other channels, or are too small for the network's strides.
    pub fn forward_features(&self, images: &Tensor, mode: Mode) -> Result<Tensor> {
        self.run(images, mode, |graph, x| self.trace_features(graph, x))
    }

    /// Each stage's last output, `[N, stages[i].out_channels, H / s, W / s]` with `s` the stride up to there:
    /// what detection and segmentation start from. A stage is one candle node. v2's last norm and ReLU are
    /// not applied.
    ///
    /// # Errors
    /// As [`Network::forward_features`].
    pub fn forward_stages(&self, images: &Tensor, mode: Mode) -> Result<Vec<Tensor>> {
        let mut outputs: Vec<Tensor> = vec![];
        for index in 0..self.stages.len() {
            let output = self.run(outputs.last().unwrap_or(images), mode, |graph, x| {
                let first = if index == 0 { self.trace_stem(graph, x)? } else { x };
                self.trace_stage(graph, index, first)
            })?;
            outputs.push(output);
        }
        Ok(outputs)
    }

    /// A summary of every step's output, in order: where values grow, or stop being finite. Running
    /// statistics stay as they are.
    ///
    /// # Errors
    /// As [`Network::forward_features`].
    pub fn inspect(&self, images: &Tensor, mode: Mode) -> Result<Vec<StepOutput>> {
        self.plan_for(Shape::of(images)?)?.inspect(&[images], mode)
    }

    /// The whole network as one plan, for images of this shape.
    ///
    /// # Errors
    /// If they have other channels, or are too small for the network's strides.
    pub fn plan_for(&self, images: Shape) -> Result<Arc<Plan>> {
        self.plan(images, |graph, x| self.trace(graph, x))
    }

    /// Traces one candle node.
    fn plan(
        &self,
        input: Shape,
        trace: impl FnOnce(&mut Graph, Value) -> Result<Value>,
    ) -> Result<Arc<Plan>> {
        let mut graph = Graph::new();
        let input = graph.input(input);
        let output = trace(&mut graph, input)?;
        graph.finish_with(output, self.recompute)
    }

    /// Traces and runs one candle node on `x`.
    fn run(
        &self,
        x: &Tensor,
        mode: Mode,
        trace: impl FnOnce(&mut Graph, Value) -> Result<Value>,
    ) -> Result<Tensor> {
        self.plan(Shape::of(x)?, trace)?.run(&[x], mode)
    }

    /// Training steps that stochastic depth and dropout have drawn for; 0 without them.
    pub fn drawn_steps(&self) -> u64 {
        self.draws.iter().map(Draws::steps).max().unwrap_or(0)
    }

    /// Has stochastic depth and dropout go on from step `steps`, as after an interruption.
    pub fn set_drawn_steps(&self, steps: u64) {
        self.draws.iter().for_each(|draws| draws.set_steps(steps));
    }
}

impl Layer for Network {
    /// Images `[N, 3, H, W]` to logits `[N, classes]`.
    ///
    /// # Errors
    /// If `images` have other channels, or are too small for the network's strides.
    fn trace(&self, graph: &mut Graph, images: Value) -> Result<Value> {
        let x = self.trace_units(graph, images)?;
        self.trace_end(graph, x)
    }

    fn forward(&self, images: &Tensor, mode: Mode) -> Result<Tensor> {
        self.run(images, mode, |graph, x| self.trace(graph, x))
    }
}

module_t!(Network);

/// The unit at `index`.
fn unit(spec: &Spec, index: usize, config: UnitConfig, vb: VarBuilder) -> Result<ResidualUnit> {
    let unit = ResidualUnit::new(config, spec.placement, spec.shortcut, vb)?;
    let shares = index == 0 && spec.first_unit == ShortcutInput::Activated;
    Ok(if shares { unit.with_shortcut_input(ShortcutInput::Activated) } else { unit })
}
