//! Sums over the processes that train one network together.

use candle_core::Result;

/// Sums numbers over processes. Every process gets the same sums, to the bit, so that their weights never
/// part.
pub trait AllReduce: Send {
    /// How many processes there are.
    fn processes(&self) -> usize;

    /// Replaces `values` by their sums over all processes, in place. All processes call it with as many
    /// values and in the same order.
    ///
    /// # Errors
    /// If another process cannot be reached.
    fn sum(&mut self, values: &mut [f32]) -> Result<()>;
}

/// A single process: its sums are what it has.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone;

impl AllReduce for Alone {
    fn processes(&self) -> usize {
        1
    }

    fn sum(&mut self, _values: &mut [f32]) -> Result<()> {
        Ok(())
    }
}
