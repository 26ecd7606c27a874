//! A network as plain data.

use resnet_blocks::{Branch, Names, ShapeChange, UnitConfig};

/// Which of the two papers' networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Original units, "Deep Residual Learning for Image Recognition".
    V1,
    /// Full pre-activation units, "Identity Mappings in Deep Residual Networks".
    V2,
}

/// Units on feature maps of one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    /// Number of units.
    pub units: usize,
    /// Output channels of each.
    pub outputs: usize,
    /// Stride of the first.
    pub stride: usize,
}

/// A residual network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// The registry's name.
    pub name: String,
    /// Original or pre-activation units.
    pub family: Family,
    /// Input pictures: channels, height, width.
    pub input: [usize; 3],
    /// Filters of the stem's 3x3 convolution.
    pub stem: usize,
    /// Stages in order.
    pub stages: Vec<Stage>,
    /// The units' residual branch.
    pub branch: Branch,
    /// The units' shortcut where the shape changes.
    pub shape_change: ShapeChange,
    /// Length of the output.
    pub classes: usize,
}

impl Spec {
    /// The units in order: the name of each one's parameters, and its shape.
    pub fn units(&self) -> Vec<(String, UnitConfig)> {
        let mut inputs = self.stem;
        let mut units = vec![];
        for (stage, Stage { units: count, outputs, stride }) in self.stages.iter().enumerate() {
            for unit in 0..*count {
                let (name, names) = match self.family {
                    Family::V1 => (format!("layer{}.{unit}", stage + 1), Names::Torchvision),
                    Family::V2 => (format!("stages.{stage}.blocks.{unit}"), Names::Timm),
                };
                units.push((
                    name,
                    UnitConfig {
                        inputs,
                        outputs: *outputs,
                        stride: if unit == 0 { *stride } else { 1 },
                        branch: self.branch,
                        shape_change: self.shape_change,
                        names,
                    },
                ));
                inputs = *outputs;
            }
        }
        units
    }

    /// Channels of the last feature map.
    pub fn features(&self) -> usize {
        self.stages.last().map_or(self.stem, |stage| stage.outputs)
    }
}
