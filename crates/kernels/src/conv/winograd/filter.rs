//! Filters in the transformed domain: `G g G^T` packed for the micro-kernel, and `G^T dU G` back.

use super::POSITIONS;
use crate::buffer::Buffer;
use crate::conv::ConvShape;
use crate::parallel::{self, Shared};

/// `G`, six positions from three taps.
const G: [[f64; 3]; 6] = [
    [0.25, 0.0, 0.0],
    [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
    [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
    [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
    [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
    [0.0, 0.0, 1.0],
];

/// Which pass the filters are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// The output: `in` summed over, filters as they are.
    Output,
    /// The input's gradient: `out` summed over, filters turned by half a turn.
    InputGradient,
}

/// All filters as `[position][block of outputs][input][output]`, zeros past the last output; computed in f64.
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
        blocks,
        || (),
        |_, index| {
            for input in 0..inputs {
                for lane in 0..block {
                    let output = index * block + lane;
                    let positions = if output >= outputs {
                        [0.0; POSITIONS]
                    } else {
                        let filter = match direction {
                            Direction::Output => output * shape.in_c + input,
                            Direction::InputGradient => input * shape.in_c + output,
                        };
                        forward(&weight[filter * 9..][..9], direction)
                    };
                    for (position, value) in positions.into_iter().enumerate() {
                        // SAFETY: each task writes the panels of its own block; one float at a time.
                        unsafe {
                            shared.slice((position * blocks + index) * panel + input * block + lane, 1)[0] =
                                value
                        };
                    }
                }
            }
        },
    );
    packed
}

/// `G g G^T`.
fn forward(taps: &[f32], direction: Direction) -> [f32; POSITIONS] {
    let tap = |y: usize, x: usize| match direction {
        Direction::Output => f64::from(taps[y * 3 + x]),
        Direction::InputGradient => f64::from(taps[8 - (y * 3 + x)]),
    };
    // Rows first: half[y][j] = sum over x of g[y][x] G[j][x].
    let half: [[f64; 6]; 3] =
        std::array::from_fn(|y| std::array::from_fn(|j| (0..3).map(|x| tap(y, x) * G[j][x]).sum()));
    std::array::from_fn(|p| (0..3).map(|y| G[p / 6][y] * half[y][p % 6]).sum::<f64>() as f32)
}

/// `G^T dU G` for every filter: sums of `[position][in][out_stride]` from `groups` partial sums to OIHW.
pub(super) fn unpack_gradient(
    shape: &ConvShape,
    partials: &[f32],
    groups: usize,
    out_stride: usize,
    dw: &mut [f32],
) {
    let partial = POSITIONS * shape.in_c * out_stride;
    let out = Shared::new(dw);
    let filter = shape.in_c * 9;
    const FILTERS: usize = 8;
    parallel::for_each(
        parallel::pieces(shape.out_c, FILTERS),
        || (),
        |_, index| {
            let filters = parallel::piece(shape.out_c, FILTERS, index);
            // SAFETY: each task has its own filters.
            let to = unsafe { out.slice(filters.start * filter, filters.len() * filter) };
            for input in 0..shape.in_c {
                let mut sums = [[0.0f64; FILTERS]; POSITIONS];
                for group in 0..groups {
                    for (position, sums) in sums.iter_mut().enumerate() {
                        let from =
                            group * partial + (position * shape.in_c + input) * out_stride + filters.start;
                        for (sum, x) in sums.iter_mut().zip(&partials[from..from + filters.len()]) {
                            *sum += f64::from(*x);
                        }
                    }
                }
                for lane in 0..filters.len() {
                    let taps = backward(|position| sums[position][lane]);
                    to[lane * filter + input * 9..][..9].copy_from_slice(&taps);
                }
            }
        },
    );
}

/// `G^T dU G`.
fn backward(position: impl Fn(usize) -> f64) -> [f32; 9] {
    let half: [[f64; 6]; 3] =
        std::array::from_fn(|y| std::array::from_fn(|j| (0..6).map(|i| G[i][y] * position(i * 6 + j)).sum()));
    std::array::from_fn(|tap| (0..6).map(|j| half[tap / 3][j] * G[j][tap % 3]).sum::<f64>() as f32)
}
