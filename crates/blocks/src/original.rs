//! The original unit, figures 1(a), 2(a) and 4(a).

use candle_core::Result;
use candle_nn::VarBuilder;
use resnet_ops::{Conv2d, DropPath, Graph, Value};

use crate::branch;
use crate::config::UnitConfig;
use crate::layers::NormLayer;
use crate::shortcut::{ProjectionNorm, Shortcut};
use crate::unit::{Unit, module_t};

/// The original residual unit, figure 1(a): `x' = ReLU(h(x) + F(x))` with
/// `F = conv BN ReLU conv BN` (a bottleneck has one more `ReLU conv BN`).
///
/// Parameters: `conv1.weight`, `bn1.*`, `conv2.weight`, `bn2.*` (`conv3.weight`, `bn3.*`) and, with a projection,
/// `downsample.0.weight`, `downsample.1.*`. Table 1 (a): 6.61 % error on CIFAR-10 as ResNet-110.
///
/// ```
/// # use candle_core::{DType, Device, Tensor};
/// # use candle_nn::{ModuleT, VarBuilder};
/// # use resnet_blocks::{Original, UnitConfig};
/// # fn main() -> candle_core::Result<()> {
/// let vb = VarBuilder::zeros(DType::F32, &Device::Cpu);
/// let unit = Original::new(UnitConfig::basic(16, 32, 2), vb)?;
/// let x = Tensor::ones((1, 16, 8, 8), DType::F32, &Device::Cpu)?;
/// assert_eq!(unit.forward_t(&x, false)?.dims(), [1, 32, 4, 4]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Original {
    convolutions: Vec<Conv2d>,
    norms: Vec<NormLayer>,
    shortcut: Shortcut,
    drop_path: Option<DropPath>,
}

impl Original {
    /// Takes the unit's parameters from `vb`.
    ///
    /// # Errors
    /// If a parameter is missing or has another shape, or the widths don't fit the branch.
    pub fn new(config: UnitConfig, vb: VarBuilder) -> Result<Self> {
        let layers = branch::weight_layers(&config)?;
        let norms = layers.iter().enumerate();
        let norms = norms
            .map(|(i, layer)| NormLayer::new(config.norm, layer.outputs, vb.pp(config.names.norm(i + 1))));
        Ok(Original {
            convolutions: branch::convolutions(&config, &layers, &vb)?,
            norms: norms.collect::<Result<_>>()?,
            shortcut: Shortcut::new(&config, ProjectionNorm::After, &vb)?,
            drop_path: None,
        })
    }

    /// The same unit with stochastic depth on its residual branch.
    pub fn with_drop_path(self, drop_path: DropPath) -> Self {
        Original { drop_path: Some(drop_path), ..self }
    }
}

impl Unit for Original {
    fn record(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let shortcut = self.shortcut.record(graph, x)?;
        let last = self.convolutions.len() - 1;
        let mut y = x;
        for (index, (conv, norm)) in self.convolutions.iter().zip(&self.norms).enumerate() {
            y = conv.record(graph, y)?;
            y = if index < last { norm.record_relu(graph, y)? } else { norm.record(graph, y)? };
        }
        if let Some(drop_path) = &self.drop_path {
            y = drop_path.record(graph, y)?;
        }
        graph.add_relu(shortcut, y)
    }
}

module_t!(Original);
