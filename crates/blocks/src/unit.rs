//! The trait of all residual units.

use candle_core::{Result, Tensor};
use resnet_ops::{Graph, Mode, Shape, Value};

/// A residual unit: `[N, C, H, W]` to `[N, C', H/s, W/s]`.
pub trait Unit: std::fmt::Debug + Send + Sync {
    /// Appends the unit to `graph` and returns its output.
    ///
    /// # Errors
    /// If `x` doesn't have the unit's input channels, or is too small for its filters.
    fn record(&self, graph: &mut Graph, x: Value) -> Result<Value>;

    /// Runs the unit alone, as one candle node.
    ///
    /// # Errors
    /// As [`Unit::record`], and if `x` is not f32 on the CPU.
    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let mut graph = Graph::new();
        let input = graph.input(Shape::of(x)?);
        let output = self.record(&mut graph, input)?;
        graph.finish(output)?.run(&[x], mode)
    }
}

/// candle's own trait for layers that behave differently in training.
macro_rules! module_t {
    ($unit:ty) => {
        impl candle_nn::ModuleT for $unit {
            fn forward_t(
                &self,
                x: &candle_core::Tensor,
                train: bool,
            ) -> candle_core::Result<candle_core::Tensor> {
                let mode = if train { resnet_ops::Mode::Train } else { resnet_ops::Mode::Eval };
                crate::Unit::forward(self, x, mode)
            }
        }
    };
}
pub(crate) use module_t;
