//! A network as plain data.

use resnet_blocks::{
    Branch, Filters, Names, NormKind, Placement, ShapeChange, Shortcut, ShortcutInput, UnitConfig,
};

/// Which paper's networks a network follows in its structure and its parameter names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// "Deep Residual Learning for Image Recognition": original units, and those that the second paper
    /// derives from them.
    V1,
    /// Full pre-activation units, "Identity Mappings in Deep Residual Networks".
    V2,
}

impl Family {
    /// What the last layer's parameters are called.
    pub fn head(self) -> &'static str {
        match self {
            Family::V1 => "fc",
            Family::V2 => "head.fc",
        }
    }
}

/// What comes before the first unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StemSpec {
    /// Its convolutions.
    pub layers: StemLayers,
    /// Output channels.
    pub out_channels: usize,
    /// What follows them.
    pub pool: StemPool,
}

/// The stem's convolutions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StemLayers {
    /// One 3x3 with stride 1: CIFAR.
    Conv3x3,
    /// One 7x7 with stride 2: ImageNet.
    Conv7x7,
    /// Three 3x3, the first with stride 2, the first two of these widths: the c and d variants (arXiv
    /// 1812.01187, figure 2b).
    Deep([usize; 2]),
}

/// The stem's pooling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StemPool {
    /// None: CIFAR.
    None,
    /// The maximum over 3x3 windows with stride 2, where padding never counts: ImageNet.
    Max,
    /// The same where padding counts as zeros: BiT.
    ZeroPaddedMax,
}

/// Units on feature maps of one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    /// Number of units.
    pub units: usize,
    /// Channels inside the residual branches.
    pub width: usize,
    /// Output channels of each unit.
    pub out_channels: usize,
    /// Stride of the first unit; the others have 1.
    pub stride: usize,
}

/// How the last layer's weights lie in checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// `[classes, features]`
    Linear,
    /// `[classes, features, 1, 1]`, as in timm's v2 networks.
    Convolution,
}

/// A residual network.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// The registry's name.
    pub name: String,
    /// Where the units' activations stand, figure 4.
    pub placement: Placement,
    /// What the units' shortcuts do, figure 2.
    pub shortcut: Shortcut,
    /// Input images: channels, height, width.
    pub input: [usize; 3],
    /// What comes before the first unit.
    pub stem: StemSpec,
    /// Stages in order.
    pub stages: Vec<Stage>,
    /// The units' residual branch.
    pub branch: Branch,
    /// How a shortcut's signal gets another shape.
    pub shape_change: ShapeChange,
    /// What the first unit's shortcut starts from in a pre-activation network, if it is the identity.
    pub first_unit: ShortcutInput,
    /// The normalisation everywhere.
    pub norm: NormKind,
    /// How filters are prepared before convolutions use them.
    pub filters: Filters,
    /// How the last layer's weights are stored.
    pub head: Head,
    /// Length of the output.
    pub classes: usize,
}

impl Spec {
    /// The family, which decides the names of parameters and what stands before and after the units.
    pub fn family(&self) -> Family {
        match self.placement {
            Placement::FullPreActivation => Family::V2,
            _ => Family::V1,
        }
    }

    /// The units in order: the name of each one's parameters, and its shape.
    pub fn units(&self) -> Vec<(String, UnitConfig)> {
        let mut in_channels = self.stem.out_channels;
        let mut units = vec![];
        for (stage, Stage { units: count, width, out_channels, stride }) in self.stages.iter().enumerate() {
            for unit in 0..*count {
                let (name, names) = match self.family() {
                    Family::V1 => (format!("layer{}.{unit}", stage + 1), Names::Torchvision),
                    Family::V2 => (format!("stages.{stage}.blocks.{unit}"), Names::Timm),
                };
                let stride = if unit == 0 { *stride } else { 1 };
                units.push((
                    name,
                    UnitConfig {
                        width: *width,
                        branch: self.branch,
                        shape_change: self.shape_change,
                        norm: self.norm,
                        filters: self.filters,
                        names,
                        ..UnitConfig::basic(in_channels, *out_channels, stride)
                    },
                ));
                in_channels = *out_channels;
            }
        }
        units
    }

    /// The parameter that scales each residual branch's end: its last norm, or its last convolution where
    /// that comes later.
    pub(crate) fn branch_ends(&self) -> impl Iterator<Item = String> {
        let layers = match self.branch {
            Branch::OneLayer => 1,
            Branch::Basic => 2,
            Branch::Bottleneck(_) => 3,
        };
        let last = if self.placement.ends_in_norm() { "bn" } else { "conv" };
        self.units().into_iter().map(move |(unit, _)| format!("{unit}.{last}{layers}.weight"))
    }

    /// The network's parts in the order of the forward pass: `stem`, `stage1` and so on, `head`.
    ///
    /// ```
    /// let spec = resnet_models::registry::find("resnet20-v2", 10)?;
    /// assert_eq!(spec.parts(), ["stem", "stage1", "stage2", "stage3", "head"]);
    /// assert_eq!(spec.part_of("stages.1.blocks.0.conv1.weight"), 2);
    /// assert_eq!(spec.part_of("norm.weight"), 4); // the norm after the last stage
    /// # Ok::<(), resnet_models::registry::Error>(())
    /// ```
    pub fn parts(&self) -> Vec<String> {
        let stages = (1..=self.stages.len()).map(|stage| format!("stage{stage}"));
        std::iter::once("stem".to_owned()).chain(stages).chain(["head".to_owned()]).collect()
    }

    /// The index in [`Spec::parts`] of the part that the tensor called `name` belongs to. What follows the
    /// last stage belongs to the head; a name of neither a stage nor the head belongs to the stem.
    pub fn part_of(&self, name: &str) -> usize {
        let family = self.family();
        let (stages, first) = match family {
            Family::V1 => ("layer", 1),
            Family::V2 => ("stages.", 0),
        };
        let number = name.strip_prefix(stages).and_then(|rest| rest.split('.').next()?.parse::<usize>().ok());
        let is_heads = name.starts_with(family.head()) || family == Family::V2 && name.starts_with("norm.");
        match number.and_then(|number| number.checked_sub(first)) {
            Some(stage) => stage + 1,
            None if is_heads => self.stages.len() + 1,
            None => 0,
        }
    }

    /// Channels of the last feature map.
    pub fn features(&self) -> usize {
        self.stages.last().map_or(self.stem.out_channels, |stage| stage.out_channels)
    }
}
