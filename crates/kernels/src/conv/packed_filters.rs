//! Filters packed for the output pass of one convolution: once, for as many passes as use the same weights.

use super::{Algorithm, ConvShape, check, check_shape, pack, panel, pointwise, winograd};
use crate::buffer::Buffer;
use crate::simd::Isa;

/// Filters packed for the output pass of one convolution, by one algorithm, on one instruction set. The
/// number of images and their size may differ from pass to pass, as long as the algorithm applies.
#[derive(Debug)]
pub struct PackedFilters {
    packed: Buffer,
    algorithm: Algorithm,
    isa: Isa,
    shape: ConvShape,
}

impl PackedFilters {
    /// Packs `weight` (OIHW) for `algorithm`.
    ///
    /// # Panics
    /// If the weight's length doesn't fit `shape`, or `algorithm` doesn't apply to it.
    pub fn new(algorithm: Algorithm, isa: Isa, shape: &ConvShape, weight: &[f32]) -> Self {
        check_shape(algorithm, isa, shape);
        check("weight", weight, shape.weight_len());
        let packed = match algorithm {
            Algorithm::Winograd => winograd::pack(isa, shape, weight),
            Algorithm::Pointwise => pointwise::pack(isa, shape, weight),
            Algorithm::Direct => pack::for_output(shape, weight, panel::width(isa, shape.out_channels)),
        };
        PackedFilters { packed, algorithm, isa, shape: *shape }
    }

    /// The algorithm that they were packed for.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn packed(&self) -> &[f32] {
        &self.packed
    }

    pub(super) fn check(&self, isa: Isa, shape: &ConvShape) {
        let filters = |shape: &ConvShape| {
            (shape.in_channels, shape.out_channels, shape.kernel, shape.stride, shape.padding)
        };
        let same = self.isa == isa && filters(&self.shape) == filters(shape);
        assert!(same, "conv2d: the filters were packed for another convolution");
        self.algorithm.check(isa, shape);
    }
}
