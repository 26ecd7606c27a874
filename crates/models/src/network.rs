//! A network built from a [`Spec`]: stem, units, head, recorded as one candle node.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use resnet_blocks::layers::NormLayer;
use resnet_blocks::{FullPreActivation, Original, Split, Unit};
use resnet_ops::{Graph, Linear, Mode, Shape, Value};

use crate::spec::{Family, Head, Spec};
use crate::stem::Stem;

/// A residual network: `[N, 3, H, W]` to logits `[N, classes]`.
///
/// Parameters are called as torchvision does for v1 (`conv1`, `bn1`, `layer1.0.conv1`, `fc`) and as timm does for v2
/// (`stem.conv`, `stages.0.blocks.0.norm1`, `norm`, `head.fc`).
#[derive(Debug)]
pub struct Network {
    spec: Spec,
    stem: Stem,
    units: Vec<Box<dyn Unit>>,
    /// v2's extra BN-ReLU after the last unit (appendix).
    norm: Option<NormLayer>,
    head: Linear,
}

impl Network {
    /// Takes the network's parameters from `vb`.
    ///
    /// # Errors
    /// If a parameter is missing or has another shape.
    pub fn new(spec: &Spec, vb: VarBuilder) -> Result<Self> {
        let mut units: Vec<Box<dyn Unit>> = vec![];
        for (index, (name, config)) in spec.units().into_iter().enumerate() {
            let vb = vb.pp(name);
            units.push(match spec.family {
                Family::V1 => Box::new(Original::new(config, vb)?),
                Family::V2 => {
                    let unit = FullPreActivation::new(config, vb)?;
                    let shares = index == 0 && spec.first_unit == Split::AfterActivation;
                    Box::new(if shares { unit.with_split(Split::AfterActivation) } else { unit })
                }
            });
        }
        let norm = match spec.family {
            Family::V1 => None,
            Family::V2 => Some(NormLayer::new(spec.norm, spec.features(), vb.pp("norm"))?),
        };
        let (features, classes) = (spec.features(), spec.classes);
        let head = vb.pp(spec.family.head());
        let head = match spec.head {
            Head::Linear => Linear::new(features, classes, head)?,
            Head::Convolution => Linear::convolutional(features, classes, head)?,
        };
        Ok(Network { spec: spec.clone(), stem: Stem::new(spec, &vb)?, units, norm, head })
    }

    /// What it was built from.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Appends the whole network to `graph`.
    ///
    /// # Errors
    /// If `images` don't have the stem's channels.
    pub fn record(&self, graph: &mut Graph, images: Value) -> Result<Value> {
        let mut x = self.stem.record(graph, images)?;
        for unit in &self.units {
            x = unit.record(graph, x)?;
        }
        if let Some(norm) = &self.norm {
            x = norm.record_relu(graph, x)?;
        }
        let features = graph.global_avg_pool(x)?;
        self.head.record(graph, features)
    }

    /// Logits of `images: [N, 3, H, W]`, as one candle node.
    ///
    /// # Errors
    /// If `images` are not f32 on the CPU or have other channels.
    pub fn forward(&self, images: &Tensor, mode: Mode) -> Result<Tensor> {
        let mut graph = Graph::new();
        let input = graph.input(Shape::of(images)?);
        let logits = self.record(&mut graph, input)?;
        graph.finish(logits)?.run(&[images], mode)
    }
}
