//! Output and input gradient: transform, multiply at 36 positions, transform back.

use super::block::{self, Positions, Tiling};
use super::filter::{self, Direction};
use super::{POSITIONS, TILE, transform};
use crate::buffer::Buffer;
use crate::conv::micro::{self, ROWS, Taps};
use crate::conv::{ConvShape, Epilogue, Prologue};
use crate::parallel::{self, Shared};
use crate::simd::{Isa, Kernel, Simd, dispatch};

/// Floats that a block's positions may take: 192 KiB of a second-level cache of 512.
const BLOCK: usize = 48 << 10;

/// `out = conv(prologue(x), weight)` with the epilogue applied.
pub(crate) fn output(
    isa: Isa,
    shape: &ConvShape,
    x: &[f32],
    prologue: Prologue,
    weight: &[f32],
    epilogue: Epilogue,
    out: &mut [f32],
) {
    let filters = filter::pack(shape, weight, Direction::Output, 2 * isa.lanes());
    run(isa, shape, (shape.in_c, shape.out_c), x, prologue, &filters, epilogue, out);
}

/// The input's gradient: the same pass with turned filters.
pub(crate) fn input_grad(isa: Isa, shape: &ConvShape, dy: &[f32], weight: &[f32], dx: &mut [f32]) {
    let filters = filter::pack(shape, weight, Direction::InputGradient, 2 * isa.lanes());
    run(isa, shape, (shape.out_c, shape.in_c), dy, Prologue::None, &filters, Epilogue::default(), dx);
}

/// Tiles of a block, by what fits the cache.
pub(super) fn block_tiles(channels: usize, floats: usize) -> usize {
    (floats / (POSITIONS * channels)).clamp(24, 64)
}

#[allow(clippy::too_many_arguments)] // the two public passes above name them
fn run(
    isa: Isa,
    shape: &ConvShape,
    (inputs, outputs): (usize, usize),
    x: &[f32],
    prologue: Prologue,
    filters: &[f32],
    epilogue: Epilogue,
    out: &mut [f32],
) {
    let tiling = Tiling { images: shape.images, height: shape.in_h, width: shape.in_w };
    let wide = inputs.max(outputs);
    let block_rows = tiling.block_rows(block_tiles(wide, BLOCK));
    let tiles = block_rows * tiling.columns();
    let total = tiling.images * tiling.rows();
    let shared = Shared::new(out);
    let init = || {
        (
            Buffer::unspecified(tiling.strip_len(inputs)),
            Buffer::unspecified(block::positions_len(tiles, wide)),
        )
    };
    parallel::for_each(parallel::pieces(total, block_rows), init, |(strip, positions), task| {
        let rows = parallel::piece(total, block_rows, task);
        let stride = block::position_stride(tiles, wide);
        dispatch(
            isa,
            Block {
                tiling,
                inputs,
                outputs,
                rows,
                x,
                prologue,
                filters,
                epilogue,
                strip,
                positions,
                stride,
                out: &shared,
            },
        );
    });
}

/// A block of tile rows, numbered through all pictures.
struct Block<'a> {
    tiling: Tiling,
    inputs: usize,
    outputs: usize,
    rows: std::ops::Range<usize>,
    x: &'a [f32],
    prologue: Prologue<'a>,
    filters: &'a [f32],
    epilogue: Epilogue<'a>,
    strip: &'a mut [f32],
    /// Transformed input of position `p` in slot `p + 1`, its product in slot `p`: one buffer for both.
    positions: &'a mut [f32],
    stride: usize,
    out: &'a Shared<'a>,
}

impl Kernel for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let tiling = self.tiling;
        let (columns, tile_rows) = (tiling.columns(), tiling.rows());
        let tiles = self.rows.len() * columns;
        assert!(
            tiles * self.inputs.max(self.outputs) <= self.stride
                && (POSITIONS + 1) * self.stride <= self.positions.len()
        );
        let start = self.positions.as_mut_ptr();
        let picture = tiling.height * tiling.width * self.inputs;
        // SAFETY: slot 1 lies inside the buffer.
        let second = unsafe { start.add(self.stride) };
        let transformed = Positions { start: second, stride: self.stride, channels: self.inputs };
        for (index, row) in self.rows.clone().enumerate() {
            let from = &self.x[row / tile_rows * picture..][..picture];
            // SAFETY: the assertion above; channels are a multiple of LANES, as `applies` asks.
            unsafe {
                block::transform_input(
                    simd,
                    &tiling,
                    from,
                    row % tile_rows,
                    self.prologue,
                    self.strip,
                    transformed,
                    index * columns,
                );
            }
        }
        let products = Positions { start, stride: self.stride, channels: self.outputs };
        // SAFETY: both lie inside the buffer; position p's products overwrite position p - 1's input, which was
        // used before.
        unsafe { multiply(simd, self.filters, transformed, products, tiles, self.inputs, self.outputs) };
        for (index, row) in self.rows.clone().enumerate() {
            let (image, tile_row) = (row / tile_rows, row % tile_rows);
            for tile in 0..columns {
                // SAFETY: the tile lies in this block's rows of the output, which no other task writes.
                unsafe { self.store_tile(simd, products, index * columns + tile, image, (tile_row, tile)) };
            }
        }
    }
}

/// `products[p][tile][out] = sum over in of transformed[p][tile][in] filters[p][in][out]`.
///
/// # Safety
/// Both must have room for `tiles` tiles at 36 positions, `outputs` a multiple of `LANES`.
#[inline(always)]
unsafe fn multiply<S: Simd>(
    simd: S,
    filters: &[f32],
    transformed: Positions,
    products: Positions,
    tiles: usize,
    inputs: usize,
    outputs: usize,
) {
    let block = 2 * S::LANES;
    let blocks = outputs.div_ceil(block);
    let panel = inputs * block;
    assert!(filters.len() >= POSITIONS * blocks * panel);
    // Rows are dealt evenly: sixes and fives instead of sixes and a small rest.
    let calls = tiles.div_ceil(ROWS);
    for position in 0..POSITIONS {
        for index in 0..blocks {
            let panel = &filters[(position * blocks + index) * panel..][..panel];
            let columns = block.min(outputs - index * block);
            for call in 0..calls {
                let (first, last) = (call * tiles / calls, (call + 1) * tiles / calls);
                // SAFETY: tiles first..last exist.
                unsafe {
                    let a = transformed.at(position, first, 0);
                    let c = products.at(position, first, index * block);
                    match last - first {
                        6 => rows::<S, 6>(simd, a, inputs, panel, c, outputs, columns),
                        5 => rows::<S, 5>(simd, a, inputs, panel, c, outputs, columns),
                        4 => rows::<S, 4>(simd, a, inputs, panel, c, outputs, columns),
                        3 => rows::<S, 3>(simd, a, inputs, panel, c, outputs, columns),
                        2 => rows::<S, 2>(simd, a, inputs, panel, c, outputs, columns),
                        _ => rows::<S, 1>(simd, a, inputs, panel, c, outputs, columns),
                    }
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
unsafe fn rows<S: Simd, const R: usize>(
    simd: S,
    a: *const f32,
    inputs: usize,
    panel: &[f32],
    c: *mut f32,
    outputs: usize,
    columns: usize,
) {
    // SAFETY: the caller's promise; a panel has `inputs` rows.
    unsafe {
        let mut rows = [a; R];
        for (r, row) in rows.iter_mut().enumerate() {
            *row = row.add(r * inputs);
        }
        let taps = Taps { rows: 1, row_stride: 0, run: inputs };
        let acc = micro::pixels_by_outputs(simd, rows, taps, panel.as_ptr());
        for (r, row) in acc.into_iter().enumerate() {
            micro::store_columns(simd, c.add(r * outputs), row, columns);
        }
    }
}

impl Block<'_> {
    /// `A^T M A` of one tile, with the epilogue, to the output's pixels that exist.
    ///
    /// # Safety
    /// `products` holds the tile, and no other task writes its pixels.
    #[inline(always)]
    unsafe fn store_tile<S: Simd>(
        &self,
        simd: S,
        products: Positions,
        tile: usize,
        image: usize,
        (tile_row, column): (usize, usize),
    ) {
        let Tiling { height, width, .. } = self.tiling;
        let (y, x) = (tile_row * TILE, column * TILE);
        let (rows, columns) = (TILE.min(height - y), TILE.min(width - x));
        let first = ((image * height + y) * width + x) * self.outputs;
        assert!(first + ((rows - 1) * width + columns) * self.outputs <= self.out.len());
        for c in (0..self.outputs).step_by(S::LANES) {
            // SAFETY: the assertion above bounds every pixel; residual has the output's length, bias its channels.
            unsafe {
                let mut half = [[simd.splat(0.0); TILE]; 6];
                for j in 0..6 {
                    let mut m = [simd.splat(0.0); 6];
                    for i in 0..6 {
                        m[i] = simd.load(products.at(i * 6 + j, tile, c));
                    }
                    half[j] = transform::output(simd, m);
                }
                let bias = match self.epilogue.bias {
                    Some(bias) => simd.load(bias.as_ptr().add(c)),
                    None => simd.splat(0.0),
                };
                for i in 0..rows {
                    let row = [half[0][i], half[1][i], half[2][i], half[3][i], half[4][i], half[5][i]];
                    for (j, value) in transform::output(simd, row).into_iter().enumerate().take(columns) {
                        let at = first + (i * width + j) * self.outputs + c;
                        let mut value = simd.add(value, bias);
                        if let Some(residual) = self.epilogue.residual {
                            value = simd.add(value, simd.load(residual.as_ptr().add(at)));
                        }
                        simd.store(self.out.as_mut_ptr().add(at), value);
                    }
                }
            }
        }
    }
}
