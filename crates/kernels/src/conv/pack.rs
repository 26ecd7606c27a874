//! Weights in the order the product reads them: for each phase of a pass, `[block of outputs][tap
//! row][tap column, input][output]`.

use super::correlate::{Correlation, Phase};
use crate::buffer::Buffer;
use crate::conv::ConvShape;
use crate::parallel::for_each_chunk;

/// Which pass weights are packed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// The output: sums over input channels, filters as they are.
    Output,
    /// The input's gradient: sums over output channels, filters rotated by 180 degrees.
    InputGradient,
}

/// For the output: `out_channels` outputs from `in_channels` inputs, in blocks of `block`.
pub(super) fn for_output(shape: &ConvShape, weight: &[f32], block: usize) -> Buffer {
    pack(shape, &Correlation::output(shape), weight, Direction::Output, block)
}

/// For the input's gradient: `in_channels` outputs from `out_channels` inputs; `pass` is
/// [`Correlation::input_gradient`] of `shape`.
pub(super) fn for_input(shape: &ConvShape, pass: &Correlation, weight: &[f32], block: usize) -> Buffer {
    pack(shape, pass, weight, Direction::InputGradient, block)
}

/// Floats of one block of outputs of `phase`.
pub(super) fn panel_len(pass: &Correlation, phase: &Phase, block: usize) -> usize {
    phase.taps_y.len() * phase.taps_x.len() * pass.in_channels * block
}

fn pack(shape: &ConvShape, pass: &Correlation, weight: &[f32], direction: Direction, block: usize) -> Buffer {
    let area = shape.kernel * shape.kernel;
    let blocks = pass.out_channels.div_ceil(block);
    let len: usize = pass.phases.iter().map(|phase| blocks * panel_len(pass, phase, block)).sum();
    // From one input, and from one output, of this pass to the next in `weight`.
    let (next_input, next_output) = match direction {
        Direction::Output => (area, shape.in_channels * area),
        Direction::InputGradient => (shape.in_channels * area, area),
    };
    let mut packed = Buffer::unspecified(len);
    let mut rest = &mut packed[..];
    for phase in &pass.phases {
        let panel = panel_len(pass, phase, block);
        if panel == 0 {
            continue;
        }
        let (here, behind) = rest.split_at_mut(blocks * panel);
        rest = behind;
        for_each_chunk(here, panel, |index, to| {
            let outputs = index * block..pass.out_channels.min((index + 1) * block);
            let mut rows = to.chunks_exact_mut(block);
            for tap_y in &phase.taps_y {
                for tap_x in &phase.taps_x {
                    let tap = tap_y * shape.kernel + tap_x;
                    for (input, row) in (0..pass.in_channels).zip(&mut rows) {
                        let from = &weight[input * next_input + outputs.start * next_output + tap..];
                        let (some, none) = row.split_at_mut(outputs.len());
                        some.iter_mut()
                            .zip(from.iter().step_by(next_output))
                            .for_each(|(to, from)| *to = *from);
                        none.fill(0.0);
                    }
                }
            }
        });
    }
    packed
}
