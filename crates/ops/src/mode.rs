//! Training or evaluation: told to each run, stored nowhere.

/// Whether batch norm uses the batch's statistics and updates the running ones, or only reads the running
/// ones.
///
/// Passed to every forward call, never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Batch statistics; running statistics are updated; dropout and stochastic depth draw; what the backward
    /// pass needs is kept.
    Train,
    /// Running statistics; nothing is dropped. Parameters count as constants: a gradient flows to the input
    /// only, and only if the input is part of a graph itself, so plain inference keeps nothing.
    Eval,
}
