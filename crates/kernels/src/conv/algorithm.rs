//! Which kernel computes which convolution: the one place where that is decided.

use super::shape::ConvShape;
use super::winograd;
use crate::simd::Isa;

/// The ways to compute a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// Products over strips of input: any geometry.
    Direct,
    /// Winograd's F(4x4, 3x3): 3x3 at stride 1 and padding 1, channels in whole vectors.
    Winograd,
}

impl Algorithm {
    /// The one that is used for all three passes of `shape`: Winograd wherever it applies.
    pub fn choose(isa: Isa, shape: &ConvShape) -> Self {
        if Algorithm::Winograd.applies(isa, shape) { Algorithm::Winograd } else { Algorithm::Direct }
    }

    /// Whether it can compute `shape` on `isa`.
    pub fn applies(self, isa: Isa, shape: &ConvShape) -> bool {
        match self {
            Algorithm::Direct => true,
            Algorithm::Winograd => winograd::applies(shape, isa.lanes()),
        }
    }

    pub(super) fn check(self, isa: Isa, shape: &ConvShape) {
        assert!(self.applies(isa, shape), "conv2d: {self:?} can't compute {shape:?} on {}", isa.name());
    }
}
