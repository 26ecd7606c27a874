//! The paper's units by name: each is a [`ResidualUnit`](crate::ResidualUnit) with its shortcut and placement
//! chosen.

mod bn_after_addition;
mod constant_scaling;
mod conv_shortcut;
mod dropout_shortcut;
mod exclusive_gating;
mod full_preactivation;
mod original;
mod relu_before_addition;
mod relu_only_preactivation;
mod shortcut_only_gating;

pub use bn_after_addition::BnAfterAddition;
pub use constant_scaling::ConstantScaling;
pub use conv_shortcut::ConvShortcut;
pub use dropout_shortcut::DropoutShortcut;
pub use exclusive_gating::ExclusiveGating;
pub use full_preactivation::FullPreActivation;
pub use original::Original;
pub use relu_before_addition::ReluBeforeAddition;
pub use relu_only_preactivation::ReluOnlyPreActivation;
pub use shortcut_only_gating::ShortcutOnlyGating;

/// Implements what all named units share: they are tuple structs around a
/// [`ResidualUnit`](crate::ResidualUnit).
macro_rules! named_unit {
    ($unit:ident) => {
        impl $unit {
            /// The same unit with stochastic depth on its residual branch.
            pub fn with_drop_path(self, drop_path: resnet_ops::DropPath) -> Self {
                $unit(self.0.with_drop_path(drop_path))
            }
        }

        impl resnet_ops::Layer for $unit {
            fn trace(
                &self,
                graph: &mut resnet_ops::Graph,
                x: resnet_ops::Value,
            ) -> candle_core::Result<resnet_ops::Value> {
                self.0.trace(graph, x)
            }
        }

        resnet_ops::module_t!($unit);
    };
}
use named_unit;
