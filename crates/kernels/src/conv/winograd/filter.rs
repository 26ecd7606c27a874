//! Filters in the transformed domain: `G g G^T` packed for the micro-kernel, and `G^T dU G` back.

use super::POSITIONS;
use crate::buffer::Buffer;
use crate::conv::ConvShape;
use crate::parallel::{self, Shared};

/// `G`, six positions from three taps.
const G: [[f32; 3]; 6] = [
    [0.25, 0.0, 0.0],
    [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
    [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
    [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
    [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
    [0.0, 0.0, 1.0],
];

/// Filters transformed side by side; every block of outputs is a multiple of it.
const SIDE: usize = 8;
/// One number of each of them.
type Numbers = [f32; SIDE];

/// Which pass the filters are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// The output: `in` summed over, filters as they are.
    Output,
    /// The input's gradient: `out` summed over, filters turned by half a turn.
    InputGradient,
}

/// All filters as `[position][block of outputs][input][output]`, zeros past the last output.
pub(super) fn pack(shape: &ConvShape, weight: &[f32], direction: Direction, block: usize) -> Buffer {
    let (inputs, outputs) = match direction {
        Direction::Output => (shape.in_c, shape.out_c),
        Direction::InputGradient => (shape.out_c, shape.in_c),
    };
    let blocks = outputs.div_ceil(block);
    let panel = inputs * block;
    let mut packed = Buffer::unspecified(POSITIONS * blocks * panel);
    let shared = Shared::new(&mut packed);
    parallel::for_each(
        blocks * block / SIDE,
        || (),
        |_, group| {
            let first = group * SIDE;
            for input in 0..inputs {
                let mut taps = [[0.0; SIDE]; 9];
                for output in first..outputs.min(first + SIDE) {
                    let filter = match direction {
                        Direction::Output => output * shape.in_c + input,
                        Direction::InputGradient => input * shape.in_c + output,
                    };
                    for (tap, &value) in weight[filter * 9..][..9].iter().enumerate() {
                        let tap = if direction == Direction::Output { tap } else { 8 - tap };
                        taps[tap][output - first] = value;
                    }
                }
                for (position, values) in forward(&taps).iter().enumerate() {
                    let at = (position * blocks + first / block) * panel + input * block + first % block;
                    // SAFETY: each task writes the columns of its own filters.
                    unsafe { shared.slice(at, SIDE) }.copy_from_slice(values);
                }
            }
        },
    );
    packed
}

/// `sum += factor * x`, side by side.
fn add_scaled(sum: &mut Numbers, factor: f32, x: &Numbers) {
    sum.iter_mut().zip(x).for_each(|(sum, x)| *sum += factor * x);
}

/// `G g G^T`.
fn forward(taps: &[Numbers; 9]) -> [Numbers; POSITIONS] {
    // Rows first: half[y][j] = sum over x of g[y][x] G[j][x].
    let mut half = [[[0.0; SIDE]; 6]; 3];
    for (y, half) in half.iter_mut().enumerate() {
        for (half, g) in half.iter_mut().zip(&G) {
            for x in 0..3 {
                add_scaled(half, g[x], &taps[y * 3 + x]);
            }
        }
    }
    let mut positions = [[0.0; SIDE]; POSITIONS];
    for (p, position) in positions.iter_mut().enumerate() {
        for y in 0..3 {
            add_scaled(position, G[p / 6][y], &half[y][p % 6]);
        }
    }
    positions
}

/// `G^T dU G` for every filter: sums of `[position][in][out_stride]` from `groups` partial sums, which are added into the
/// first, to OIHW.
pub(super) fn unpack_gradient(
    shape: &ConvShape,
    partials: &mut [f32],
    groups: usize,
    out_stride: usize,
    dw: &mut [f32],
) {
    let partial = POSITIONS * shape.in_c * out_stride;
    let (sums, others) = partials.split_at_mut(partial);
    add_groups(sums, &others[..(groups - 1) * partial]);
    let (sums, out, filter) = (&*sums, Shared::new(dw), shape.in_c * 9);
    parallel::for_each(
        parallel::pieces(shape.out_c, SIDE),
        || (),
        |_, group| {
            let filters = parallel::piece(shape.out_c, SIDE, group);
            // SAFETY: each task has its own filters.
            let to = unsafe { out.slice(filters.start * filter, filters.len() * filter) };
            for input in 0..shape.in_c {
                let mut positions = [[0.0; SIDE]; POSITIONS];
                for (position, values) in positions.iter_mut().enumerate() {
                    // Rows are padded to whole blocks, so all of SIDE is there.
                    values.copy_from_slice(
                        &sums[(position * shape.in_c + input) * out_stride + filters.start..][..SIDE],
                    );
                }
                for (tap, values) in backward(&positions).iter().enumerate() {
                    for lane in 0..filters.len() {
                        to[lane * filter + input * 9 + tap] = values[lane];
                    }
                }
            }
        },
    );
}

/// Adds the partial sums in `others` to `sums`, in order.
fn add_groups(sums: &mut [f32], others: &[f32]) {
    const CHUNK: usize = 4 << 10;
    let len = sums.len();
    let shared = Shared::new(sums);
    parallel::for_each(
        parallel::pieces(len, CHUNK),
        || (),
        |_, chunk| {
            let range = parallel::piece(len, CHUNK, chunk);
            // SAFETY: each task has its own chunk.
            let sums = unsafe { shared.slice(range.start, range.len()) };
            for other in others.chunks_exact(len) {
                sums.iter_mut().zip(&other[range.clone()]).for_each(|(sum, x)| *sum += x);
            }
        },
    );
}

/// `G^T dU G`.
fn backward(positions: &[Numbers; POSITIONS]) -> [Numbers; 9] {
    let mut half = [[[0.0; SIDE]; 6]; 3];
    for (y, half) in half.iter_mut().enumerate() {
        for (j, half) in half.iter_mut().enumerate() {
            for i in 0..6 {
                add_scaled(half, G[i][y], &positions[i * 6 + j]);
            }
        }
    }
    let mut taps = [[0.0; SIDE]; 9];
    for (tap, sum) in taps.iter_mut().enumerate() {
        for j in 0..6 {
            add_scaled(sum, G[j][tap % 3], &half[tap / 3][j]);
        }
    }
    taps
}
