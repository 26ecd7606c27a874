//! Two-dimensional convolution in NHWC: output, input gradient and weight gradient.
//!
//! ```text
//! y[n, oy, ox, o] = sum over ky, kx, c of x[n, oy s - p + ky, ox s - p + kx, c] w[o, c, ky, kx]
//! ```
//!
//! with zeros outside the image. The direct algorithm and Winograd's walk over *strips*: a few rows of input,
//! padded and, if asked, normalised and rectified on the way in, small enough to stay in cache. Reference:
//! `resnet_reference::conv2d`.

mod algorithm;
mod correlate;
mod direct;
mod fusion;
mod lines;
mod pack;
mod packed_filters;
mod panel;
mod plan;
mod pointwise;
mod product;
mod shape;
mod store;
mod strip;
mod weight_grad;
mod winograd;

use crate::norm::{BackwardMap, BackwardSums, Moments, NormBackward};
use crate::simd::Isa;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use fusion::{
    ConvInput, Epilogue, GradientEpilogue, GradientTarget, OutputGradient, Prologue, Residual, Statistics,
    ThroughNorm,
};
pub use packed_filters::PackedFilters;
pub use shape::ConvShape;
pub(crate) use shape::{checked_padded, extent};

fn check(name: &str, slice: &[f32], len: usize) {
    assert_eq!(slice.len(), len, "conv2d: {name} has another length than its shape");
}

fn check_shape(algorithm: Algorithm, isa: Isa, shape: &ConvShape) {
    shape.check();
    algorithm.check(isa, shape);
}

fn check_input(input: ConvInput, shape: &ConvShape) {
    check("input", input.x, shape.input_len());
    if let Prologue::NormRelu { scale, shift } = input.prologue {
        check("scale", scale, shape.in_channels);
        check("shift", shift, shape.in_channels);
    }
}

/// `out = conv(prologue(x), filters)` with the epilogue applied; `out` is of the shape
/// `[images, out_h, out_w, out_channels]`. Returns the moments of `out` if the epilogue asks for
/// [`Statistics::Gather`].
///
/// # Panics
/// If a slice's length doesn't fit `shape`, `filters` were packed for another convolution or instruction set,
/// or statistics are asked for of an output without pixels.
pub fn forward(
    isa: Isa,
    shape: &ConvShape,
    input: ConvInput,
    filters: &PackedFilters,
    epilogue: Epilogue,
    out: &mut [f32],
) -> Option<Moments> {
    shape.check();
    filters.check(isa, shape);
    check_input(input, shape);
    check("output", out, shape.output_len());
    if let Some(bias) = epilogue.bias {
        check("bias", bias, shape.out_channels);
    }
    if let Residual::Tensor(residual) = epilogue.residual {
        check("residual", residual, shape.output_len());
    }
    if out.is_empty() {
        assert_eq!(epilogue.statistics, Statistics::Skip, "conv2d: no pixels to take statistics of");
        return None;
    }
    match filters.algorithm() {
        Algorithm::Winograd => winograd::output(isa, shape, input, filters.packed(), epilogue, out),
        Algorithm::Pointwise => pointwise::output(isa, shape, input, filters.packed(), epilogue, out),
        Algorithm::Direct => direct::output(isa, shape, input, filters.packed(), epilogue, out),
    }
}

/// Writes the input's gradient to `dx`, from `dy`, the output's, and `weight` (OIHW). Where the input goes
/// through a prologue, `dx` is the gradient of the prologue's output. Returns the sums that the epilogue asks
/// for.
///
/// # Panics
/// If a slice's length doesn't fit `shape`, or `algorithm` doesn't apply to it.
pub fn input_grad(
    algorithm: Algorithm,
    isa: Isa,
    shape: &ConvShape,
    dy: &[f32],
    weight: &[f32],
    epilogue: GradientEpilogue,
    dx: &mut [f32],
) -> Option<BackwardSums> {
    check_shape(algorithm, isa, shape);
    check("output gradient", dy, shape.output_len());
    check("weight", weight, shape.weight_len());
    check("input gradient", dx, shape.input_len());
    if let GradientEpilogue::NormSums { x, mean, map } = epilogue {
        check("norm's input", x, shape.input_len());
        for per_channel in [mean, &map.scale, &map.shift] {
            check("norm's map", per_channel, shape.in_channels);
        }
    }
    if dy.is_empty() || dx.is_empty() {
        dx.fill(0.0);
        let sums = || BackwardSums {
            sum_dy: vec![0.0; shape.in_channels],
            sum_dy_xmu: vec![0.0; shape.in_channels],
        };
        return matches!(epilogue, GradientEpilogue::NormSums { .. }).then(sums);
    }
    match algorithm {
        Algorithm::Winograd => winograd::input_grad(isa, shape, dy, weight, epilogue, dx),
        Algorithm::Pointwise => pointwise::input_grad(isa, shape, dy, weight, epilogue, dx),
        Algorithm::Direct => direct::input_grad(isa, shape, dy, weight, epilogue, dx),
    }
}

/// Writes the gradient of the weights (OIHW) to `dw`, from the input and `dy`, the output's gradient.
///
/// # Panics
/// If a slice's length doesn't fit `shape`, or `algorithm` doesn't apply to it.
pub fn weight_grad(
    algorithm: Algorithm,
    isa: Isa,
    shape: &ConvShape,
    input: ConvInput,
    dy: &[f32],
    dw: &mut [f32],
) {
    check_shape(algorithm, isa, shape);
    check_input(input, shape);
    check("output gradient", dy, shape.output_len());
    check("weight gradient", dw, shape.weight_len());
    if dy.is_empty() {
        return dw.fill(0.0);
    }
    match algorithm {
        Algorithm::Winograd => winograd::weight_grad(isa, shape, input, dy, dw),
        Algorithm::Pointwise => pointwise::weight_grad(isa, shape, input, dy, dw),
        Algorithm::Direct => weight_grad::run(isa, shape, input, dy, dw),
    }
}

/// Both gradients of a 1x1 convolution, in one pass over `x` and `dy` where the stride is 1 and the weights
/// fit a cache. Returns the sums that `target` asks for. With [`OutputGradient::Through`], `dy` is computed
/// as well, and complete afterwards.
///
/// # Panics
/// If a slice's length doesn't fit its shape, a convolution isn't [`Algorithm::Pointwise`], or `target` asks
/// for sums where the input has no [`Prologue::NormRelu`].
pub fn input_and_weight_grad(
    isa: Isa,
    shape: &ConvShape,
    input: ConvInput,
    dy: OutputGradient,
    weight: &[f32],
    dw: &mut [f32],
    target: GradientTarget,
) -> Option<BackwardSums> {
    check_shape(Algorithm::Pointwise, isa, shape);
    check_input(input, shape);
    match &dy {
        OutputGradient::There(dy) => check("output gradient", dy, shape.output_len()),
        OutputGradient::Through(through, dy) => {
            check("output gradient", dy, shape.output_len());
            check_through(isa, through, dy);
        }
    }
    check("weight", weight, shape.weight_len());
    check("weight gradient", dw, shape.weight_len());
    match &target {
        GradientTarget::Store(dx) => check("input gradient", dx, shape.input_len()),
        GradientTarget::Sum { mean } => check("mean", mean, shape.in_channels),
        GradientTarget::StoreAndSum { mean, dx } => {
            check("mean", mean, shape.in_channels);
            check("input gradient", dx, shape.input_len());
        }
    }
    pointwise::input_and_weight_grad(isa, shape, input, dy, weight, dw, target)
}

/// Computes the gradient that `through` describes, into `dx` or added to it. At stride 1 the gradient of the
/// convolution's own input stays in registers and is never stored.
///
/// # Panics
/// If a slice's length doesn't fit the shape, or the convolution isn't [`Algorithm::Pointwise`].
pub fn input_grad_through_norm(isa: Isa, through: ThroughNorm, dx: &mut [f32]) {
    check_through(isa, &through, dx);
    pointwise::input_grad_through_norm(isa, through, dx);
}

fn check_through(isa: Isa, &ThroughNorm { shape, dy, weight, norm, .. }: &ThroughNorm, dx: &[f32]) {
    check_shape(Algorithm::Pointwise, isa, shape);
    let NormBackward { x, map, backward } = norm;
    check("norm's input", x, shape.input_len());
    check("output gradient", dy, shape.output_len());
    check("weight", weight, shape.weight_len());
    check("input gradient", dx, shape.input_len());
    let BackwardMap { of_gradient, of_input, constant } = backward;
    for per_channel in [&map.scale, &map.shift, of_gradient, of_input, constant] {
        check("norm's map", per_channel, shape.in_channels);
    }
}
