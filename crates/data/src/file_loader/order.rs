//! The order in which an epoch shows the records of files: well mixed, yet read in long runs.

use crate::sources::Index;
use resnet_vision::random::RandomStream;

/// Blocks of a shard or table whose records are mixed with each other: some tens of megabytes.
pub(super) const WINDOW: usize = 16;

/// `records`, ascending, in the order of `epoch`: all mixed where each is read by itself; else blocks in
/// random order, and the records of [`WINDOW`] blocks at a time mixed.
pub(super) fn shuffled(index: &Index, records: &[u32], seed: u64, epoch: u64) -> Vec<u32> {
    let mut stream = RandomStream::new(seed, crate::purposes::ORDER, epoch, 0);
    if index.layout().is_read_singly() {
        let mut order = records.to_vec();
        stream.shuffle(&mut order);
        return order;
    }
    let mut blocks: Vec<&[u32]> = vec![];
    let mut rest = records;
    for block in 0..index.blocks() {
        let end = index.block(block).end;
        let (inside, after) = rest.split_at(rest.partition_point(|record| (*record as usize) < end));
        blocks.extend((!inside.is_empty()).then_some(inside));
        rest = after;
    }
    stream.shuffle(&mut blocks);
    let mut order = Vec::with_capacity(records.len());
    for window in blocks.chunks(WINDOW) {
        let start = order.len();
        window.iter().for_each(|block| order.extend_from_slice(block));
        stream.shuffle(&mut order[start..]);
    }
    order
}
