//! Which kernel computes which convolution: the one place where that is decided.

use std::sync::OnceLock;

use super::shape::ConvShape;
use super::{pointwise, winograd};
use crate::simd::Isa;

/// The ways to compute a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// Products over strips of input: any geometry.
    Direct,
    /// Winograd's F(4x4, 3x3): 3x3 at stride 1 and padding 1, channels in whole vectors.
    Winograd,
    /// Products of matrices: 1x1 without padding.
    Pointwise,
}

impl Algorithm {
    /// The algorithm for all three passes of `shape`: the most specialised one that applies and pays. With
    /// `RESNET_CONV=direct` in the environment it is never [`Algorithm::Winograd`], for comparisons; 1x1
    /// convolutions are [`Algorithm::Pointwise`] all the same.
    pub fn choose(isa: Isa, shape: &ConvShape) -> Self {
        static WITHOUT_WINOGRAD: OnceLock<bool> = OnceLock::new();
        let without = *WITHOUT_WINOGRAD.get_or_init(|| {
            std::env::var("RESNET_CONV").is_ok_and(|name| name.eq_ignore_ascii_case("direct"))
        });
        [Algorithm::Pointwise, Algorithm::Winograd]
            .into_iter()
            .filter(|algorithm| !(without && *algorithm == Algorithm::Winograd))
            .find(|algorithm| algorithm.applies(isa, shape) && algorithm.pays(isa, shape))
            .unwrap_or(Algorithm::Direct)
    }

    /// Whether it can compute `shape` on `isa`.
    pub fn applies(self, isa: Isa, shape: &ConvShape) -> bool {
        match self {
            Algorithm::Direct => true,
            Algorithm::Winograd => winograd::applies(shape, isa.lanes()),
            Algorithm::Pointwise => pointwise::applies(shape),
        }
    }

    /// Whether it is worth its preparations. Winograd's filters, 36 numbers for 9, are read once and used
    /// once per tile: for a single image of 7x7 pixels, reading them takes longer than the products that they
    /// save. The faster the products are, the more of them must be saved: with vectors of sixteen lanes, a
    /// single image of 14x14 (sixteen tiles) takes as long either way, and direct filters take a quarter of
    /// the memory. Where the image is a single line of pixels, most of each tile is cut off.
    fn pays(self, isa: Isa, shape: &ConvShape) -> bool {
        let is_line = shape.in_h < 2 || shape.in_w < 2;
        self != Algorithm::Winograd || (!is_line && winograd::tiles(shape) > isa.lanes())
    }

    pub(super) fn check(self, isa: Isa, shape: &ConvShape) {
        assert!(self.applies(isa, shape), "conv2d: {self:?} can't compute {shape:?} on {}", isa.name());
    }
}
