//! What a residual unit is made of, as plain data.

use resnet_ops::BatchNorm;

/// The residual branch's weight layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Branch {
    /// One 3x3 convolution, with the stride: table 3's ResNet-110 of one-layer units.
    OneLayer,
    /// Two 3x3 convolutions; the first has the stride.
    Basic,
    /// 1x1, 3x3, 1x1, the first two narrower than the output: a quarter in the papers.
    Bottleneck(StridePlace),
}

impl Branch {
    /// Output channels divided by the width of the 3x3 convolution, in the papers' networks.
    pub fn expansion(self) -> usize {
        match self {
            Branch::OneLayer | Branch::Basic => 1,
            Branch::Bottleneck(_) => 4,
        }
    }
}

/// Which convolution of a bottleneck has the stride.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StridePlace {
    /// The first 1x1, as in the authors' Torch code.
    First1x1,
    /// The 3x3, as in torchvision, timm (v1.5) and BiT.
    Middle3x3,
}

/// How a shortcut's signal gets the output's shape where a unit changes it: options A and B of
/// arXiv 1512.03385, or ResNet-D's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShapeChange {
    /// Option A: every `stride`-th pixel, and zeros for the new channels; no parameters.
    ZeroPadding,
    /// Option B: a 1x1 convolution with the stride.
    Projection,
    /// ResNet-D's (arXiv 1812.01187, figure 2c): the mean over 2x2 pixels, then a 1x1 convolution. With
    /// stride 1 it is option B; strides above 2 are an error.
    PooledProjection,
}

/// The units' normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NormKind {
    /// Batch norm, the papers'.
    Batch,
    /// Group norm, with this number of groups: BiT's and `_gn` networks'.
    Group(usize),
}

/// How filters are prepared before a convolution uses them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filters {
    /// As they are.
    Plain,
    /// Each has mean 0 and variance 1 (arXiv 1903.10520): BiT's.
    Standardised,
}

/// What parameters are called below the unit's own name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// torchvision's: `bn1`, `downsample.0` (convolution) and `downsample.1` (norm).
    Torchvision,
    /// timm's for pre-activation networks: `norm1`, `downsample.conv`.
    Timm,
}

/// A projection shortcut's names.
pub(crate) struct ProjectionNames {
    pub(crate) conv: &'static str,
    pub(crate) norm: &'static str,
}

impl Names {
    /// The `index`-th norm, counted from 1.
    pub(crate) fn norm(self, index: usize) -> String {
        match self {
            Names::Torchvision => format!("bn{index}"),
            Names::Timm => format!("norm{index}"),
        }
    }

    /// The norm after figure 2(e)'s convolution.
    pub(crate) fn shortcut_norm(self) -> &'static str {
        match self {
            Names::Torchvision => "shortcut_bn",
            Names::Timm => "shortcut_norm",
        }
    }

    /// The names of the projection's convolution and norm. In timm's d variants, pooling is number 0 of
    /// torchvision's sequence, even where stride 1 makes it do nothing.
    pub(crate) fn projection(self, change: ShapeChange) -> ProjectionNames {
        let (conv, norm) = match (self, change) {
            (Names::Torchvision, ShapeChange::PooledProjection) => ("downsample.1", "downsample.2"),
            (Names::Torchvision, _) => ("downsample.0", "downsample.1"),
            (Names::Timm, _) => ("downsample.conv", "downsample.norm"),
        };
        ProjectionNames { conv, norm }
    }
}

/// What a unit consists of: channels, stride, layers and parameter names. The unit takes
/// `[N, in_channels, H, W]` to `[N, out_channels, ceil(H / stride), ceil(W / stride)]`.
///
/// ```
/// use resnet_blocks::{Branch, StridePlace, UnitConfig};
///
/// // The first unit of the second stage of torchvision's ResNet-50.
/// let branch = Branch::Bottleneck(StridePlace::Middle3x3);
/// let config = UnitConfig { branch, ..UnitConfig::bottleneck(256, 512, 2) };
/// assert_eq!(config.width, 128);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnitConfig {
    /// Input channels.
    pub in_channels: usize,
    /// Output channels; for a bottleneck a multiple of 4.
    pub out_channels: usize,
    /// Channels of the convolutions inside the branch: of the first of two 3x3, or of a bottleneck's first
    /// 1x1 and its 3x3. At least 1.
    pub width: usize,
    /// Input pixels from one output pixel to the next.
    pub stride: usize,
    /// The residual branch.
    pub branch: Branch,
    /// How the shortcut's signal gets the output's shape, if that differs from the input's.
    pub shape_change: ShapeChange,
    /// The normalisation.
    pub norm: NormKind,
    /// What norms add to a variance before its root is taken, positive and finite in 32 bits; 1e-5 by
    /// default, as in PyTorch.
    pub norm_eps: f64,
    /// The weight of the newest batch in batch norm's running statistics, in `[0, 1]`; 0.1 by default, as in
    /// PyTorch. Group norm has none.
    pub norm_momentum: f64,
    /// How filters are prepared.
    pub filters: Filters,
    /// Parameter names.
    pub names: Names,
}

impl UnitConfig {
    /// A two-layer unit with option A's shortcut and torchvision's names. torchvision's own units project
    /// where the shape changes: `shape_change: ShapeChange::Projection`.
    pub fn basic(in_channels: usize, out_channels: usize, stride: usize) -> Self {
        UnitConfig {
            in_channels,
            out_channels,
            width: out_channels,
            stride,
            branch: Branch::Basic,
            shape_change: ShapeChange::ZeroPadding,
            norm: NormKind::Batch,
            norm_eps: BatchNorm::EPS,
            norm_momentum: BatchNorm::MOMENTUM,
            filters: Filters::Plain,
            names: Names::Torchvision,
        }
    }

    /// A one-layer unit with option A's shortcut and torchvision's names.
    pub fn one_layer(in_channels: usize, out_channels: usize, stride: usize) -> Self {
        UnitConfig { branch: Branch::OneLayer, ..UnitConfig::basic(in_channels, out_channels, stride) }
    }

    /// A bottleneck unit a quarter as wide inside, with the stride on the first 1x1 as the authors have it, a
    /// projection where the shape changes, and torchvision's names.
    ///
    /// torchvision's own units have the stride on the 3x3. Its weights load either way, and nothing in the
    /// file shows the difference: for them set `branch: Branch::Bottleneck(StridePlace::Middle3x3)`.
    pub fn bottleneck(in_channels: usize, out_channels: usize, stride: usize) -> Self {
        let branch = Branch::Bottleneck(StridePlace::First1x1);
        let (width, shape_change) = (out_channels / branch.expansion(), ShapeChange::Projection);
        UnitConfig { width, branch, shape_change, ..UnitConfig::basic(in_channels, out_channels, stride) }
    }

    /// Whether input and output differ in shape.
    pub fn changes_shape(&self) -> bool {
        self.in_channels != self.out_channels || self.stride != 1
    }
}
