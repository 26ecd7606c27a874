//! Filters in the transformed domain: `G g G^T` packed for the product, and `G^T dU G` back.

use super::POSITIONS;
use crate::buffer::Buffer;
use crate::conv::ConvShape;
use crate::conv::pack::Direction;
use crate::conv::panel;
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

/// All filters as `[position][block of outputs][input][output]`, zeros past the last output; a block is a
/// panel.
pub(super) fn pack(isa: Isa, shape: &ConvShape, weight: &[f32], direction: Direction) -> Buffer {
    let (inputs, outputs) = match direction {
        Direction::Output => (shape.in_channels, shape.out_channels),
        Direction::InputGradient => (shape.out_channels, shape.in_channels),
    };
    let block = panel::width(isa, outputs);
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
            let to = PackTarget { shared: &shared, blocks, width: block, inputs };
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
    /// Outputs of a block.
    width: usize,
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
        // All vectors of a block at once: the positions of an input lie so far apart that their lines don't
        // stay in cache.
        for input in self.inputs_here.clone() {
            for lane in (0..self.to.width).step_by(S::LANES) {
                self.vector(simd, input, lane);
            }
        }
    }
}

impl Pack<'_> {
    /// `G g G^T` of one input and `LANES` outputs of the block, from `lane` on.
    #[inline(always)]
    fn vector<S: Simd>(&self, simd: S, input: usize, lane: usize) {
        let (block, in_channels) = (self.to.width, self.shape.in_channels);
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

/// Writes `G^T dU G` of every filter to `dw` (OIHW). `partials` are `groups` partial sums of `dU`, each
/// `[position][in][out_stride]`; they are added into the first.
pub(super) fn unpack_gradient(
    isa: Isa,
    shape: &ConvShape,
    partials: &mut [f32],
    groups: usize,
    out_stride: usize,
    dw: &mut [f32],
) {
    let partial = POSITIONS * shape.in_channels * out_stride;
    let (sums, others) = partials.split_at_mut(partial);
    add_groups(sums, &others[..(groups - 1) * partial]);
    /// Inputs of a task: their sums lie side by side, at each position.
    const INPUTS: usize = 8;
    let shared = Shared::new(dw);
    parallel::for_each(
        parallel::pieces(shape.in_channels, INPUTS),
        || (),
        |(), task| {
            let inputs = parallel::piece(shape.in_channels, INPUTS, task);
            dispatch(isa, Unpack { shape, sums, out_stride, inputs, to: &shared });
        },
    );
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

/// Some inputs of all filters.
struct Unpack<'a> {
    shape: &'a ConvShape,
    sums: &'a [f32],
    out_stride: usize,
    inputs: std::ops::Range<usize>,
    to: &'a Shared<'a>,
}

impl Kernel for Unpack<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let ConvShape { in_channels, out_channels, .. } = *self.shape;
        // Rows of sums are padded to whole vectors.
        assert!(self.out_stride.is_multiple_of(S::LANES) && self.out_stride >= out_channels);
        assert!(self.sums.len() >= POSITIONS * in_channels * self.out_stride);
        for input in self.inputs.clone() {
            for first in (0..out_channels).step_by(S::LANES) {
                // SAFETY: the assertions above: the row of this input is padded to whole vectors.
                let taps = unsafe { self.taps(simd, input * self.out_stride + first) };
                for lane in 0..S::LANES.min(out_channels - first) {
                    // SAFETY: each task writes its own inputs of the filters.
                    let filter = unsafe { self.to.slice(((first + lane) * in_channels + input) * 9, 9) };
                    for (to, tap) in filter.iter_mut().zip(&taps) {
                        *to = tap[lane];
                    }
                }
            }
        }
    }
}

impl Unpack<'_> {
    /// `G^T dU G` of a vector of filters, whose sums lie at offset `at` of each position.
    ///
    /// # Safety
    /// At every position, `LANES` sums must exist from `at` on.
    #[inline(always)]
    unsafe fn taps<S: Simd>(&self, simd: S, at: usize) -> [[f32; MOST_LANES]; 9] {
        let position = self.shape.in_channels * self.out_stride;
        let mut half = [[simd.splat(0.0); 6]; 3];
        for j in 0..6 {
            for i in 0..6 {
                // SAFETY: the caller's promise.
                let sum = unsafe { simd.load(self.sums.as_ptr().add((i * 6 + j) * position + at)) };
                for y in 0..3 {
                    half[y][j] = simd.mul_add(simd.splat(G[i][y]), sum, half[y][j]);
                }
            }
        }
        let mut taps = [[0.0f32; MOST_LANES]; 9];
        for (tap, to) in taps.iter_mut().enumerate() {
            let mut value = simd.splat(0.0);
            for j in 0..6 {
                value = simd.mul_add(simd.splat(G[j][tap % 3]), half[tap / 3][j], value);
            }
            // SAFETY: a row of taps holds as many floats as the widest vector.
            unsafe { simd.store(to.as_mut_ptr(), value) };
        }
        taps
    }
}
