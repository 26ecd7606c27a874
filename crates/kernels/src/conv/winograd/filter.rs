//! Filters in the transformed domain: `G g G^T` packed for the product, and `G^T dU G` back.

use super::POSITIONS;
use crate::buffer::Buffer;
use crate::conv::ConvShape;
use crate::conv::pack::Direction;
use crate::parallel::{self, Shared, for_each_chunk};
use crate::simd::{Isa, Kernel, MOST_LANES, Simd, dispatch};

/// `G`, six positions from three taps.
const G: [[f32; 3]; 6] = [
    [0.25, 0.0, 0.0],
    [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
    [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
    [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
    [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
    [0.0, 0.0, 1.0],
];

/// All filters as `[position][block of outputs][input][output]`, zeros past the last output; a block is two
/// vectors.
pub(super) fn pack(isa: Isa, shape: &ConvShape, weight: &[f32], direction: Direction) -> Buffer {
    let (inputs, outputs) = match direction {
        Direction::Output => (shape.in_channels, shape.out_channels),
        Direction::InputGradient => (shape.out_channels, shape.in_channels),
    };
    let block = 2 * isa.lanes();
    let blocks = outputs.div_ceil(block);
    let mut packed = Buffer::unspecified(POSITIONS * blocks * inputs * block);
    let shared = Shared::new(&mut packed);
    // A block's inputs are dealt in pieces, so that few blocks make enough tasks.
    const INPUTS: usize = 32;
    let pieces = parallel::pieces(inputs, INPUTS);
    parallel::for_each(
        blocks * pieces,
        || (),
        |_, task| {
            let inputs_here = parallel::piece(inputs, INPUTS, task % pieces);
            let to = PackTarget { shared: &shared, blocks, inputs };
            dispatch(isa, Pack { shape, weight, direction, outputs, block: task / pieces, inputs_here, to });
        },
    );
    packed
}

/// Where packed filters go.
#[derive(Clone, Copy)]
struct PackTarget<'a> {
    shared: &'a Shared<'a>,
    blocks: usize,
    inputs: usize,
}

/// Some inputs of a block of outputs.
struct Pack<'a> {
    shape: &'a ConvShape,
    weight: &'a [f32],
    direction: Direction,
    outputs: usize,
    block: usize,
    inputs_here: std::ops::Range<usize>,
    to: PackTarget<'a>,
}

impl Kernel for Pack<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        const { assert!(S::LANES <= MOST_LANES, "a row of taps holds the lanes of a vector") };
        // Both halves of a block at once: the positions of an input lie so far apart that their lines don't
        // stay in cache.
        for input in self.inputs_here.clone() {
            for half in 0..2 {
                self.vector(simd, input, half * S::LANES);
            }
        }
    }
}

impl Pack<'_> {
    /// `G g G^T` of one input and `LANES` outputs of the block, from `lane` on.
    #[inline(always)]
    fn vector<S: Simd>(&self, simd: S, input: usize, lane: usize) {
        let (block, in_channels) = (2 * S::LANES, self.shape.in_channels);
        let first = self.block * block + lane;
        let mut taps = [[0.0f32; MOST_LANES]; 9];
        for output in first..self.outputs.min(first + S::LANES) {
            let filter = match self.direction {
                Direction::Output => output * in_channels + input,
                Direction::InputGradient => input * in_channels + output,
            };
            for (tap, &value) in self.weight[filter * 9..][..9].iter().enumerate() {
                let tap = if self.direction == Direction::Output { tap } else { 8 - tap };
                taps[tap][output - first] = value;
            }
        }
        // Rows first: half[y][j] = sum over x of g[y][x] G[j][x].
        let mut half = [[simd.splat(0.0); 6]; 3];
        for y in 0..3 {
            for x in 0..3 {
                // SAFETY: a row of taps holds as many floats as the widest vector.
                let tap = unsafe { simd.load(taps[y * 3 + x].as_ptr()) };
                for j in 0..6 {
                    half[y][j] = simd.mul_add(simd.splat(G[j][x]), tap, half[y][j]);
                }
            }
        }
        for p in 0..POSITIONS {
            let mut position = simd.splat(0.0);
            for y in 0..3 {
                position = simd.mul_add(simd.splat(G[p / 6][y]), half[y][p % 6], position);
            }
            let at = ((p * self.to.blocks + self.block) * self.to.inputs + input) * block + lane;
            // SAFETY: each task writes the inputs of its own piece of its own block.
            let to = unsafe { self.to.shared.slice(at, S::LANES) };
            // SAFETY: the slice has LANES floats.
            unsafe { simd.store(to.as_mut_ptr(), position) };
        }
    }
}

/// Filters whose gradients are transformed side by side.
const SIDE: usize = 8;
/// One number of each of them.
type Numbers = [f32; SIDE];

/// `sum += factor * x`, side by side.
fn add_scaled(sum: &mut Numbers, factor: f32, x: &Numbers) {
    sum.iter_mut().zip(x).for_each(|(sum, x)| *sum += factor * x);
}

/// `G^T dU G` for every filter: sums of `[position][in][out_stride]` from `groups` partial sums, which are
/// added into the first, to OIHW.
pub(super) fn unpack_gradient(
    shape: &ConvShape,
    partials: &mut [f32],
    groups: usize,
    out_stride: usize,
    dw: &mut [f32],
) {
    let partial = POSITIONS * shape.in_channels * out_stride;
    let (sums, others) = partials.split_at_mut(partial);
    add_groups(sums, &others[..(groups - 1) * partial]);
    let (sums, filter) = (&*sums, shape.in_channels * 9);
    for_each_chunk(dw, SIDE * filter, |group, to| {
        let filters = parallel::piece(shape.out_channels, SIDE, group);
        for input in 0..shape.in_channels {
            let mut positions = [[0.0; SIDE]; POSITIONS];
            for (position, values) in positions.iter_mut().enumerate() {
                // Rows are padded to whole blocks, so all of SIDE is there.
                values.copy_from_slice(
                    &sums[(position * shape.in_channels + input) * out_stride + filters.start..][..SIDE],
                );
            }
            for (tap, values) in backward(&positions).iter().enumerate() {
                for lane in 0..filters.len() {
                    to[lane * filter + input * 9 + tap] = values[lane];
                }
            }
        }
    });
}

/// Adds the partial sums in `others` to `sums`, in order.
fn add_groups(sums: &mut [f32], others: &[f32]) {
    const CHUNK: usize = 4 << 10;
    let len = sums.len();
    for_each_chunk(sums, CHUNK, |chunk, sums| {
        let range = parallel::piece(len, CHUNK, chunk);
        for other in others.chunks_exact(len) {
            sums.iter_mut().zip(&other[range.clone()]).for_each(|(sum, x)| *sum += x);
        }
    });
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
