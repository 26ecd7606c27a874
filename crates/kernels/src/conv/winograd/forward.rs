//! Output and input gradient: transform, multiply at 36 positions, transform back.

use std::ops::Range;

use super::ahead::Ahead;
use super::block::{self, Positions, TileRow, Tiling};
use super::filter;
use super::store::{Place, WinogradStore, WinogradTile};
use super::{POSITIONS, TILE};
use crate::buffer::Buffer;
use crate::conv::pack::Direction;
use crate::conv::panel::{self, PartialPanel, with_vectors};
use crate::conv::product::{self, FetchOn, RowTiles, TapRuns, with_rows};
use crate::conv::{ConvInput, ConvShape, Epilogue, GradientEpilogue, Statistics};
use crate::norm::{Accumulate, BackwardParts, BackwardSums, MomentParts, Moments};
use crate::parallel::{self, Shared};
use crate::simd::{Isa, Kernel, Simd, dispatch};

/// Inputs summed up before they are added to the sum of those before: keeps the rounding error of deep layers
/// down.
const DEPTH: usize = 64;
/// Floats of all filters up to which they stay in a second-level cache beside the tiles: 1 MiB.
const CACHED: usize = 256 << 10;
/// Tasks that keep several threads evenly busy.
const TASKS: usize = 8;
/// Outputs of a task at least, where tasks share a block: each transforms the block's input for itself.
const FEW_OUTPUTS: usize = 64;
/// Floats that a block's positions may take: 192 KiB of a second-level cache of 512, and of one of 2 MiB,
/// which every machine with vectors of sixteen lanes has, a little more than half.
const BLOCK: [usize; 2] = [48 << 10, 288 << 10];

/// Filters for [`output`].
pub(crate) fn pack(isa: Isa, shape: &ConvShape, weight: &[f32]) -> Buffer {
    filter::pack(isa, shape, weight, Direction::Output)
}

/// `out = conv(prologue(x), filters)` with the epilogue applied.
pub(crate) fn output(
    isa: Isa,
    shape: &ConvShape,
    input: ConvInput,
    filters: &[f32],
    epilogue: Epilogue,
    out: &mut [f32],
) -> Option<Moments> {
    let pass = WinogradPass::new(isa, shape, shape.in_channels, shape.out_channels);
    let mut parts = (epilogue.statistics == Statistics::Gather)
        .then(|| MomentParts::new(pass.blocks(), shape.out_channels));
    let gather = parts.as_mut().map(MomentParts::shared);
    pass.run(input, filters, WinogradStore::Output { epilogue, gather }, out);
    parts.map(|parts| parts.combine(|block| pass.pixels(block)))
}

/// The input's gradient: the same pass with turned filters.
pub(crate) fn input_grad(
    isa: Isa,
    shape: &ConvShape,
    dy: &[f32],
    weight: &[f32],
    epilogue: GradientEpilogue,
    dx: &mut [f32],
) -> Option<BackwardSums> {
    let filters = filter::pack(isa, shape, weight, Direction::InputGradient);
    let pass = WinogradPass::new(isa, shape, shape.out_channels, shape.in_channels);
    match epilogue {
        GradientEpilogue::None => {
            let store = WinogradStore::Output { epilogue: Epilogue::default(), gather: None };
            pass.run(ConvInput::plain(dy), &filters, store, dx);
            None
        }
        GradientEpilogue::NormSums { x, mean, map } => {
            let mut parts = BackwardParts::new(pass.blocks(), shape.in_channels);
            let store = WinogradStore::Gradient { x, mean, map, gather: parts.shared() };
            pass.run(ConvInput::plain(dy), &filters, store, dx);
            Some(parts.combine())
        }
    }
}

/// Tiles of a block: as many as fit the cache, and no more than were fastest of 12 to 64 tiles on AVX-512.
fn block_tiles(channels: usize, floats: usize) -> usize {
    let most = if channels <= 32 { 48 } else { 32 };
    (floats / (POSITIONS * channels)).clamp(24, most)
}

/// What all blocks of one pass share.
struct WinogradPass {
    isa: Isa,
    tiling: Tiling,
    inputs: usize,
    outputs: usize,
    block_rows: usize,
    /// Tasks side by side over the outputs of a block, and the outputs of each.
    groups: usize,
    group_outputs: usize,
    /// Outputs of a panel.
    panel: usize,
}

impl WinogradPass {
    fn new(isa: Isa, shape: &ConvShape, inputs: usize, outputs: usize) -> Self {
        let tiling = Tiling { images: shape.images, height: shape.in_h, width: shape.in_w };
        let block_rows =
            tiling.block_rows(block_tiles(inputs.max(outputs), BLOCK[usize::from(isa.lanes() >= 16)]));
        // A few images make only a few blocks. Each is then shared by tasks, which read the filters of their
        // own outputs only.
        let blocks = parallel::pieces(tiling.images * tiling.rows(), block_rows);
        let panel = panel::width(isa, outputs);
        let groups = (TASKS / blocks).min(outputs / FEW_OUTPUTS).max(1);
        let group_outputs = outputs.div_ceil(groups).next_multiple_of(panel);
        let groups = outputs.div_ceil(group_outputs);
        WinogradPass { isa, tiling, inputs, outputs, block_rows, groups, group_outputs, panel }
    }

    /// Tile rows of all images.
    fn rows(&self) -> usize {
        self.tiling.images * self.tiling.rows()
    }

    fn blocks(&self) -> usize {
        parallel::pieces(self.rows(), self.block_rows)
    }

    /// Output pixels of a block.
    fn pixels(&self, block: usize) -> usize {
        self.tiling.pixels(self.tile_rows(block)).len()
    }

    /// Tile rows of a block, numbered through all images.
    fn tile_rows(&self, block: usize) -> Range<usize> {
        parallel::piece(self.rows(), self.block_rows, block)
    }

    /// The outputs of a group.
    fn outputs_of(&self, group: usize) -> Range<usize> {
        parallel::piece(self.outputs, self.group_outputs, group)
    }

    fn run(&self, input: ConvInput, filters: &[f32], store: WinogradStore, out: &mut [f32]) {
        let wide = self.inputs.max(self.outputs);
        let tiles = self.block_rows * self.tiling.columns();
        let shared = Shared::new(out);
        let init = || {
            (
                Buffer::unspecified(self.tiling.strip_len(self.isa.lanes())),
                Buffer::unspecified(block::positions_len(tiles, wide)),
            )
        };
        parallel::for_each_ahead(self.blocks() * self.groups, init, |(strip, positions), task, next| {
            let block = WinogradTask {
                pass: self,
                block: task / self.groups,
                group: task % self.groups,
                next: next.map(|next| next / self.groups),
                input,
                filters,
                store: &store,
                strip,
                positions,
                stride: block::position_stride(tiles, wide),
                out: &shared,
            };
            dispatch(self.isa, block);
        });
    }
}

/// A block of tile rows, numbered through all images.
struct WinogradTask<'a> {
    pass: &'a WinogradPass,
    /// Its number.
    block: usize,
    /// Which of its outputs.
    group: usize,
    /// The block that this thread works on next.
    next: Option<usize>,
    input: ConvInput<'a>,
    filters: &'a [f32],
    store: &'a WinogradStore<'a>,
    strip: &'a mut [f32],
    /// Transformed input of position `p` in slot `p + 1`, its product in slot `p`: one buffer for both.
    positions: &'a mut [f32],
    stride: usize,
    out: &'a Shared<'a>,
}

impl Kernel for WinogradTask<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let WinogradPass { tiling, inputs, outputs, .. } = *self.pass;
        let rows = self.pass.tile_rows(self.block);
        let group = self.pass.outputs_of(self.group);
        let (columns, tile_rows) = (tiling.columns(), tiling.rows());
        let tiles = rows.len() * columns;
        // Buffers were made, and channels looked at, for the instruction set that this is compiled for.
        assert!(inputs.is_multiple_of(S::LANES) && outputs.is_multiple_of(S::LANES));
        assert!(
            tiles * inputs.max(outputs) <= self.stride
                && (POSITIONS + 1) * self.stride <= self.positions.len()
        );
        let start = self.positions.as_mut_ptr();
        let image_len = tiling.height * tiling.width * inputs;
        // SAFETY: slot 1 lies inside the buffer.
        let second = unsafe { start.add(self.stride) };
        let transformed = Positions::by_tile(second, self.stride, inputs, 2 * S::LANES);
        for (index, row) in rows.clone().enumerate() {
            let from = &self.input.x[row / tile_rows * image_len..][..image_len];
            // SAFETY: the assertion above; channels are a multiple of LANES, as `applies` asks.
            unsafe {
                let row = TileRow {
                    tiling,
                    image: from,
                    tile_row: row % tile_rows,
                    strip: self.strip,
                    positions: transformed,
                    first_tile: index * columns,
                };
                row.transform_input(simd, self.input.prologue);
            }
        }
        let products = Positions::by_tile(start, self.stride, outputs, self.pass.panel);
        // SAFETY: both lie inside the buffer, as asserted. The products of position p overwrite the input of
        // position p - 1, whose products are complete by then.
        unsafe {
            let ahead = self.ahead(simd, tiles);
            let product = Product { filters: self.filters, transformed, products, tiles, group: &group };
            with_vectors!(S, outputs, V => match inputs {
                16 if S::HAS_LOOPS_OF_CONSTANT_LENGTH => product.run::<S, V, 16>(simd, ahead),
                32 if S::HAS_LOOPS_OF_CONSTANT_LENGTH => product.run::<S, V, 32>(simd, ahead),
                64 if S::HAS_LOOPS_OF_CONSTANT_LENGTH && V == 2 => product.run::<S, V, 64>(simd, ahead),
                _ => product.run::<S, V, 0>(simd, ahead),
            });
        };
        for (index, row) in rows.enumerate() {
            for tile in 0..columns {
                let place = Place { image: row / tile_rows, y: row % tile_rows * TILE, x: tile * TILE };
                let tile = WinogradTile {
                    products,
                    index: index * columns + tile,
                    channels: group.clone(),
                    place,
                    block: self.block,
                };
                // SAFETY: the tile lies in this block's rows of the output, whose channels in `group` no
                // other task writes.
                unsafe { self.store.tile(simd, &tiling, tile, self.out) };
            }
        }
    }
}

impl WinogradTask<'_> {
    /// What to fetch while the products of `tiles` tiles are computed.
    fn ahead<S: Simd>(&self, _: S, tiles: usize) -> Ahead {
        let WinogradPass { tiling, inputs, outputs, groups, group_outputs, .. } = self.pass;
        let calls = POSITIONS * group_outputs.div_ceil(self.pass.panel) * RowTiles::new(tiles, S::ROWS).len();
        let next = self.next.map_or(0..0, |next| tiling.pixels(self.pass.tile_rows(next)));
        let input = &self.input.x[next.start * inputs..next.end * inputs];
        if *groups > 1 {
            // Several tasks share the lines of the output.
            return Ahead::new([&[], &[], input], calls * inputs);
        }
        let own = tiling.pixels(self.pass.tile_rows(self.block));
        let own = own.start * outputs..own.end * outputs;
        let beside = match self.store {
            WinogradStore::Output { epilogue, .. } => epilogue.residual.tensor(),
            WinogradStore::Gradient { x, .. } => Some(*x),
        };
        let beside = beside.map_or(&[][..], |beside| &beside[own.clone()]);
        // SAFETY: this task's own part of the output; only its address is used.
        let output = unsafe { &*self.out.slice(own.start, own.len()) };
        Ahead::new([output, beside, input], calls * inputs)
    }
}

/// `products[p][tile][out] = sum over in of transformed[p][tile][in] filters[p][in][out]` for the outputs in
/// `group`.
struct Product<'a> {
    filters: &'a [f32],
    transformed: Positions,
    products: Positions,
    tiles: usize,
    group: &'a Range<usize>,
}

impl Product<'_> {
    /// # Safety
    /// Both must have room for `tiles` tiles at 36 positions, the products' channels a multiple of `LANES`.
    #[inline(always)]
    unsafe fn run<S: Simd, const V: usize, const INPUTS: usize>(self, simd: S, mut ahead: Ahead) {
        let Product { filters, transformed, products, tiles, group } = self;
        let (inputs, outputs) = (transformed.channels, products.channels);
        let block = V * S::LANES;
        let blocks = outputs.div_ceil(block);
        let panel = inputs * block;
        assert!(filters.len() >= POSITIONS * blocks * panel);
        let rows_of_tiles = RowTiles::new(tiles, S::ROWS);
        // Filters that stay in the caches are not asked for again.
        let is_large = POSITIONS * blocks * panel > CACHED;
        let stride = if is_large { block.div_ceil(rows_of_tiles.len()) } else { 0 };
        for position in 0..POSITIONS {
            for index in group.start / block..group.end.div_ceil(block) {
                let panel = &filters[(position * blocks + index) * panel..][..panel];
                let columns = block.min(outputs - index * block);
                // The panel after this one: the next of this position, or the first of the next.
                let next = if (index + 1) * block < group.end {
                    panel.as_ptr().wrapping_add(panel.len())
                } else {
                    let first = (position + 1) * blocks + group.start / block;
                    filters.as_ptr().wrapping_add(first * panel.len())
                };
                let mut filters = FetchOn { next, stride };
                for here in rows_of_tiles.clone() {
                    let fetch = if is_large { filters } else { ahead.take(inputs) };
                    // SAFETY: the tiles in `here` exist.
                    unsafe {
                        let a = transformed.at(position, here.start, 0);
                        let c = products.at(position, here.start, index);
                        with_rows!(S::ROWS, here.len(), R => {
                            rows::<S, V, R, INPUTS>(simd, (a, inputs), panel, (c, outputs), columns, fetch);
                        });
                    }
                    filters.next = filters.next.wrapping_add(filters.stride * inputs);
                }
            }
        }
    }
}

/// `R` tiles by one block of outputs.
///
/// # Safety
/// `a` and `c` must have `R` rows of `inputs` and `outputs` floats; `columns` of the block exist.
#[inline(always)]
unsafe fn rows<S: Simd, const V: usize, const R: usize, const INPUTS: usize>(
    simd: S,
    (a, inputs): (*const f32, usize),
    panel: &[f32],
    (c, outputs): (*mut f32, usize),
    columns: usize,
    fetch: FetchOn,
) {
    // SAFETY: the caller's promise; a panel has `inputs` rows.
    unsafe {
        // Tiles of fewer rows are rare, and not worth a loop of their own for each number of inputs.
        let inputs = if INPUTS == 0 || R < 5 { inputs } else { INPUTS };
        let mut rows = [a; R];
        for (r, row) in rows.iter_mut().enumerate() {
            *row = row.add(r * inputs);
        }
        for first in (0..inputs).step_by(DEPTH) {
            let mut from = rows;
            for row in &mut from {
                *row = row.add(first);
            }
            let taps = TapRuns { rows: 1, row_stride: 0, run: DEPTH.min(inputs - first) };
            let b = panel.as_ptr().add(first * V * S::LANES);
            let next = fetch.next.wrapping_add(first * fetch.stride);
            let sums: [[S::V; V]; R] =
                product::pixels_by_outputs(simd, from, taps, b, FetchOn { next, ..fetch });
            let accumulate = if first == 0 { Accumulate::Set } else { Accumulate::Add };
            product::store_sums(simd, sums, (c, outputs), accumulate, PartialPanel(columns));
        }
    }
}
