//! candle ops for residual networks: one graph node, forward and backward.

use candle_core::{Result, Tensor};

/// Whether batch norm uses the batch's statistics and updates the running ones, or only reads the running ones.
///
/// Passed to every forward call, never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Batch statistics; running statistics are updated; everything backward needs is kept.
    Train,
    /// Running statistics; parameters count as constants, so nothing is kept for a backward pass over them.
    Eval,
}

/// Mean softmax cross-entropy of `logits: [N, classes]` against `labels: [N]` (u32); a scalar.
pub fn softmax_cross_entropy(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    candle_nn::loss::cross_entropy(logits, labels)
}
