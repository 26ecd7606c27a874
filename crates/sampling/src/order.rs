//! The order in which an epoch shows its draws: well mixed, and still such that large files are read in long
//! runs.

use resnet_vision::random::RandomStream;

use crate::{Draw, purposes};

/// How many blocks of shards or tables have their records mixed with each other: some tens of megabytes.
pub const WINDOW: usize = 16;

/// Puts the draws of an epoch into random order.
pub fn mixed(mut draws: Vec<Draw>, seed: u64, epoch: u64) -> Vec<Draw> {
    RandomStream::new(seed, purposes::ORDER, epoch, 0).shuffle(&mut draws);
    draws
}

/// Puts draws, ascending by sample, into an order in which the samples of a block are read together: blocks
/// come in random order, and the samples of [`WINDOW`] blocks at a time are mixed. `ends` has, for each block
/// in ascending order, the number of the first sample after it. Draws after the last block are left out.
pub fn mixed_in_blocks(
    draws: &[Draw],
    ends: impl IntoIterator<Item = usize>,
    seed: u64,
    epoch: u64,
) -> Vec<Draw> {
    let mut stream = RandomStream::new(seed, purposes::ORDER, epoch, 0);
    let mut blocks: Vec<&[Draw]> = vec![];
    let mut rest = draws;
    for end in ends {
        let (inside, after) = rest.split_at(rest.partition_point(|draw| (draw.sample as usize) < end));
        blocks.extend((!inside.is_empty()).then_some(inside));
        rest = after;
    }
    stream.shuffle(&mut blocks);
    let mut order = Vec::with_capacity(draws.len());
    for window in blocks.chunks(WINDOW) {
        let start = order.len();
        window.iter().for_each(|block| order.extend_from_slice(block));
        stream.shuffle(&mut order[start..]);
    }
    order
}
