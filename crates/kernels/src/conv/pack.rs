//! Weights in the order the micro-kernel reads them: `[block of outputs][tap row][tap column, input][output]`.

use crate::buffer::Buffer;
use crate::conv::ConvShape;
use crate::parallel::{self, Shared};

/// For the output: taps as they are, `out_c` outputs from `in_c` inputs.
pub(super) fn for_output(shape: &ConvShape, weight: &[f32], block: usize) -> Buffer {
    let taps: Vec<usize> = (0..shape.kernel).collect();
    let (in_c, area) = (shape.in_c, shape.kernel * shape.kernel);
    pack(shape.kernel, (&taps, &taps), (shape.in_c, shape.out_c), block, |k, n, tap| {
        weight[(n * in_c + k) * area + tap]
    })
}

/// For the input's gradient: the given taps in the given order, `in_c` outputs from `out_c` inputs.
pub(super) fn for_input(
    shape: &ConvShape,
    weight: &[f32],
    block: usize,
    taps_y: Vec<usize>,
    taps_x: Vec<usize>,
) -> Buffer {
    let (in_c, area) = (shape.in_c, shape.kernel * shape.kernel);
    pack(shape.kernel, (&taps_y, &taps_x), (shape.out_c, shape.in_c), block, |k, n, tap| {
        weight[(k * in_c + n) * area + tap]
    })
}

/// `get(input channel, output channel, tap)` in the packed order; outputs past `outputs` are zero.
fn pack(
    kernel: usize,
    (taps_y, taps_x): (&[usize], &[usize]),
    (inputs, outputs): (usize, usize),
    block: usize,
    get: impl Fn(usize, usize, usize) -> f32 + Sync,
) -> Buffer {
    let panel = taps_y.len() * taps_x.len() * inputs * block;
    let blocks = outputs.div_ceil(block);
    let mut packed = Buffer::unspecified(blocks * panel);
    let shared = Shared::new(&mut packed);
    parallel::for_each(
        blocks,
        || (),
        |_, index| {
            // SAFETY: each task has its own panel.
            let mut rows = unsafe { shared.slice(index * panel, panel) }.chunks_exact_mut(block);
            for ky in taps_y {
                for kx in taps_x {
                    for (k, row) in (0..inputs).zip(&mut rows) {
                        for (lane, to) in row.iter_mut().enumerate() {
                            let n = index * block + lane;
                            *to = if n < outputs { get(k, n, ky * kernel + kx) } else { 0.0 };
                        }
                    }
                }
            }
        },
    );
    packed
}
