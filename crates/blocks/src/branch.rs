//! The weight layers of residual branches.

use candle_core::{Result, bail};
use candle_nn::VarBuilder;
use resnet_ops::{Conv2d, ConvConfig};

use crate::config::{Branch, StridePlace, UnitConfig};
use crate::layers::convolution;

/// Channels into and out of one convolution of a branch, and its geometry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WeightLayer {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) geometry: ConvConfig,
}

/// The convolutions of `config`'s branch, in order.
pub(crate) fn weight_layers(config: &UnitConfig) -> Result<Vec<WeightLayer>> {
    let UnitConfig { inputs, outputs, width, stride, .. } = *config;
    let expansion = config.branch.expansion();
    if !outputs.is_multiple_of(expansion) {
        bail!("a bottleneck unit's {outputs} outputs are no multiple of {expansion}");
    }
    if width == 0 {
        bail!("a residual branch needs at least one channel inside");
    }
    let layer = |inputs, outputs, kernel, stride| WeightLayer {
        inputs,
        outputs,
        geometry: ConvConfig::same(kernel, stride),
    };
    Ok(match config.branch {
        Branch::Basic => vec![layer(inputs, width, 3, stride), layer(width, outputs, 3, 1)],
        Branch::Bottleneck(place) => {
            let (first, middle) = match place {
                StridePlace::First1x1 => (stride, 1),
                StridePlace::Middle3x3 => (1, stride),
            };
            vec![layer(inputs, width, 1, first), layer(width, width, 3, middle), layer(width, outputs, 1, 1)]
        }
    })
}

/// The convolutions themselves: `conv1`, `conv2`, ...
pub(crate) fn convolutions(
    config: &UnitConfig,
    layers: &[WeightLayer],
    vb: &VarBuilder,
) -> Result<Vec<Conv2d>> {
    let named = layers.iter().enumerate();
    named
        .map(|(i, layer)| {
            let channels = (layer.inputs, layer.outputs);
            convolution(config.filters, channels, layer.geometry, vb.pp(format!("conv{}", i + 1)))
        })
        .collect()
}
