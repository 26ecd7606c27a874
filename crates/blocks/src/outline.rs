//! What a built unit consists of, as data: what a picture of it shows.

use crate::config::NormKind;
use crate::placement::ShortcutInput;

/// One operation of a unit: a box of the paper's figures 1, 2 and 4.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum UnitPart {
    /// A convolution of `kernel` x `kernel`, "weight" in the paper's figures.
    Convolution {
        /// Height and width of a filter.
        kernel: usize,
        /// Input pixels from one output pixel to the next.
        stride: usize,
        /// Output channels.
        out_channels: usize,
    },
    /// A norm, the paper's BN.
    Norm(NormKind),
    /// ReLU.
    Relu,
    /// Times a constant, figure 2(b).
    Scale(f64),
    /// Times `1 - g`, figure 2(c) and (d).
    CarryGate,
    /// Times `g`, figure 2(c).
    TransformGate,
    /// Dropout with this ratio, figure 2(f).
    Dropout(f64),
    /// Option A: sub-sampled, new channels zero.
    ZeroPadding {
        /// Input pixels from one output pixel to the next.
        stride: usize,
        /// Output channels.
        out_channels: usize,
    },
    /// The mean over 2x2 pixels, before a projection of the d variants.
    AveragePool2x2,
}

/// A unit's operations by the path on which they stand, each in the order in which the signal passes them.
/// Made by [`ResidualUnit::outline`](crate::ResidualUnit::outline) from what the unit itself traces.
#[derive(Debug, Clone, PartialEq)]
pub struct UnitOutline {
    /// Before the first weight layer: the pre-activation, or nothing.
    pub pre_activation: Vec<UnitPart>,
    /// The residual branch from its first weight layer to the addition, with what the shortcut asks of it.
    pub branch: Vec<UnitPart>,
    /// The shortcut up to the addition.
    pub shortcut: Vec<UnitPart>,
    /// Where the shortcut starts: before or behind the pre-activation.
    pub shortcut_input: ShortcutInput,
    /// The convolution from which the gates are computed; it reads what the shortcut reads.
    pub gate: Option<UnitPart>,
    /// What follows the addition: `f` of equation (2).
    pub after_addition: Vec<UnitPart>,
}
