//! What is prefetched during a block's products: the lines that the output transform will read and write, and
//! the next block's input.

use crate::conv::product::FetchOn;

/// Tensors whose lines are prefetched one after the other, at an even pace through all products of a block: a
/// burst of them would fill the queue of misses, and the products would wait.
#[derive(Debug, Clone)]
pub(super) struct Ahead {
    /// Start and floats of each.
    tensors: [(*const f32, usize); 3],
    /// The index of the tensor that is being prefetched, and the floats of it that were.
    tensor: usize,
    at: usize,
    /// Floats from one step of a product's loop to the next.
    stride: usize,
}

impl Ahead {
    /// Prefetches the floats of `tensors` in `steps` steps.
    pub(super) fn new(tensors: [&[f32]; 3], steps: usize) -> Self {
        let floats: usize = tensors.iter().map(|tensor| tensor.len()).sum();
        let stride = floats.div_ceil(steps.max(1));
        let tensors = tensors.map(|tensor| (tensor.as_ptr(), tensor.len()));
        Ahead { tensors, tensor: 0, at: 0, stride }
    }

    /// What the next `steps` steps prefetch. They may run over a tensor's end, which does no harm.
    #[inline(always)]
    pub(super) fn take(&mut self, steps: usize) -> FetchOn {
        while self.at >= self.tensors[self.tensor].1 && self.tensor + 1 < self.tensors.len() {
            (self.tensor, self.at) = (self.tensor + 1, 0);
        }
        let next = self.tensors[self.tensor].0.wrapping_add(self.at);
        self.at += self.stride * steps;
        FetchOn { next, stride: self.stride }
    }
}
