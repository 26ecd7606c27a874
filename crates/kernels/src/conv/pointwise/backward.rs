//! Both gradients in one pass over the input and the output's gradient, for weights that fit a cache.
//!
//! A block of pixels is pre-activated into a strip for the weights' gradient. Then the same pixels of `dy`
//! are multiplied with the weights, and ReLU's mask is recomputed from the input, which is still in cache.
//! Where `dy` itself is the gradient through a 1x1 convolution and its norm, as between two bottleneck units,
//! each block of it is computed right before it is used, and never read from memory.

use super::block::{Outputs, PixelBlock};
use super::gradient::{GradientStore, ThroughNormStore};
use super::pass::{PointwisePass, Reads};
use super::pixels::PixelLayout;
use super::store::{Keep, TileStore as _};
use super::weight_grad::{Ahead, Sides, SumLayout, add_products, strip_stride};
use super::{Norm, load, turned_filters};
use crate::buffer::Buffer;
use crate::conv::panel::{self, with_vectors};
use crate::conv::{ConvInput, ConvShape, OutputGradient, ThroughNorm};
use crate::norm::BackwardSums;
use crate::parallel::{self, Shared, Shares, for_each_chunk_with};
use crate::simd::{Isa, Kernel, Simd, dispatch};

/// Weights at most, for sums and weights to stay in a second-level cache: 128 KiB each.
const WEIGHTS: usize = 32 << 10;
/// Weights at most of each of two convolutions that follow each other, for a block to stay in a first-level
/// cache from one to the other: 32 KiB. With twice 64 KiB it was 7 % slower (AVX-512).
const FEW_WEIGHTS: usize = 8 << 10;
/// Pixels of a block.
const BLOCK: usize = 48;
/// Groups of pixels, each of which has its own sums.
const GROUPS: usize = 32;

/// Whether [`run`] can do `shape`.
pub(super) fn applies(shape: &ConvShape) -> bool {
    shape.stride == 1 && shape.weight_len() <= WEIGHTS
}

/// Whether it pays to compute the output gradient of `shape` block by block on the way, where it is the input
/// gradient of `next`, the convolution that follows.
pub(super) fn can_begin_with(next: &ConvShape, shape: &ConvShape) -> bool {
    let few = |shape: &ConvShape| shape.stride == 1 && shape.weight_len() <= FEW_WEIGHTS;
    few(next) && few(shape) && next.in_channels == shape.out_channels
}

/// What is asked for beside the weights' gradient.
pub(super) struct Wanted<'a> {
    /// The norm whose backward sums are gathered.
    pub(super) norm: Option<Norm<'a>>,
    /// Where the input's gradient is stored.
    pub(super) dx: Option<&'a mut [f32]>,
}

/// `dw` and, as far as they are asked for, `dx` and sums over it.
pub(super) fn run(
    isa: Isa,
    shape: &ConvShape,
    input: ConvInput,
    dy: OutputGradient,
    weight: &[f32],
    dw: &mut [f32],
    Wanted { norm, dx }: Wanted,
) -> Option<BackwardSums> {
    let rows = PixelLayout::input(shape);
    let pixels = rows.count;
    let dy = Gradient::new(isa, dy);
    assert!(input.x.len() >= rows.reach() && dy.len() >= pixels * shape.out_channels);
    let group = pixels.div_ceil(GROUPS).next_multiple_of(BLOCK);
    let pass = PointwisePass::undivided(isa, PixelLayout::dense(pixels, shape.out_channels), rows, group);
    let panels = turned_filters(isa, shape, weight);
    let width = panel::width(isa, shape.out_channels);
    let outputs = shape.out_channels.next_multiple_of(width);
    let panel = width.max(panel::width(isa, shape.in_channels));
    let groups = parallel::pieces(pixels, group);
    let layout = SumLayout {
        in_channels: shape.in_channels,
        out_channels: shape.out_channels,
        inputs: shape.in_channels,
        outputs,
        groups,
    };
    let mut partials = Buffer::unspecified(layout.partials_len());
    let stride = strip_stride(shape.in_channels);
    let init = || (Buffer::unspecified(BLOCK * stride), Buffer::unspecified(BLOCK * panel));

    let sums = pass.gradient(Reads::InputAndGradient, norm, dx, |store, out| {
        assert!(store.keep == Keep::Nothing || out.len() >= rows.reach());
        for_each_chunk_with(&mut partials, layout.tile_len(), init, |(strip, panel), task, sums| {
            let pixels = parallel::piece(pixels, group, task);
            let outputs = Outputs {
                inputs: shape.out_channels,
                target: rows,
                columns: 0..shape.in_channels,
                panels: &panels,
                store,
                out,
                task,
                chunk: 0,
                first_pixel: pixels.start,
            };
            dispatch(isa, PixelGroup { shape, outputs, pixels, input, dy: &dy, strip, stride, panel, sums });
        });
    });
    layout.reduce(&partials, dw);
    sums
}

/// The gradient of the output.
enum Gradient<'a> {
    There(&'a [f32]),
    Through(Through<'a>),
}

/// A gradient that is computed block by block, and where it goes.
struct Through<'a> {
    by: ThroughNorm<'a>,
    store: ThroughNormStore<'a>,
    /// The filters of `by`, transposed and packed in panels.
    panels: Buffer,
    to: Shared<'a>,
}

impl<'a> Gradient<'a> {
    fn new(isa: Isa, dy: OutputGradient<'a>) -> Self {
        let (by, to) = match dy {
            OutputGradient::There(dy) => return Gradient::There(dy),
            OutputGradient::Through(by, to) => (by, Shared::new(to)),
        };
        let rows = PixelLayout::input(by.shape);
        assert!(by.dy.len() >= rows.count * by.shape.out_channels && by.norm.x.len() >= rows.reach());
        let store = ThroughNormStore { norm: by.norm, accumulate: by.accumulate };
        Gradient::Through(Through { by, store, panels: turned_filters(isa, by.shape, by.weight), to })
    }

    fn len(&self) -> usize {
        match self {
            Gradient::There(dy) => dy.len(),
            Gradient::Through(through) => through.to.len(),
        }
    }

    /// The start of the whole gradient, of which the block `pixels` is computed when this returns.
    ///
    /// # Safety
    /// The gradient must have these pixels, which no other task accesses at the same time; `panel` must have
    /// room for a panel per pixel.
    #[inline(always)]
    unsafe fn block<S: Simd>(&self, simd: S, pixels: std::ops::Range<usize>, panel: *mut f32) -> *const f32 {
        let Through { by, store, panels, to } = match self {
            Gradient::There(dy) => return dy.as_ptr(),
            Gradient::Through(through) => through,
        };
        let (stride, out_channels) = (by.shape.out_channels, by.shape.in_channels);
        let outputs = Outputs {
            inputs: stride,
            target: PixelLayout::input(by.shape),
            columns: 0..out_channels,
            panels,
            store,
            out: to,
            task: 0,
            chunk: 0,
            first_pixel: pixels.start,
        };
        // SAFETY: the caller's promise; `new` saw to the lengths of what is read.
        unsafe {
            let start = by.dy.as_ptr().add(pixels.start * stride);
            let next = start.wrapping_add(pixels.len() * stride);
            outputs.block(simd, PixelBlock { pixels, start, stride, next, next_beside: None }, panel);
        }
        to.as_mut_ptr().cast_const()
    }
}

/// One group of pixels.
struct PixelGroup<'a> {
    shape: &'a ConvShape,
    outputs: Outputs<'a, GradientStore<'a>>,
    pixels: std::ops::Range<usize>,
    input: ConvInput<'a>,
    dy: &'a Gradient<'a>,
    strip: &'a mut [f32],
    stride: usize,
    panel: &'a mut [f32],
    sums: &'a mut [f32],
}

impl Kernel for PixelGroup<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let ConvShape { in_channels, out_channels, .. } = *self.shape;
        // Buffers were made for the instruction set that this is compiled for.
        assert!(self.strip.len() >= BLOCK * self.stride);
        with_vectors!(S, in_channels.max(out_channels), V => assert!(self.panel.len() >= BLOCK * V * S::LANES));
        with_vectors!(S, out_channels, V => {
            assert!(self.sums.len() >= in_channels * out_channels.next_multiple_of(V * S::LANES));
        });
        self.sums.fill(0.0);
        let (strip, panel) = (self.strip.as_mut_ptr(), self.panel.as_mut_ptr());
        for share in Shares::of_at_most(self.pixels.len(), BLOCK) {
            let here = self.pixels.start + share.start..self.pixels.start + share.end;
            // SAFETY: strip and panel have room for a block, `x`, `dy` and the target all pixels, as `run`
            // saw to.
            unsafe {
                let dy = self.dy.block(simd, here.clone(), panel).add(here.start * out_channels);
                let (x, rows) = (self.input.x.as_ptr(), &self.outputs.target);
                load::fill(
                    simd,
                    x,
                    rows,
                    here.clone(),
                    0..in_channels,
                    self.input.prologue,
                    (strip, self.stride),
                );
                let sides = Sides {
                    pixels: here.len(),
                    a: strip.cast_const(),
                    a_stride: self.stride,
                    inputs: in_channels,
                    dy,
                    dy_stride: out_channels,
                    outputs: out_channels,
                };
                let sums = self.sums.as_mut_ptr();
                with_vectors!(S, out_channels, V => {
                    let sums_stride = out_channels.next_multiple_of(V * S::LANES);
                    add_products::<S, V>(simd, sides, panel, (sums, sums_stride), Ahead::nothing(rows));
                });
                let block = PixelBlock {
                    start: dy,
                    stride: out_channels,
                    next: dy.wrapping_add(here.len() * out_channels),
                    next_beside: Some(x.wrapping_add(here.end * in_channels)),
                    pixels: here,
                };
                self.outputs.block(simd, block, panel);
            }
        }
        self.outputs.store.writes().finish(simd);
    }
}
