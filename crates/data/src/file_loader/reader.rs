//! Single records of a source, read block by block where they lie side by side in a file.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use crate::sources::{Broken, Source};
use resnet_sampling::WINDOW;

/// Blocks kept: those that are being mixed, and those of the next mixture.
const KEPT: usize = 2 * WINDOW;

type Images = Arc<Vec<Result<Vec<u8>, Broken>>>;

/// A source, and the blocks of it that were read last.
pub(super) struct Reader {
    source: Arc<dyn Source>,
    /// The oldest first.
    blocks: Mutex<VecDeque<(usize, Images)>>,
}

impl Reader {
    pub(super) fn new(source: Arc<dyn Source>) -> Self {
        Reader { source, blocks: Mutex::default() }
    }

    pub(super) fn source(&self) -> &Arc<dyn Source> {
        &self.source
    }

    /// The encoded image of a record.
    pub(super) fn read(&self, record: usize) -> Result<Vec<u8>, Broken> {
        let index = self.source.index();
        let gone = || Broken::new(index.place(record), "it was not read");
        if index.layout().is_read_singly() {
            return self.source.read(record..record + 1).pop().unwrap_or_else(|| Err(gone()));
        }
        let (number, range) = self.block_of(record);
        self.block(number, &range)[record - range.start].clone()
    }

    fn block_of(&self, record: usize) -> (usize, Range<usize>) {
        let index = self.source.index();
        let (mut low, mut high) = (0, index.blocks());
        while high - low > 1 {
            let middle = low.midpoint(high);
            if index.block(middle).start <= record { low = middle } else { high = middle }
        }
        (low, index.block(low))
    }

    fn block(&self, number: usize, range: &Range<usize>) -> Images {
        let blocks = || self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = blocks().iter().find(|(kept, _)| *kept == number).map(|(_, images)| images.clone());
        if let Some(images) = kept {
            return images;
        }
        // Outside of the lock: two threads may read one block twice, which costs less than waiting in line.
        let images: Images = Arc::new(self.source.read(range.clone()));
        let mut blocks = blocks();
        if blocks.len() == KEPT {
            blocks.pop_front();
        }
        blocks.push_back((number, images.clone()));
        images
    }
}
