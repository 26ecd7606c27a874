//! Layers: named parameters, and how they are traced into a [`Graph`].
//!
//! Names below the given `VarBuilder` are PyTorch's: `weight`, `bias`, `running_mean`, `running_var`.

mod batch_norm;
mod conv;
mod drop;
mod group_norm;
mod linear;

use std::fmt::Debug;

use candle_core::{Result, Tensor, bail};

use crate::mode::Mode;
pub use crate::module_t;
use crate::plan::{Graph, Shape, Value};
pub use batch_norm::BatchNorm;
pub use conv::{Conv2d, ConvConfig};
pub(crate) use conv::{ConvParams, convolution};
pub use drop::{DropPath, Dropout};
pub use group_norm::{GroupNorm, GroupNormConfig};
pub use linear::Linear;
pub(crate) use linear::linear;

/// Whatever has one input and one output: a layer, a unit, a network.
///
/// A layer that consists of others traces them one after another, and runs as a single candle node.
///
/// All layers here are modules of candle's that are told whether they train, `ModuleT` and not `Module`:
/// `x.apply_t(&layer, true)` applies one, and candle's `seq()` takes it by `add_fn`.
///
/// ```
/// use candle_core::{DType, Device, Result, Tensor};
/// use candle_nn::{ModuleT, VarBuilder};
/// use resnet_ops::{BatchNorm, Conv2d, ConvConfig, Graph, Layer, Mode, Value};
///
/// /// A convolution with batch norm and ReLU after it.
/// #[derive(Debug)]
/// struct ConvBnRelu(Conv2d, BatchNorm);
///
/// impl Layer for ConvBnRelu {
///     fn trace(&self, graph: &mut Graph, x: Value) -> Result<Value> {
///         let y = self.0.trace(graph, x)?;
///         self.1.trace_relu(graph, y)
///     }
/// }
/// resnet_ops::module_t!(ConvBnRelu);
///
/// # fn main() -> Result<()> {
/// let vb = VarBuilder::zeros(DType::F32, &Device::Cpu);
/// let conv = Conv2d::new(3, 8, ConvConfig::same(3).with_stride(2), vb.pp("conv1"))?;
/// let layer = ConvBnRelu(conv, BatchNorm::new(8, vb.pp("bn1"))?.with_eps(1e-3)?);
/// let x = Tensor::ones((2, 3, 8, 8), DType::F32, &Device::Cpu)?;
/// assert_eq!(layer.forward(&x, Mode::Train)?.dims(), [2, 8, 4, 4]);
/// assert_eq!(x.apply_t(&layer, false)?.dims(), [2, 8, 4, 4]); // as a module of candle's
/// let in_a_row = candle_nn::seq().add_fn(move |x| layer.forward_t(x, false));
/// assert_eq!(x.apply(&in_a_row)?.dims(), [2, 8, 4, 4]);
/// # Ok(())
/// # }
/// ```
pub trait Layer: Debug + Send + Sync {
    /// Appends the layer to `graph`; its output is returned.
    ///
    /// # Errors
    /// If `x` has a shape that the layer doesn't take: other channels, another rank, too few pixels.
    fn trace(&self, graph: &mut Graph, x: Value) -> Result<Value>;

    /// Runs the layer alone, as one candle node.
    ///
    /// In [`Mode::Eval`] parameters are constants, and a gradient flows to `x` alone. candle's `backward` can
    /// pass through the result once: add up losses before it.
    ///
    /// # Errors
    /// As [`Layer::trace`]; if `x` is not f32 on the CPU; and, in [`Mode::Train`], if a batch norm has fewer
    /// than two values per channel.
    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let mut graph = Graph::new();
        let input = graph.input(Shape::of(x)?);
        let output = self.trace(&mut graph, input)?;
        graph.finish(output)?.run(&[x], mode)
    }
}

/// Implements candle's `ModuleT` for types that are [`Layer`]s. (The orphan rule forbids
/// `impl<L: Layer> ModuleT for L` here.)
///
/// `forward_t(x, false)` trains nothing: in [`Mode::Eval`] parameters are constants, and a gradient flows to
/// `x` alone. candle's own layers give their weights gradients there as well.
#[macro_export]
macro_rules! module_t {
    ($($layer:ty),+ $(,)?) => {
        $(impl $crate::candle_nn::ModuleT for $layer {
            fn forward_t(
                &self,
                x: &$crate::candle_core::Tensor,
                train: bool,
            ) -> $crate::candle_core::Result<$crate::candle_core::Tensor> {
                let mode = if train { $crate::Mode::Train } else { $crate::Mode::Eval };
                $crate::Layer::forward(self, x, mode)
            }
        })+
    };
}

/// Checks the `eps` of a norm or of standardised filters, which keeps the root of a variance from being 0.
fn checked_eps(eps: f64) -> Result<f64> {
    // It is used in 32 bits.
    if !(eps as f32 > 0.0 && (eps as f32).is_finite()) {
        bail!("the eps of a norm or of standardised filters is positive and finite in 32 bits, not {eps}");
    }
    Ok(eps)
}
