//! Where activations stand, figure 4.

/// The places of batch norm and ReLU around a unit's weight layers, figure 4.
///
/// Orders are of a two-layer branch; other branches repeat the middle. Errors are table 2's, on CIFAR-10.
///
/// | placement | residual branch | after the addition | ResNet-110 | ResNet-164 |
/// |---|---|---|---|---|
/// | (a) original | conv BN ReLU conv BN | ReLU | 6.61 | 5.93 |
/// | (b) BN after addition | conv BN ReLU conv | BN ReLU | 8.17 | 6.50 |
/// | (c) ReLU before addition | conv BN ReLU conv BN ReLU | nothing | 7.84 | 6.14 |
/// | (d) ReLU-only pre-activation | ReLU conv BN ReLU conv BN | nothing | 6.71 | 5.91 |
/// | (e) full pre-activation | BN ReLU conv BN ReLU conv | nothing | 6.37 | 5.46 |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// Figure 4(a).
    Original,
    /// Figure 4(b).
    BnAfterAddition,
    /// Figure 4(c).
    ReluBeforeAddition,
    /// Figure 4(d).
    ReluOnlyPreActivation,
    /// Figure 4(e), the paper's proposal.
    FullPreActivation,
}

impl Placement {
    /// All of them, in the figure's order.
    pub const ALL: [Placement; 5] = [
        Placement::Original,
        Placement::BnAfterAddition,
        Placement::ReluBeforeAddition,
        Placement::ReluOnlyPreActivation,
        Placement::FullPreActivation,
    ];

    /// Whether an activation stands before the first weight layer, so that a first unit and projections may
    /// share it.
    pub fn is_pre_activation(self) -> bool {
        matches!(self, Placement::ReluOnlyPreActivation | Placement::FullPreActivation)
    }

    /// Whether a 1x1 convolution on the shortcut has a norm of its own: where the branch ends in one as well
    /// ("a BN follows every weight layer" in figure 2).
    pub(crate) fn normalises_shortcut(self) -> bool {
        !matches!(self, Placement::BnAfterAddition | Placement::FullPreActivation)
    }
}

/// Where a pre-activation unit's two paths part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// Before the first activation, which belongs to the residual branch alone: the identity shortcut carries
    /// `x`.
    BeforeActivation,
    /// After it: both paths start from the activated signal. So in a network's first unit (appendix), and
    /// wherever the shortcut is a projection.
    AfterActivation,
}
