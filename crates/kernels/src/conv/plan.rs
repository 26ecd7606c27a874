//! How a pass of correlation is cut: into tasks by pixels and outputs, and each task's sums by depth.
//!
//! A task's strip of input stays in the second-level cache. Its sums are made in parts: all pixels of the
//! task are multiplied with one slice of a block of weights before the next slice is read. Cuts depend on the
//! shape alone.

use super::correlate::{Correlation, Phase};
use super::pack;
use super::product::TapRuns;
use crate::parallel;

/// Floats that a strip may take: half of a second-level cache of 512 KiB.
const STRIP: usize = 64 << 10;
/// Weights of one output in a slice: 48 KiB for a panel of two vectors of eight lanes. A slice need not fit
/// the first-level cache: on one thread, lengths from 512 to 8192 were within 7 % of each other.
const DEPTH: usize = 768;
/// Floats of all weights above which it pays to prefetch them: 1 MiB.
const FAR: usize = 256 << 10;
/// Pixels of a task at most: sums over them are in f32.
const MOST_PIXELS: usize = 1 << 10;
/// Pixels that pay for fetching a slice of weights.
const ENOUGH_PIXELS: usize = 48;
/// Tasks that keep several threads evenly busy.
const TASKS: usize = 16;

/// How a pass is cut.
#[derive(Debug)]
pub(super) struct ConvPlan {
    /// Grid rows of a task.
    pub(super) rows: usize,
    /// Tasks one above the other in an image.
    pub(super) blocks: usize,
    /// Blocks of outputs of a task.
    pub(super) panels: usize,
    /// Tasks side by side over the outputs.
    pub(super) groups: usize,
    /// Whether it pays to prefetch weights.
    pub(super) weights_are_far: bool,
    /// Floats of a strip.
    pub(super) strip_len: usize,
    pub(super) phases: Vec<PhasePlan>,
}

/// What tasks need to know of a phase.
#[derive(Debug)]
pub(super) struct PhasePlan {
    pub(super) grid_h: usize,
    pub(super) grid_w: usize,
    /// Where a task's pixels find their first tap, from the strip's start.
    pub(super) source_at: Vec<usize>,
    /// Where they are stored, from the task's first row.
    pub(super) target_at: Vec<usize>,
    pub(super) slices: Vec<TapSlice>,
    /// Where the phase's weights begin.
    pub(super) weights: usize,
    /// Floats of one block of outputs.
    pub(super) panel: usize,
}

/// A part of the taps.
#[derive(Debug, Clone, Copy)]
pub(super) struct TapSlice {
    /// Where a pixel finds the first of them, from its first tap.
    pub(super) source: usize,
    /// Where their weights begin in a block of outputs.
    pub(super) weights: usize,
    pub(super) taps: TapRuns,
}

impl ConvPlan {
    /// A plan for strips `width` pixels wide and blocks of `block` outputs.
    pub(super) fn new(pass: &Correlation, width: usize, block: usize) -> Self {
        let (grid_h, grid_w) = (pass.grid_h(), pass.grid_w());
        let most = pass.rows_within(STRIP, pass.in_channels).min((MOST_PIXELS / grid_w).max(1));
        let enough = ENOUGH_PIXELS.div_ceil(grid_w).min(most);
        // Few images are cut further, first by rows and then by outputs.
        let wanted = grid_h.div_ceil(TASKS.div_ceil(pass.images));
        let blocks = grid_h.div_ceil(wanted.clamp(enough, most));
        let rows = grid_h.div_ceil(blocks);
        let blocks = grid_h.div_ceil(rows);
        let all_panels = pass.out_channels.div_ceil(block);
        let panels = all_panels.div_ceil(TASKS.div_ceil(pass.images * blocks));
        let mut weights = 0;
        let mut phases = vec![];
        for phase in &pass.phases {
            let panel = pack::panel_len(pass, phase, block);
            phases.push(PhasePlan::new(pass, phase, (rows, width), weights, block));
            weights += all_panels * panel;
        }
        let strip_len = pass.strip_h(rows) * width * pass.in_channels;
        ConvPlan {
            weights_are_far: weights > FAR,
            rows,
            blocks,
            panels,
            groups: all_panels.div_ceil(panels),
            strip_len,
            phases,
        }
    }

    /// Floats of the weights of all phases, in `panels` blocks of outputs.
    pub(super) fn weights_len(&self, panels: usize) -> usize {
        self.phases.last().map_or(0, |phase| phase.weights + panels * phase.panel)
    }
}

impl TapSlice {
    /// Taps times channels.
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.taps.rows * self.taps.run
    }
}

impl PhasePlan {
    fn new(
        pass: &Correlation,
        phase: &Phase,
        (rows, width): (usize, usize),
        weights: usize,
        block: usize,
    ) -> Self {
        let (offset_y, offset_x) = phase.offset;
        let (first_y, first_x) = phase.first;
        let grid = (0..rows).flat_map(|y| (0..phase.grid_w).map(move |x| (y, x)));
        let taps = phase.taps_y.len() * phase.taps_x.len();
        let source = |(y, x)| {
            // Without taps there may be no strip to point into.
            taps.min(1) * ((y * pass.step + offset_y) * width + x * pass.step + offset_x) * pass.in_channels
        };
        let target = |(y, x)| {
            ((y * pass.out_step + first_y) * pass.out_w + x * pass.out_step + first_x) * pass.out_channels
        };
        PhasePlan {
            grid_h: phase.grid_h,
            grid_w: phase.grid_w,
            source_at: grid.clone().map(source).collect(),
            target_at: grid.map(target).collect(),
            slices: slices(
                phase.taps_y.len(),
                phase.taps_x.len() * pass.in_channels,
                width * pass.in_channels,
                block,
            ),
            weights,
            panel: pack::panel_len(pass, phase, block),
        }
    }
}

/// Cuts `rows` tap rows of `run` floats each, evenly, into slices of about [`DEPTH`]; one empty slice if
/// there are none.
fn slices(rows: usize, run: usize, row_stride: usize, block: usize) -> Vec<TapSlice> {
    if rows * run <= DEPTH {
        return vec![TapSlice { source: 0, weights: 0, taps: TapRuns { rows, row_stride, run } }];
    }
    let mut slices = vec![];
    let groups = rows.div_ceil((DEPTH / run).max(1));
    let pieces = run.div_ceil(DEPTH);
    for group in 0..groups {
        let rows = parallel::share(rows, groups, group);
        for piece in 0..pieces {
            let part = parallel::share(run, pieces, piece);
            slices.push(TapSlice {
                source: rows.start * row_stride + part.start,
                weights: (rows.start * run + part.start) * block,
                taps: TapRuns { rows: rows.len(), row_stride, run: part.len() },
            });
        }
    }
    slices
}
