//! What a convolution does to its input while it loads it and to its output while it stores it, so that
//! neither makes another journey through memory.

use super::ConvShape;
use crate::norm::{Accumulate, Activation, NormBackward, ScaleShift};
use crate::simd::{Isa, Simd};
use crate::writes::Writes;

/// What happens to the input while it is loaded, before padding.
#[derive(Debug, Clone, Copy)]
pub enum Prologue<'a> {
    /// Nothing.
    None,
    /// `max(x * scale + shift, 0)` per channel: batch norm and ReLU, the pre-activation of figure 1(b).
    NormRelu {
        /// The factor per channel.
        scale: &'a [f32],
        /// The summand per channel.
        shift: &'a [f32],
    },
}

/// What a convolution reads.
#[derive(Debug, Clone, Copy)]
pub struct ConvInput<'a> {
    /// The input, `[images, in_h, in_w, in_channels]`.
    pub x: &'a [f32],
    /// What happens to it while it is loaded.
    pub prologue: Prologue<'a>,
}

impl<'a> ConvInput<'a> {
    /// `x` as it is.
    pub fn plain(x: &'a [f32]) -> Self {
        ConvInput { x, prologue: Prologue::None }
    }
}

/// Whether sums over the stored pixels are gathered for the batch norm that follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Statistics {
    /// No.
    #[default]
    Skip,
    /// Mean and variance of each channel of what is stored.
    Gather,
}

/// What is added to the output: the other operand of equation (1).
#[derive(Debug, Clone, Copy, Default)]
pub enum Residual<'a> {
    /// Nothing.
    #[default]
    None,
    /// A tensor of the output's shape.
    Tensor(&'a [f32]),
    /// The values that the output's slice already holds; the sum overwrites them.
    InPlace,
}

impl<'a> Residual<'a> {
    /// The start of what is added, if anything is; `out` is the start of the output.
    #[inline(always)]
    pub(super) fn start(self, out: *mut f32) -> Option<*const f32> {
        match self {
            Residual::None => None,
            Residual::Tensor(tensor) => Some(tensor.as_ptr()),
            Residual::InPlace => Some(out.cast_const()),
        }
    }

    /// The tensor that is read beside the output's own memory, if there is one.
    pub(super) fn tensor(self) -> Option<&'a [f32]> {
        match self {
            Residual::Tensor(tensor) => Some(tensor),
            Residual::None | Residual::InPlace => None,
        }
    }
}

/// What happens to the output while it is stored, in this order.
#[derive(Debug, Clone, Copy, Default)]
pub struct Epilogue<'a> {
    /// The summand per output channel.
    pub bias: Option<&'a [f32]>,
    /// What is added.
    pub residual: Residual<'a>,
    /// What follows the sum: `f` of equation (2).
    pub activation: Activation,
    /// Whether the batch norm that follows gets its statistics here.
    pub statistics: Statistics,
}

impl Epilogue<'_> {
    /// How an output of `floats` is written. A residual in place has just been read, so its lines are in the
    /// caches.
    pub(super) fn writes(&self, isa: Isa, floats: usize) -> Writes {
        match self.residual {
            Residual::InPlace => Writes::Cached,
            Residual::None | Residual::Tensor(_) => Writes::of(isa, floats),
        }
    }

    /// `act(y + bias + other)`
    #[inline(always)]
    pub(super) fn finish<S: Simd, const N: usize>(
        &self,
        simd: S,
        mut y: [S::V; N],
        bias: Option<[S::V; N]>,
        other: Option<[S::V; N]>,
    ) -> [S::V; N] {
        if let Some(bias) = bias {
            for v in 0..N {
                y[v] = simd.add(y[v], bias[v]);
            }
        }
        if let Some(other) = other {
            for v in 0..N {
                y[v] = simd.add(y[v], other[v]);
            }
        }
        if self.activation == Activation::Relu {
            for v in 0..N {
                y[v] = simd.max(y[v], simd.splat(0.0));
            }
        }
        y
    }
}

/// What happens to the input's gradient while it is stored.
#[derive(Debug, Clone, Copy)]
pub enum GradientEpilogue<'a> {
    /// Nothing.
    None,
    /// Sums for the backward pass of the batch norm and ReLU that the convolution's input went through.
    NormSums {
        /// The norm's input, of the convolution's input shape.
        x: &'a [f32],
        /// The mean per channel that it subtracted.
        mean: &'a [f32],
        /// The map it applied.
        map: &'a ScaleShift,
    },
}

/// A gradient that goes back through a 1x1 convolution and then through the ReLU and the batch norm before
/// it: `dx (+)= g a + x b + c`, as [`crate::norm::backward_apply`] has it, with `dx` of the shape of the
/// convolution's input.
#[derive(Debug, Clone, Copy)]
pub struct ThroughNorm<'a> {
    /// The convolution.
    pub shape: &'a ConvShape,
    /// The gradient of its output.
    pub dy: &'a [f32],
    /// Its weights.
    pub weight: &'a [f32],
    /// The norm before it.
    pub norm: NormBackward<'a>,
    /// Whether the gradient replaces what its slice holds or is added to it.
    pub accumulate: Accumulate,
}

/// The gradient of a convolution's output.
#[derive(Debug)]
pub enum OutputGradient<'a> {
    /// It is already computed: `[images, out_h, out_w, out_channels]`.
    There(&'a [f32]),
    /// It is still to be computed, into the slice of the same shape. Where that pays, each block of pixels is
    /// computed right before it is read, and read while it is in the caches.
    Through(ThroughNorm<'a>, &'a mut [f32]),
}

/// Where the input's gradient goes when it is computed together with the weights'.
#[derive(Debug)]
pub enum GradientTarget<'a> {
    /// It is stored, in a slice of the input's shape.
    Store(&'a mut [f32]),
    /// It is stored, and summed up for the backward pass of the batch norm and ReLU of the prologue.
    StoreAndSum {
        /// The mean per channel that the norm subtracted.
        mean: &'a [f32],
        /// Where it is stored, of the input's shape.
        dx: &'a mut [f32],
    },
    /// It is only summed up, not stored: [`input_grad_through_norm`](super::input_grad_through_norm) computes
    /// it a second time.
    Sum {
        /// The mean per channel that the norm subtracted.
        mean: &'a [f32],
    },
}
