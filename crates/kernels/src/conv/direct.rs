//! Output and input gradient as products of strips: any geometry. The formula is that of `correlate.rs`.
//!
//! Each task fills a strip, the few rows of input that its pixels see, padded and pre-activated; in NHWC a
//! filter row's inputs are contiguous in it. A tile of some pixels by a panel of outputs is summed over them
//! in registers, and stored as soon as its sums are complete.

use super::correlate::Correlation;
use super::lines::Lines;
use super::panel::{self, FullPanel, PanelWidth, PartialPanel, with_vectors};
use super::plan::{ConvPlan, PhasePlan, TapSlice};
use super::product::{self, Fetch, FetchOn, NoFetch, RowTiles, with_rows};
use super::store::{DirectStore, DirectTile};
use super::strip;
use super::{ConvInput, ConvShape, Epilogue, GradientEpilogue, Prologue, Statistics, pack};
use std::ops::Range;

use crate::buffer::Buffer;
use crate::norm::{Accumulate, BackwardParts, BackwardSums, MomentParts, Moments};
use crate::parallel::{self, Shared};
use crate::simd::{Isa, Kernel, Simd, dispatch};
use crate::writes::Writes;

/// `out = conv(prologue(x), packed)` with the epilogue applied; weights are from [`pack::for_output`]. The
/// output must not be empty.
pub(super) fn output(
    isa: Isa,
    shape: &ConvShape,
    input: ConvInput,
    packed: &[f32],
    epilogue: Epilogue,
    out: &mut [f32],
) -> Option<Moments> {
    let pass = Correlation::output(shape);
    let sweep = Sweep::new(isa, &pass, input, packed);
    let gathers = epilogue.statistics == Statistics::Gather;
    let mut parts = gathers.then(|| MomentParts::new(sweep.parts(), sweep.padded_c()));
    let gather = parts.as_mut().map(MomentParts::shared);
    let writes = epilogue.writes(isa, out.len());
    sweep.run(DirectStore::Output { epilogue, gather, writes }, out);
    parts.map(|parts| {
        let mut moments = parts.combine(|part| sweep.pixels(part));
        moments.mean.truncate(shape.out_channels);
        moments.var.truncate(shape.out_channels);
        moments
    })
}

/// The input's gradient. Neither input nor output may be empty.
pub(super) fn input_grad(
    isa: Isa,
    shape: &ConvShape,
    dy: &[f32],
    weight: &[f32],
    epilogue: GradientEpilogue,
    dx: &mut [f32],
) -> Option<BackwardSums> {
    let pass = Correlation::input_gradient(shape);
    let packed = pack::for_input(shape, &pass, weight, panel::width(isa, shape.in_channels));
    let sweep = Sweep::new(isa, &pass, ConvInput::plain(dy), &packed);
    match epilogue {
        GradientEpilogue::None => {
            let (epilogue, writes) = (Epilogue::default(), Writes::Cached);
            sweep.run(DirectStore::Output { epilogue, gather: None, writes }, dx);
            None
        }
        GradientEpilogue::NormSums { x, mean, map } => {
            let mut parts = BackwardParts::new(sweep.parts(), sweep.padded_c());
            sweep.run(DirectStore::Gradient { x, mean, map, gather: parts.shared() }, dx);
            let mut sums = parts.combine();
            sums.sum_dy.truncate(shape.in_channels);
            sums.sum_dy_xmu.truncate(shape.in_channels);
            Some(sums)
        }
    }
}

/// What all tasks of one pass share.
struct Sweep<'a> {
    isa: Isa,
    pass: &'a Correlation,
    plan: ConvPlan,
    /// Blocks of outputs.
    panels: usize,
    input: ConvInput<'a>,
    /// Whether tiles read the input in place, without a strip.
    in_place: bool,
    packed: &'a [f32],
}

/// What a thread keeps from task to task.
struct Scratch {
    strip: Buffer,
    /// The part of the images that the strip holds: tasks that differ in outputs share it.
    holds: Option<usize>,
    products: Buffer,
}

impl<'a> Sweep<'a> {
    fn new(isa: Isa, pass: &'a Correlation, input: ConvInput<'a>, packed: &'a [f32]) -> Self {
        let block = panel::width(isa, pass.out_channels);
        let in_place = matches!(input.prologue, Prologue::None) && pass.stays_inside();
        let plan = ConvPlan::new(pass, if in_place { pass.in_w } else { pass.strip_w() }, block);
        let panels = pass.out_channels.div_ceil(block);
        assert!(packed.len() >= plan.weights_len(panels), "conv2d: weights packed for another pass");
        Sweep { isa, pass, plan, panels, input, in_place, packed }
    }

    /// The number of parts. A part is some rows of an image; the tasks for its groups of outputs share it.
    fn parts(&self) -> usize {
        self.pass.images * self.plan.blocks
    }

    /// Output channels, rounded up to whole blocks.
    fn padded_c(&self) -> usize {
        self.panels * self.panel()
    }

    /// Outputs of a block.
    fn panel(&self) -> usize {
        panel::width(self.isa, self.pass.out_channels)
    }

    /// Grid rows of a part.
    fn rows(&self, part: usize) -> Range<usize> {
        parallel::piece(self.pass.grid_h(), self.plan.rows, part % self.plan.blocks)
    }

    /// Output pixels of a part, where there is but one phase.
    fn pixels(&self, part: usize) -> usize {
        self.rows(part).len() * self.pass.grid_w()
    }

    fn run(&self, store: DirectStore, out: &mut [f32]) {
        assert_eq!(out.len(), self.pass.images * self.pass.out_h * self.pass.out_w * self.pass.out_channels);
        let out = Shared::new(out);
        let most_pixels = self.plan.rows * self.pass.grid_w();
        let init = || Scratch {
            strip: Buffer::unspecified(if self.in_place { 0 } else { self.plan.strip_len }),
            holds: None,
            products: Buffer::unspecified(most_pixels * self.panel()),
        };
        parallel::for_each_ahead(self.parts() * self.plan.groups, init, |scratch, task, next| {
            dispatch(self.isa, DirectTask { sweep: self, task, next, scratch, store: &store, out: &out });
        });
    }

    /// The next task's input, if it isn't this one's, to be prefetched in `times` steps.
    fn ahead(&self, task: usize, next: Option<usize>, times: usize) -> Lines {
        let next = next.map(|next| next / self.plan.groups).filter(|next| *next != task / self.plan.groups);
        let floats = next.map_or(0..0, |part| {
            let (image, rows) = (part / self.plan.blocks, self.rows(part));
            let rows = self.pass.input_rows(rows.start, rows.len());
            let row = self.pass.in_w * self.pass.in_channels;
            (image * self.pass.in_h + rows.start) * row..(image * self.pass.in_h + rows.end) * row
        });
        Lines::new(&self.input.x[floats], times)
    }
}

/// One task: some grid rows of one image, by some blocks of outputs.
struct DirectTask<'a> {
    sweep: &'a Sweep<'a>,
    task: usize,
    /// The task that this thread does next.
    next: Option<usize>,
    scratch: &'a mut Scratch,
    store: &'a DirectStore<'a>,
    out: &'a Shared<'a>,
}

impl Kernel for DirectTask<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Sweep { pass, plan, panels, .. } = self.sweep;
        let (part, group) = (self.task / plan.groups, self.task % plan.groups);
        let (image, rows) = (part / plan.blocks, self.sweep.rows(part));
        let Scratch { strip, holds, products } = self.scratch;
        let image_len = pass.in_h * pass.in_w * pass.in_channels;
        let input = &self.sweep.input.x[image * image_len..][..image_len];
        let source: &[f32] = if self.sweep.in_place {
            &input[rows.start * pass.step * pass.in_w * pass.in_channels..]
        } else {
            if *holds != Some(part) {
                let size = (pass.in_h, pass.in_w, pass.in_channels);
                let window = pass.window(rows.start, rows.len());
                strip::fill(simd, input, size, window, self.sweep.input.prologue, strip);
                *holds = Some(part);
            }
            strip
        };
        let first_row = image * pass.out_h + rows.start * pass.out_step;
        let pixels_of =
            |phase: &PhasePlan| rows.len().min(phase.grid_h.saturating_sub(rows.start)) * phase.grid_w;
        let calls = |phase: &PhasePlan| RowTiles::new(pixels_of(phase), S::ROWS).len() * phase.slices.len();
        let calls = plan.phases.iter().map(calls).sum::<usize>() * plan.panels;
        let mut ahead = self.sweep.ahead(self.task, self.next, calls);
        for (index, phase) in plan.phases.iter().enumerate() {
            let pixels = pixels_of(phase);
            if pixels == 0 {
                continue;
            }
            let mut work = PhaseTask {
                phase,
                source,
                products,
                store: self.store,
                out: self.out,
                target: first_row * pass.out_w * pass.out_channels,
                part,
                pixels,
                is_first: index == 0,
                weights_are_far: plan.weights_are_far,
                ahead,
            };
            let panels = group * plan.panels..((group + 1) * plan.panels).min(*panels);
            with_vectors!(S, pass.out_channels, V => work.panels::<S, V>(simd, self.sweep, panels));
            ahead = work.ahead;
        }
        self.store.writes().finish(simd);
    }
}

/// A task's pixels of one phase.
struct PhaseTask<'a> {
    phase: &'a PhasePlan,
    /// The strip, or the image from the task's first row on.
    source: &'a [f32],
    /// Room for all pixels by one block of outputs.
    products: &'a mut [f32],
    store: &'a DirectStore<'a>,
    out: &'a Shared<'a>,
    target: usize,
    part: usize,
    pixels: usize,
    is_first: bool,
    weights_are_far: bool,
    /// What the next task reads.
    ahead: Lines,
}

impl PhaseTask<'_> {
    /// Asserts that all accesses are in bounds. Offsets grow, so it is enough to look at the last of each.
    fn check(&self, channels: usize, block: usize) {
        let PhasePlan { source_at, target_at, slices, .. } = self.phase;
        let reach = slices.iter().map(|slice| match slice.len() {
            0 => 0,
            _ => slice.source + (slice.taps.rows - 1) * slice.taps.row_stride + slice.taps.run,
        });
        assert!(source_at[self.pixels - 1] + reach.max().unwrap_or(0) <= self.source.len());
        assert!(self.target + target_at[self.pixels - 1] + channels <= self.out.len());
        assert!(self.pixels * block <= self.products.len());
    }

    /// All pixels by some blocks of outputs, of `V` vectors each.
    #[inline(always)]
    fn panels<S: Simd, const V: usize>(&mut self, simd: S, sweep: &Sweep, panels: Range<usize>) {
        let (outputs, width) = (sweep.pass.out_channels, V * S::LANES);
        self.check(outputs, width);
        for panel in panels {
            let weights = &sweep.packed[self.phase.weights + panel * self.phase.panel..][..self.phase.panel];
            let column = panel * width;
            // SAFETY: checked above; the panel exists.
            unsafe {
                if column + width <= outputs {
                    self.panel::<S, _, V>(simd, weights, column, FullPanel);
                } else {
                    self.panel::<S, _, V>(simd, weights, column, PartialPanel(outputs - column));
                }
            }
        }
    }

    /// All pixels by one block of outputs, `columns` of which exist.
    ///
    /// # Safety
    /// `check` passed, `weights` are the phase's, `columns` exist from `column` on.
    #[inline(always)]
    unsafe fn panel<S: Simd, C: PanelWidth, const V: usize>(
        &mut self,
        simd: S,
        weights: &[f32],
        column: usize,
        columns: C,
    ) {
        let width = V * S::LANES;
        let (store, out) = (self.store, self.out);
        let (slices, tiles) = (&self.phase.slices, RowTiles::new(self.pixels, S::ROWS));
        for (index, slice) in slices.iter().enumerate() {
            let is_last = index + 1 == slices.len();
            let accumulate = if index == 0 { Accumulate::Set } else { Accumulate::Add };
            // The next slice's weights lie behind this one's: all tiles together prefetch all of them.
            let b = weights.as_ptr().wrapping_add(slice.weights);
            let stride = width.div_ceil(tiles.len());
            let mut fetch = FetchOn { next: b.wrapping_add(slice.len() * width), stride };
            for here in tiles.clone() {
                let (pixel, rows) = (here.start, here.len());
                self.ahead.read(simd);
                if is_last {
                    for pixel in pixel + 2 * S::ROWS..(pixel + 2 * S::ROWS + rows).min(self.pixels) {
                        store.prefetch::<S, V>(simd, self.target + self.phase.target_at[pixel] + column, out);
                    }
                }
                // With a single slice, each tile is stored at once, so all tiles use the same place.
                let at = if slices.len() == 1 { 0 } else { pixel * width };
                // SAFETY: the pixels exist; `check` bounded their taps, their products and their place in the
                // output.
                unsafe {
                    let products = self.products.as_mut_ptr().add(at);
                    let a = (pixel, slice);
                    if self.weights_are_far {
                        with_rows!(S::ROWS, rows, R => self.product::<S, _, V, R>(simd, a, b, fetch, products, accumulate));
                        fetch.next = fetch.next.wrapping_add(stride * slice.len());
                    } else {
                        with_rows!(S::ROWS, rows, R => self.product::<S, _, V, R>(simd, a, b, NoFetch, products, accumulate));
                    }
                    if is_last {
                        let tile = DirectTile {
                            products,
                            pixels: self.phase.target_at.get_unchecked(here),
                            target: self.target,
                            column,
                            part: self.part,
                            is_first: self.is_first && pixel == 0,
                        };
                        store.tile::<S, C, V>(simd, tile, columns, out);
                    }
                }
            }
        }
    }

    /// `R` pixels from `pixel` on by the weights of a slice.
    ///
    /// # Safety
    /// The pixels exist and see the slice's taps in the source; `products` has `R` rows.
    #[inline(always)]
    unsafe fn product<S: Simd, F: Fetch, const V: usize, const R: usize>(
        &self,
        simd: S,
        (pixel, slice): (usize, &TapSlice),
        b: *const f32,
        fetch: F,
        products: *mut f32,
        accumulate: Accumulate,
    ) {
        let mut a = [self.source.as_ptr(); R];
        // SAFETY: the caller's promise.
        unsafe {
            for (r, a) in a.iter_mut().enumerate() {
                *a = a.add(*self.phase.source_at.get_unchecked(pixel + r) + slice.source);
            }
            let sums: [[S::V; V]; R] = product::pixels_by_outputs(simd, a, slice.taps, b, fetch);
            product::store_sums(simd, sums, (products, V * S::LANES), accumulate, FullPanel);
        }
    }
}
