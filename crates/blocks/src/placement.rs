//! Where norms and activations stand: figure 4, as a table.

use BranchElement::{Conv, Norm, Relu};

/// The places of norm and ReLU around a unit's weight layers, figure 4: each variant's elements from top to
/// bottom, for branches of two weight layers.
///
/// Errors are table 2's, on CIFAR-10.
///
/// | placement | ResNet-110 | ResNet-164 |
/// |---|---|---|
/// | (a) original | 6.61 | 5.93 |
/// | (b) BN after addition | 8.17 | 6.50 |
/// | (c) ReLU before addition | 7.84 | 6.14 |
/// | (d) ReLU-only pre-activation | 6.71 | 5.91 |
/// | (e) full pre-activation | 6.37 | 5.46 |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// Figure 4(a): conv, BN, ReLU, conv, BN; the addition; ReLU.
    Original,
    /// Figure 4(b): conv, BN, ReLU, conv; the addition; BN, ReLU.
    BnAfterAddition,
    /// Figure 4(c): conv, BN, ReLU, conv, BN, ReLU; the addition.
    ReluBeforeAddition,
    /// Figure 4(d): ReLU, conv, BN, ReLU, conv, BN; the addition.
    ReluOnlyPreActivation,
    /// Figure 4(e), the paper's proposal: BN, ReLU, conv, BN, ReLU, conv; the addition.
    FullPreActivation,
}

/// A box of figure 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BranchElement {
    /// A weight layer.
    Conv,
    /// A norm: the paper's BN.
    Norm,
    /// ReLU.
    Relu,
}

/// Figure 4: the residual branch from top to bottom, and what follows the addition. Branches are of two
/// weight layers, as in the figure; longer ones repeat what stands between the two, one-layer ones leave it
/// out.
#[rustfmt::skip]
const FIGURE_4: [(Placement, &[BranchElement], &[BranchElement]); 5] = [
    (Placement::Original,              &[            Conv, Norm, Relu, Conv, Norm,      ], &[      Relu]),
    (Placement::BnAfterAddition,       &[            Conv, Norm, Relu, Conv,            ], &[Norm, Relu]),
    (Placement::ReluBeforeAddition,    &[            Conv, Norm, Relu, Conv, Norm, Relu,], &[          ]),
    (Placement::ReluOnlyPreActivation, &[      Relu, Conv, Norm, Relu, Conv, Norm,      ], &[          ]),
    (Placement::FullPreActivation,     &[Norm, Relu, Conv, Norm, Relu, Conv,            ], &[          ]),
];

/// A row of figure 4, for branches of any length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlacementOrder {
    /// What stands before the first weight layer: the pre-activation.
    pub before: &'static [BranchElement],
    /// What stands between two weight layers.
    pub between: &'static [BranchElement],
    /// What stands after the last weight layer.
    pub end: &'static [BranchElement],
    /// What follows the addition: `f` of equation (2).
    pub after_addition: &'static [BranchElement],
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

    /// The order of this placement's elements.
    pub fn order(self) -> PlacementOrder {
        let (_, branch, after_addition) = FIGURE_4[self as usize];
        let mut runs = branch.split(|element| *element == Conv);
        let mut next = || runs.next().unwrap_or_default();
        PlacementOrder { before: next(), between: next(), end: next(), after_addition }
    }

    /// Whether an activation stands before the first weight layer, so that a first unit and projections may
    /// share it.
    pub fn is_pre_activation(self) -> bool {
        !self.order().before.is_empty()
    }

    /// Whether a norm follows the branch's last weight layer. Then a 1x1 convolution on the shortcut has one
    /// as well ("a BN follows every weight layer" in figure 2).
    pub fn ends_in_norm(self) -> bool {
        self.order().end.contains(&Norm)
    }

    /// Whether the branch's output passes a ReLU before the addition, as in figure 4(c).
    pub fn ends_in_relu(self) -> bool {
        self.order().end.last() == Some(&Relu)
    }
}

/// What the shortcut of a pre-activation unit starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShortcutInput {
    /// The unit's input `x`: the first activation belongs to the residual branch alone, and the identity
    /// shortcut carries `x`.
    Raw,
    /// The activated input, from which both paths start. This is so in a network's first unit (appendix), and
    /// wherever the shortcut is a convolution.
    Activated,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_of_the_figure_is_its_placements_and_has_a_norm_per_weight_layer() {
        for (placement, (row, branch, after)) in Placement::ALL.into_iter().zip(FIGURE_4) {
            assert_eq!(placement, row);
            let count = |element| branch.iter().chain(after).filter(|e| **e == element).count();
            assert_eq!((count(Conv), count(Norm)), (2, 2), "{row:?}");
        }
    }
}
