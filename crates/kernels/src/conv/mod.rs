//! Two-dimensional convolution in NHWC: output, input gradient and weight gradient.
//!
//! ```text
//! y[n, oy, ox, o] = sum over ky, kx, c of x[n, oy s - p + ky, ox s - p + kx, c] w[o, c, ky, kx]
//! ```
//!
//! with zeros outside the picture. All three passes walk over *strips*: a few rows of input, padded and, if
//! asked, normalised and rectified on the way in, small enough to stay in cache. Reference:
//! `resnet_reference::conv2d`.

mod correlate;
mod micro;
mod pack;
mod strip;
mod weight_grad;
mod winograd;

use crate::parallel::{self, Shared};
use crate::simd::Isa;
use correlate::Correlation;

/// The geometry of a square convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConvShape {
    /// Pictures in the batch.
    pub images: usize,
    /// Input height in pixels.
    pub in_h: usize,
    /// Input width in pixels.
    pub in_w: usize,
    /// Input channels.
    pub in_c: usize,
    /// Output channels, the number of filters.
    pub out_c: usize,
    /// Height and width of a filter.
    pub kernel: usize,
    /// Input pixels from one output pixel to the next.
    pub stride: usize,
    /// Rows and columns of zeros on each side.
    pub padding: usize,
}

impl ConvShape {
    /// Output height; 0 if the filter is larger than the padded input.
    pub fn out_h(&self) -> usize {
        extent(self.in_h, self.kernel, self.stride, self.padding)
    }
    /// Output width.
    pub fn out_w(&self) -> usize {
        extent(self.in_w, self.kernel, self.stride, self.padding)
    }
    /// Floats of the input.
    pub fn input_len(&self) -> usize {
        self.images * self.in_h * self.in_w * self.in_c
    }
    /// Floats of the output.
    pub fn output_len(&self) -> usize {
        self.images * self.out_h() * self.out_w() * self.out_c
    }
    /// Floats of the weights.
    pub fn weight_len(&self) -> usize {
        self.out_c * self.in_c * self.kernel * self.kernel
    }
    /// Multiply-adds of one pass over one picture, by the definition (what the literature counts).
    pub fn multiply_adds_per_image(&self) -> u64 {
        (self.out_h() * self.out_w()) as u64 * self.weight_len() as u64
    }
}

/// Output pixels along one axis.
pub(crate) fn extent(size: usize, kernel: usize, stride: usize, padding: usize) -> usize {
    (size + 2 * padding).checked_sub(kernel).map_or(0, |span| span / stride + 1)
}

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

    fn check(self, isa: Isa, shape: &ConvShape) {
        assert!(self.applies(isa, shape), "conv2d: {self:?} can't compute {shape:?} on {}", isa.name());
    }
}

/// What happens to the input while it is loaded, before padding.
#[derive(Debug, Clone, Copy)]
pub enum Prologue<'a> {
    /// Nothing.
    None,
    /// `max(x * scale + shift, 0)` a channel: batch norm and ReLU, the pre-activation of figure 1(b).
    NormRelu {
        /// A factor a channel.
        scale: &'a [f32],
        /// A summand a channel.
        shift: &'a [f32],
    },
}

/// What happens to the output while it is stored.
#[derive(Debug, Clone, Copy, Default)]
pub struct Epilogue<'a> {
    /// A summand an output channel.
    pub bias: Option<&'a [f32]>,
    /// A tensor of the output's shape to add: the other operand of equation (1).
    pub residual: Option<&'a [f32]>,
}

fn check(name: &str, slice: &[f32], len: usize) {
    assert_eq!(slice.len(), len, "conv2d: {name} has another length than its shape");
}

fn check_prologue(prologue: Prologue, channels: usize) {
    if let Prologue::NormRelu { scale, shift } = prologue {
        check("scale", scale, channels);
        check("shift", shift, channels);
    }
}

/// `out = conv(prologue(x), weight)` with the epilogue applied.
///
/// # Panics
/// If a slice's length doesn't fit `shape`, or `algorithm` doesn't apply to it.
#[allow(clippy::too_many_arguments)] // what a convolution is made of
pub fn forward(
    algorithm: Algorithm,
    isa: Isa,
    shape: &ConvShape,
    x: &[f32],
    prologue: Prologue,
    weight: &[f32],
    epilogue: Epilogue,
    out: &mut [f32],
) {
    algorithm.check(isa, shape);
    check("input", x, shape.input_len());
    check("weight", weight, shape.weight_len());
    check("output", out, shape.output_len());
    check_prologue(prologue, shape.in_c);
    if let Some(bias) = epilogue.bias {
        check("bias", bias, shape.out_c);
    }
    if let Some(residual) = epilogue.residual {
        check("residual", residual, shape.output_len());
    }
    match algorithm {
        Algorithm::Winograd => winograd::output(isa, shape, x, prologue, weight, epilogue, out),
        Algorithm::Direct => {
            let packed = pack::for_output(shape, weight, 2 * isa.lanes());
            Correlation::forward(shape).run(isa, x, prologue, &packed, epilogue, out);
        }
    }
}

/// `dx`, the gradient with respect to the (normalised, rectified) input, from `dy`, that of the output.
///
/// # Panics
/// If a slice's length doesn't fit `shape`, or `algorithm` doesn't apply to it.
pub fn input_grad(
    algorithm: Algorithm,
    isa: Isa,
    shape: &ConvShape,
    dy: &[f32],
    weight: &[f32],
    dx: &mut [f32],
) {
    algorithm.check(isa, shape);
    check("output gradient", dy, shape.output_len());
    check("weight", weight, shape.weight_len());
    check("input gradient", dx, shape.input_len());
    match algorithm {
        Algorithm::Winograd => winograd::input_grad(isa, shape, dy, weight, dx),
        Algorithm::Direct => input_grad_direct(isa, shape, dy, weight, dx),
    }
}

/// A stride of `s` splits the input's pixels into `s * s` phases, each of which sees its own subset of the filter's
/// taps at stride 1.
fn input_grad_direct(isa: Isa, shape: &ConvShape, dy: &[f32], weight: &[f32], dx: &mut [f32]) {
    for phase_y in 0..shape.stride.min(shape.in_h) {
        for phase_x in 0..shape.stride.min(shape.in_w) {
            match Correlation::input_phase(shape, phase_y, phase_x) {
                Some((pass, taps_y, taps_x)) => {
                    let packed = pack::for_input(shape, weight, 2 * isa.lanes(), taps_y, taps_x);
                    pass.run(isa, dy, Prologue::None, &packed, Epilogue::default(), dx);
                }
                None => zero_phase(shape, phase_y, phase_x, dx),
            }
        }
    }
}

/// Pixels that no output looks at have no gradient: a 1x1 filter at stride 2 skips three in four.
fn zero_phase(shape: &ConvShape, phase_y: usize, phase_x: usize, dx: &mut [f32]) {
    let row = shape.in_w * shape.in_c;
    let out = Shared::new(dx);
    parallel::for_each(
        shape.images,
        || (),
        |_, image| {
            for y in (phase_y..shape.in_h).step_by(shape.stride) {
                // SAFETY: each task has its own image, and rows don't overlap.
                let row = unsafe { out.slice((image * shape.in_h + y) * row, row) };
                for x in (phase_x..shape.in_w).step_by(shape.stride) {
                    row[x * shape.in_c..][..shape.in_c].fill(0.0);
                }
            }
        },
    );
}

/// `dw`, the gradient with respect to the weights (OIHW), from the input and `dy`.
///
/// # Panics
/// If a slice's length doesn't fit `shape`, or `algorithm` doesn't apply to it.
pub fn weight_grad(
    algorithm: Algorithm,
    isa: Isa,
    shape: &ConvShape,
    x: &[f32],
    prologue: Prologue,
    dy: &[f32],
    dw: &mut [f32],
) {
    algorithm.check(isa, shape);
    check("input", x, shape.input_len());
    check("output gradient", dy, shape.output_len());
    check("weight gradient", dw, shape.weight_len());
    check_prologue(prologue, shape.in_c);
    match algorithm {
        Algorithm::Winograd => winograd::weight_grad(isa, shape, x, prologue, dy, dw),
        Algorithm::Direct => weight_grad::run(isa, shape, x, prologue, dy, dw),
    }
}
