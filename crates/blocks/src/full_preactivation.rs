//! The full pre-activation unit, figures 1(b) and 4(e): the paper's proposal.

use candle_core::Result;
use candle_nn::VarBuilder;
use resnet_ops::{Conv2d, DropPath, Graph, Value};

use crate::branch;
use crate::config::UnitConfig;
use crate::layers::NormLayer;
use crate::shortcut::{ProjectionNorm, Shortcut};
use crate::unit::{Unit, module_t};

/// Where the two paths part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// Before the first activation, which belongs to the residual branch alone: the identity shortcut carries `x`.
    BeforeActivation,
    /// After it: both paths start from the activated signal. So in a network's first unit (appendix), and wherever
    /// the shortcut is a projection.
    AfterActivation,
}

/// The full pre-activation residual unit, figure 1(b): `x' = h(x) + F(x)` with
/// `F = BN ReLU conv BN ReLU conv` (a bottleneck has one more `BN ReLU conv`).
///
/// Parameters: `bn1.*`, `conv1.weight`, `bn2.*`, `conv2.weight` (`bn3.*`, `conv3.weight`), `norm1.*` etc. with
/// timm's names, and with a projection `downsample.0.weight` or `downsample.conv.weight`; the projection has no norm
/// of its own. Table 2 (e): 6.37 % error on CIFAR-10 as ResNet-110, 5.46 % as ResNet-164.
///
/// ```
/// # use candle_core::{DType, Device, Tensor};
/// # use candle_nn::{ModuleT, VarBuilder};
/// # use resnet_blocks::{FullPreActivation, UnitConfig};
/// # fn main() -> candle_core::Result<()> {
/// let vb = VarBuilder::zeros(DType::F32, &Device::Cpu);
/// let unit = FullPreActivation::new(UnitConfig::bottleneck(16, 64, 1), vb)?;
/// let x = Tensor::ones((1, 16, 8, 8), DType::F32, &Device::Cpu)?;
/// assert_eq!(unit.forward_t(&x, false)?.dims(), [1, 64, 8, 8]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct FullPreActivation {
    norms: Vec<NormLayer>,
    convolutions: Vec<Conv2d>,
    shortcut: Shortcut,
    split: Split,
    drop_path: Option<DropPath>,
}

impl FullPreActivation {
    /// Takes the unit's parameters from `vb`. The paths part before the activation, or after it if the shortcut is a
    /// projection.
    ///
    /// # Errors
    /// If a parameter is missing or has another shape, or the widths don't fit the branch.
    pub fn new(config: UnitConfig, vb: VarBuilder) -> Result<Self> {
        let layers = branch::weight_layers(&config)?;
        let norms = layers.iter().enumerate();
        let norms = norms
            .map(|(i, layer)| NormLayer::new(config.norm, layer.inputs, vb.pp(config.names.norm(i + 1))));
        let shortcut = Shortcut::new(&config, ProjectionNorm::None, &vb)?;
        let split = match shortcut {
            Shortcut::Projection { .. } => Split::AfterActivation,
            Shortcut::Identity | Shortcut::ZeroPadding { .. } => Split::BeforeActivation,
        };
        Ok(FullPreActivation {
            norms: norms.collect::<Result<_>>()?,
            convolutions: branch::convolutions(&config, &layers, &vb)?,
            shortcut,
            split,
            drop_path: None,
        })
    }

    /// The same unit with another split; [`Split::AfterActivation`] makes it a network's first unit.
    pub fn with_split(self, split: Split) -> Self {
        FullPreActivation { split, ..self }
    }

    /// The same unit with stochastic depth on its residual branch.
    pub fn with_drop_path(self, drop_path: DropPath) -> Self {
        FullPreActivation { drop_path: Some(drop_path), ..self }
    }
}

impl Unit for FullPreActivation {
    fn record(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let activated = self.norms[0].record_relu(graph, x)?;
        let shortcut = match self.split {
            Split::BeforeActivation => x,
            Split::AfterActivation => activated,
        };
        let shortcut = self.shortcut.record(graph, shortcut)?;
        let mut y = self.convolutions[0].record(graph, activated)?;
        for (norm, conv) in self.norms.iter().zip(&self.convolutions).skip(1) {
            let activated = norm.record_relu(graph, y)?;
            y = conv.record(graph, activated)?;
        }
        if let Some(drop_path) = &self.drop_path {
            y = drop_path.record(graph, y)?;
        }
        graph.add(shortcut, y)
    }
}

module_t!(FullPreActivation);
