//! What a residual unit is made of, as plain data.

/// The residual branch's weight layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Branch {
    /// Two 3x3 convolutions; the first has the stride.
    Basic,
    /// 1x1, 3x3, 1x1, the first two narrower than the output: a quarter in the papers.
    Bottleneck(StridePlace),
}

impl Branch {
    /// Output channels over the width of the 3x3 convolution, in the papers' networks.
    pub fn expansion(self) -> usize {
        match self {
            Branch::Basic => 1,
            Branch::Bottleneck(_) => 4,
        }
    }
}

/// Which convolution of a bottleneck has the stride.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StridePlace {
    /// The first 1x1, as in the authors' Torch code.
    First1x1,
    /// The 3x3, as in v1.5, timm and BiT.
    Middle3x3,
}

/// The shortcut where a unit changes the shape; elsewhere it is the identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShapeChange {
    /// Option A: sub-sampled, new channels zero; no parameters.
    ZeroPadding,
    /// Option B: a 1x1 convolution with the stride.
    Projection,
}

/// What parameters are called below the unit's own name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// torchvision's: `bn1`, `downsample.0` (convolution) and `downsample.1` (norm).
    Torchvision,
    /// timm's for pre-activation networks: `norm1`, `downsample.conv`.
    Timm,
}

impl Names {
    /// The `index`-th norm, counted from 1.
    pub(crate) fn norm(self, index: usize) -> String {
        match self {
            Names::Torchvision => format!("bn{index}"),
            Names::Timm => format!("norm{index}"),
        }
    }

    /// The projection shortcut's convolution.
    pub(crate) fn projection(self) -> &'static str {
        match self {
            Names::Torchvision => "downsample.0",
            Names::Timm => "downsample.conv",
        }
    }

    /// The projection shortcut's norm.
    pub(crate) fn projection_norm(self) -> &'static str {
        match self {
            Names::Torchvision => "downsample.1",
            Names::Timm => "downsample.norm",
        }
    }
}

/// A unit's shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitConfig {
    /// Input channels.
    pub inputs: usize,
    /// Output channels; for a bottleneck a multiple of 4.
    pub outputs: usize,
    /// Channels of the convolutions inside the branch: of the first 3x3, or of a bottleneck's first 1x1 and its 3x3.
    pub width: usize,
    /// Input pixels from one output pixel to the next.
    pub stride: usize,
    /// The residual branch.
    pub branch: Branch,
    /// The shortcut, if the shape changes.
    pub shape_change: ShapeChange,
    /// Parameter names.
    pub names: Names,
}

impl UnitConfig {
    /// A two-layer unit with option A's shortcut and torchvision's names.
    pub fn basic(inputs: usize, outputs: usize, stride: usize) -> Self {
        let shape_change = ShapeChange::ZeroPadding;
        let (branch, names) = (Branch::Basic, Names::Torchvision);
        UnitConfig { inputs, outputs, width: outputs, stride, branch, shape_change, names }
    }

    /// A bottleneck unit a quarter as wide inside, with the authors' stride, a projection and torchvision's names.
    pub fn bottleneck(inputs: usize, outputs: usize, stride: usize) -> Self {
        let branch = Branch::Bottleneck(StridePlace::First1x1);
        let shape_change = ShapeChange::Projection;
        let (width, names) = (outputs / branch.expansion(), Names::Torchvision);
        UnitConfig { inputs, outputs, width, stride, branch, shape_change, names }
    }

    /// Whether the identity can't be the shortcut.
    pub fn changes_shape(&self) -> bool {
        self.inputs != self.outputs || self.stride != 1
    }
}
