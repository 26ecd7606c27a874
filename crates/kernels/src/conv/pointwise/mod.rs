//! 1x1 convolutions without padding: products of matrices, `[pixels, in] x [in, out]`.
//!
//! ```text
//! y[n, oy, ox, o] = sum over c of x[n, oy s, ox s, c] w[o, c]
//! ```
//!
//! A [`pass::PointwisePass`] cuts the product into tasks of pixels by output channels. A task is cut into
//! blocks of pixels, whose input stays in cache while it is multiplied with all panels of weights, and a
//! block into tiles of some pixels by a panel of outputs, which stay in registers from the product to the
//! fused store. The input gradient is the same pass with input and output channels exchanged. Reference:
//! `resnet_reference::conv2d`.

mod backward;
mod block;
mod gradient;
mod load;
mod pass;
mod pixels;
mod store;
mod tile;
mod weight_grad;

use super::correlate::Correlation;
use super::{
    ConvInput, ConvShape, Epilogue, GradientEpilogue, GradientTarget, OutputGradient, Prologue, Statistics,
    ThroughNorm, pack, panel,
};
use crate::buffer::Buffer;
use crate::norm::{Activation, BackwardSums, Moments, backward_apply};
use crate::parallel::{Shared, for_each_chunk};
use crate::simd::Isa;
use gradient::ThroughNormStore;
use pass::{PointwisePass, Reads};
use pixels::PixelLayout;
use store::OutputStore;

pub(super) use weight_grad::run as weight_grad;

/// The batch norm and ReLU that a convolution's input went through.
#[derive(Clone, Copy)]
struct Norm<'a> {
    /// The norm's input.
    x: &'a [f32],
    /// The mean it subtracted.
    mean: &'a [f32],
    scale: &'a [f32],
    shift: &'a [f32],
}

/// Whether this algorithm can do `shape`.
pub(super) fn applies(shape: &ConvShape) -> bool {
    shape.kernel == 1 && shape.padding == 0
}

/// Filters for [`output`]: `[panel of outputs][input][output]`.
pub(super) fn pack(isa: Isa, shape: &ConvShape, weight: &[f32]) -> Buffer {
    pack::for_output(shape, weight, panel::width(isa, shape.out_channels))
}

/// `out = conv(prologue(x), filters)` with the epilogue applied.
pub(super) fn output(
    isa: Isa,
    shape: &ConvShape,
    input: ConvInput,
    filters: &[f32],
    epilogue: Epilogue,
    out: &mut [f32],
) -> Option<Moments> {
    let pixels = shape.images * shape.out_h() * shape.out_w();
    let pass =
        PointwisePass::new(isa, PixelLayout::input(shape), PixelLayout::dense(pixels, shape.out_channels));
    let mut parts = (epilogue.statistics == Statistics::Gather).then(|| pass.moment_parts());
    let gather = parts.as_mut().map(|parts| parts.iter_mut().map(|part| part.shared()).collect());
    pass.run(
        input,
        filters,
        &OutputStore { epilogue, gather, writes: epilogue.writes(isa, out.len()) },
        &Shared::new(out),
    );
    parts.map(|parts| pass.combine_moments(&parts))
}

/// The input's gradient, and sums over it if the epilogue asks for them.
pub(super) fn input_grad(
    isa: Isa,
    shape: &ConvShape,
    dy: &[f32],
    weight: &[f32],
    epilogue: GradientEpilogue,
    dx: &mut [f32],
) -> Option<BackwardSums> {
    let norm = match epilogue {
        GradientEpilogue::None => None,
        GradientEpilogue::NormSums { x, mean, map } => {
            Some(Norm { x, mean, scale: &map.scale, shift: &map.shift })
        }
    };
    input_grad_pass(isa, shape, dy, weight, norm, Some(dx))
}

fn input_grad_pass(
    isa: Isa,
    shape: &ConvShape,
    dy: &[f32],
    weight: &[f32],
    norm: Option<Norm>,
    mut dx: Option<&mut [f32]>,
) -> Option<BackwardSums> {
    if let Some(dx) = &mut dx {
        // Pixels that the convolution skips.
        for phase_y in 0..shape.stride.min(shape.in_h) {
            for phase_x in 0..shape.stride.min(shape.in_w) {
                if (phase_y, phase_x) != (0, 0) {
                    zero_phase(shape, phase_y, phase_x, dx);
                }
            }
        }
    }
    let (pass, panels) = turned(isa, shape, weight);
    pass.gradient(Reads::Gradient, norm, dx, |store, out| pass.run(ConvInput::plain(dy), &panels, store, out))
}

/// The pass that computes the input's gradient, with the filters transposed for it.
fn turned(isa: Isa, shape: &ConvShape, weight: &[f32]) -> (PointwisePass, Buffer) {
    let rows = PixelLayout::input(shape);
    let pass = PointwisePass::new(isa, PixelLayout::dense(rows.count, shape.out_channels), rows);
    (pass, turned_filters(isa, shape, weight))
}

/// `[panel of inputs][output][input]`
fn turned_filters(isa: Isa, shape: &ConvShape, weight: &[f32]) -> Buffer {
    let width = panel::width(isa, shape.in_channels);
    pack::for_input(shape, &Correlation::input_gradient(shape), weight, width)
}

/// Both gradients; the slices' lengths were checked.
pub(super) fn input_and_weight_grad(
    isa: Isa,
    shape: &ConvShape,
    input: ConvInput,
    dy: OutputGradient,
    weight: &[f32],
    dw: &mut [f32],
    target: GradientTarget,
) -> Option<BackwardSums> {
    let (mean, dx) = match target {
        GradientTarget::Store(dx) => (None, Some(dx)),
        GradientTarget::StoreAndSum { mean, dx } => (Some(mean), Some(dx)),
        GradientTarget::Sum { mean } => (Some(mean), None),
    };
    let norm = mean.map(|mean| match input.prologue {
        Prologue::NormRelu { scale, shift } => Norm { x: input.x, mean, scale, shift },
        Prologue::None => panic!("conv2d: sums for a norm that the input didn't go through"),
    });
    let applies = backward::applies(shape);
    let dy = match dy {
        OutputGradient::Through(through, dy)
            if !(applies && backward::can_begin_with(through.shape, shape)) =>
        {
            input_grad_through_norm(isa, through, dy);
            OutputGradient::There(dy)
        }
        dy => dy,
    };
    let dy = match dy {
        OutputGradient::There(dy) if !applies => dy,
        dy => return backward::run(isa, shape, input, dy, weight, dw, backward::Wanted { norm, dx }),
    };
    weight_grad::run(isa, shape, input, dy, dw);
    input_grad_pass(isa, shape, dy, weight, norm, dx)
}

/// The gradient that `through` describes, into `dx` or added to it; lengths were checked.
pub(super) fn input_grad_through_norm(isa: Isa, through: ThroughNorm, dx: &mut [f32]) {
    let ThroughNorm { shape, dy, weight, norm, accumulate } = through;
    if shape.stride == 1 {
        let (pass, panels) = turned(isa, shape, weight);
        let store = ThroughNormStore { norm, accumulate };
        return pass.run(ConvInput::plain(dy), &panels, &store, &Shared::new(dx));
    }
    let mut gradient = Buffer::unspecified(norm.x.len());
    input_grad_pass(isa, shape, dy, weight, None, Some(&mut gradient));
    backward_apply(isa, norm, &gradient, Activation::Relu, accumulate, dx);
}

/// Sets the gradient of one phase of pixels to zero: at stride 2, three in four pixels are seen by no output.
fn zero_phase(shape: &ConvShape, phase_y: usize, phase_x: usize, dx: &mut [f32]) {
    let row = shape.in_w * shape.in_channels;
    for_each_chunk(dx, shape.in_h * row, |_, image| {
        for row in image.chunks_exact_mut(row).skip(phase_y).step_by(shape.stride) {
            for x in (phase_x..shape.in_w).step_by(shape.stride) {
                row[x * shape.in_channels..][..shape.in_channels].fill(0.0);
            }
        }
    });
}
