//! The product of a pass: `target[pixel][out] = sum over in of source[pixel][in] w[in][out]`, cut for the
//! caches.

use super::block::{Outputs, PixelBlock};
use super::gradient::{GradientStore, GradientSums};
use super::pixels::PixelLayout;
use super::store::{Keep, TileStore};
use super::{Norm, load};
use crate::buffer::Buffer;
use crate::conv::panel::{self, with_vectors};
use crate::conv::{ConvInput, Prologue};
use crate::norm::{BackwardParts, BackwardSums, MomentParts, Moments};
use crate::parallel::{self, Shared, Shares};
use crate::simd::{Isa, Kernel, Simd, dispatch};
use crate::writes::Writes;

/// Floats of a block's input: half of a second-level cache of 512 KiB.
const BLOCK: usize = 64 << 10;
/// Pixels of a block: enough to pay for fetching a panel's weights (an image of 7x7 is one block), and few
/// enough for what is prefetched during one block not to push out what it was prefetched for.
const BLOCK_PIXELS: (usize, usize) = (50, 96);
/// Pixels of a task at most: few enough to sum in f32, enough that combining their sums costs nothing.
const TASK_PIXELS: usize = 1 << 10;
/// Tasks that pixels are cut into if there are enough, before output channels are.
const TASKS: usize = 64;
/// Tasks that output channels are cut for if pixels alone don't make as many.
const FEW_TASKS: usize = 16;
/// Panels of a chunk up to which a copy of the input isn't worth making.
const NARROW: usize = 4;
/// Input channels up to which the copy isn't worth making either.
const SHALLOW: usize = 256;

/// One product of a matrix of pixels with a matrix of weights, and how it is cut. The cut depends on shapes
/// only.
#[derive(Debug, Clone)]
pub(super) struct PointwisePass {
    isa: Isa,
    source: PixelLayout,
    target: PixelLayout,
    /// Pixels of a task.
    task_pixels: usize,
    /// Pixels of a block.
    block_pixels: usize,
    /// Outputs of a task, whole panels.
    chunk: usize,
}

/// What a pass over a gradient reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reads {
    /// The output's gradient.
    Gradient,
    /// The convolution's input as well, before the tiles, so that no tile needs to prefetch it.
    InputAndGradient,
}

impl PointwisePass {
    pub(super) fn new(isa: Isa, source: PixelLayout, target: PixelLayout) -> Self {
        let (pixels, inputs, outputs) = (source.count, source.channels, target.channels);
        let panel = panel::width(isa, outputs);
        let block_pixels = (BLOCK / inputs.max(1)).clamp(BLOCK_PIXELS.0, BLOCK_PIXELS.1);
        let task_pixels = (pixels / TASKS).clamp(block_pixels, TASK_PIXELS);
        let pixel_tasks = parallel::pieces(pixels, task_pixels).max(1);
        let panels = outputs.div_ceil(panel);
        let chunks = FEW_TASKS.div_ceil(pixel_tasks).min(panels.div_ceil(2)).max(1);
        let chunk = panels.div_ceil(chunks).max(1) * panel;
        PointwisePass { isa, source, target, task_pixels, block_pixels, chunk }
    }

    /// A pass that isn't cut across channels, with tasks of `task_pixels`.
    pub(super) fn undivided(isa: Isa, source: PixelLayout, target: PixelLayout, task_pixels: usize) -> Self {
        let chunk = target.channels.next_multiple_of(panel::width(isa, target.channels));
        PointwisePass { isa, source, target, task_pixels, block_pixels: task_pixels, chunk }
    }

    fn pixel_tasks(&self) -> usize {
        parallel::pieces(self.source.count, self.task_pixels)
    }

    fn chunks(&self) -> usize {
        parallel::pieces(self.target.channels, self.chunk)
    }

    /// Whether tiles read the input in place: where a copy in a strip, whose order is better, costs more than
    /// it gains.
    fn reads_in_place(&self, prologue: Prologue) -> bool {
        let narrow = self.chunk <= NARROW * 2 * self.isa.lanes();
        matches!(prologue, Prologue::None)
            && self.source.is_dense()
            && (self.source.channels <= SHALLOW || narrow)
    }

    /// Room for the moments of each chunk's channels, in whole panels.
    pub(super) fn moment_parts(&self) -> Vec<MomentParts> {
        assert!(self.source.count > 0, "no pixels to take statistics of");
        (0..self.chunks()).map(|_| MomentParts::new(self.pixel_tasks(), self.chunk)).collect()
    }

    pub(super) fn combine_moments(&self, parts: &[MomentParts]) -> Moments {
        let (mut mean, mut var) = (vec![], vec![]);
        for part in parts {
            let moments =
                part.combine(|task| parallel::piece(self.source.count, self.task_pixels, task).len());
            mean.extend(moments.mean);
            var.extend(moments.var);
        }
        mean.truncate(self.target.channels);
        var.truncate(self.target.channels);
        Moments { mean, var }
    }

    /// Runs `pass` with a store that writes the gradient to `dx`, if given, and gathers the sums of `norm`,
    /// if given. Returns these sums.
    pub(super) fn gradient(
        &self,
        reads: Reads,
        norm: Option<Norm>,
        dx: Option<&mut [f32]>,
        pass: impl FnOnce(&GradientStore, &Shared),
    ) -> Option<BackwardSums> {
        let part = |_| BackwardParts::new(self.pixel_tasks(), self.chunk);
        let mut parts: Vec<BackwardParts> = norm.iter().flat_map(|_| 0..self.chunks()).map(part).collect();
        let sums = norm
            .map(|norm| GradientSums { norm, gather: parts.iter_mut().map(BackwardParts::shared).collect() });
        let ahead = norm.map(|norm| norm.x).filter(|_| reads == Reads::Gradient);
        let keep = if dx.is_some() { Keep::Target } else { Keep::Nothing };
        let dx = dx.unwrap_or_default();
        let writes = Writes::of(self.isa, dx.len());
        pass(&GradientStore { keep, writes, ahead, sums }, &Shared::new(dx));
        norm.map(|_| self.combine_sums(&parts))
    }

    fn combine_sums(&self, parts: &[BackwardParts]) -> BackwardSums {
        let (mut sum_dy, mut sum_dy_xmu) = (vec![], vec![]);
        for part in parts {
            let sums = part.combine();
            sum_dy.extend(sums.sum_dy);
            sum_dy_xmu.extend(sums.sum_dy_xmu);
        }
        sum_dy.truncate(self.target.channels);
        sum_dy_xmu.truncate(self.target.channels);
        BackwardSums { sum_dy, sum_dy_xmu }
    }

    /// Runs it with weights in panels, `[panel of outputs][input][output]`.
    pub(super) fn run(&self, input: ConvInput, panels: &[f32], store: &impl TileStore, out: &Shared) {
        if self.source.count * self.source.channels * self.target.channels == 0 {
            return;
        }
        let panel = panel::width(self.isa, self.target.channels);
        assert!(input.x.len() >= self.source.reach());
        assert!(store.keep() == Keep::Nothing || out.len() >= self.target.reach());
        assert!(
            panels.len() >= self.target.channels.next_multiple_of(panel) * self.source.channels
                && self.chunk.is_multiple_of(panel)
        );
        let in_place = self.reads_in_place(input.prologue);
        let strip = if in_place { 0 } else { self.block_pixels * self.source.channels };
        let chunks = self.chunks();
        let init = || (Buffer::unspecified(strip), Buffer::unspecified(self.block_pixels * panel));
        parallel::for_each_ahead(self.pixel_tasks() * chunks, init, |(strip, products), task, next| {
            let strip = (!in_place).then_some(&mut **strip);
            let next_pixel = next.map_or(0, |next| next / chunks * self.task_pixels);
            let (task, chunk) = (task / chunks, task % chunks);
            dispatch(
                self.isa,
                PointwiseTask {
                    pass: self,
                    task,
                    chunk,
                    next_pixel,
                    input,
                    strip,
                    products,
                    panels,
                    store,
                    out,
                },
            );
        });
    }
}

/// Some pixels by one chunk of outputs.
struct PointwiseTask<'a, T> {
    pass: &'a PointwisePass,
    task: usize,
    chunk: usize,
    /// The first pixel of this thread's next task.
    next_pixel: usize,
    input: ConvInput<'a>,
    /// Where a block's input goes; `None` reads it in place.
    strip: Option<&'a mut [f32]>,
    products: &'a mut [f32],
    panels: &'a [f32],
    store: &'a T,
    out: &'a Shared<'a>,
}

impl<T: TileStore> Kernel for PointwiseTask<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let pass = self.pass;
        // Buffers were made for the instruction set that this is compiled for.
        with_vectors!(S, pass.target.channels, V => {
            assert!(self.products.len() >= pass.block_pixels * V * S::LANES);
            assert!(pass.chunk.is_multiple_of(V * S::LANES));
        });
        assert!(self.strip.as_ref().is_none_or(|s| s.len() >= pass.block_pixels * pass.source.channels));
        let (source, x) = (&pass.source, self.input.x.as_ptr());
        let pixels = parallel::piece(source.count, pass.task_pixels, self.task);
        let outputs = Outputs {
            inputs: source.channels,
            target: pass.target,
            columns: parallel::piece(pass.target.channels, pass.chunk, self.chunk),
            panels: self.panels,
            store: self.store,
            out: self.out,
            task: self.task,
            chunk: self.chunk,
            first_pixel: pixels.start,
        };
        for share in Shares::of_at_most(pixels.len(), pass.block_pixels) {
            let here = pixels.start + share.start..pixels.start + share.end;
            let next = if here.end < pixels.end { here.end } else { self.next_pixel };
            // SAFETY: the strip has room for a block, as asserted; `x` has all pixels of `source`, as
            // `PointwisePass::run` asserts, and the prologue its channels, as `check_input` does.
            let start = unsafe {
                match &mut self.strip {
                    Some(strip) => {
                        let to = (strip.as_mut_ptr(), source.channels);
                        load::fill(
                            simd,
                            x,
                            source,
                            here.clone(),
                            0..source.channels,
                            self.input.prologue,
                            to,
                        );
                        strip.as_ptr()
                    }
                    None => x.add(here.start * source.channels),
                }
            };
            let block = PixelBlock {
                pixels: here,
                start,
                stride: source.channels,
                next: x.wrapping_add(source.offset(next)),
                next_beside: None,
            };
            // SAFETY: the block's input was just made. `PointwisePass::run` asserts the lengths of panels and
            // output, products have room as asserted above, and the callers check the store's tensors. No
            // other task has these pixels and columns.
            unsafe { outputs.block(simd, block, self.products.as_mut_ptr()) };
        }
        self.store.writes().finish(simd);
    }
}
