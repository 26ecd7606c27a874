//! Some draws out of an endless sequence of passes over the same samples.

use std::ops::Range;

use resnet_vision::random::RandomStream;

use crate::Draw;

/// Appends a range of the endless sequence of draws that passes over `samples` make, one after another.
/// `numbers` are places in that sequence. Each pass has an order of its own, which its stream decides.
pub(crate) fn draw(
    numbers: Range<u64>,
    samples: &[u32],
    stream: impl Fn(u64) -> RandomStream,
    draws: &mut Vec<Draw>,
) {
    let len = samples.len() as u64;
    for pass in numbers.start.checked_div(len).unwrap_or(0)..numbers.end.div_ceil(len.max(1)) {
        let mut order = samples.to_vec();
        stream(pass).shuffle(&mut order);
        let [from, to] =
            [numbers.start, numbers.end].map(|number| number.saturating_sub(pass * len).min(len) as usize);
        draws.extend(order[from..to].iter().map(|&sample| Draw { sample, pass }));
    }
}
