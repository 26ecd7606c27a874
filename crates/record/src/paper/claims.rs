//! What the paper claims, sentence by sentence: each is a thing to measure.

/// A claim of the paper, in our words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Its number here, from 1.
    pub number: u8,
    /// What is claimed.
    pub says: &'static str,
    /// The section, figure or table of arXiv 1603.05027.
    pub place: &'static str,
}

const fn claim(number: u8, says: &'static str, place: &'static str) -> Claim {
    Claim { number, says, place }
}

/// The paper's claims, in its order.
///
/// ```
/// use resnet_record::paper::CLAIMS;
/// assert!(CLAIMS.iter().zip(1..).all(|(claim, number)| claim.number == number));
/// ```
pub const CLAIMS: [Claim; 12] = [
    claim(
        1,
        "A shortcut that is scaled, gated, convolved or dropped out trains worse: its training loss is higher, not only \
         its test error.",
        "section 3.1, figure 3",
    ),
    claim(
        2,
        "Gated and 1x1 shortcuts contain the identity and have more parameters, so that they train worse is a matter of \
         optimisation.",
        "section 3.2",
    ),
    claim(
        3,
        "With a bias of -6 shortcut-only gating is nearly the identity and nearly as good; exclusive gating suppresses the \
         residual branch then.",
        "section 3.1",
    ),
    claim(
        4,
        "Batch norm after the addition reduces the loss slowly at the start.",
        "section 4.1, figure 6 left",
    ),
    claim(
        5,
        "ReLU before the addition makes the residual branch non-negative, so that the signal only grows with depth.",
        "section 4.1",
    ),
    claim(
        6,
        "An asymmetric activation after the addition is the pre-activation of the next unit: the same function.",
        "section 4.1, equation (9), figure 5",
    ),
    claim(
        7,
        "1001 original layers start slowly; 1001 pre-activation layers reduce the loss quickly and reach the lowest of all.",
        "section 4.2, figure 1",
    ),
    claim(
        8,
        "ReLU after the addition cuts little of the signal once a network of 164 layers has trained a while, and cuts often \
         in one of 1001.",
        "section 4.2",
    ),
    claim(
        9,
        "With 110 and 164 layers, on CIFAR-10 and CIFAR-100, pre-activation ends at a slightly higher training loss and a \
         lower test error.",
        "section 4.2, figure 6 right",
    ),
    claim(10, "The pre-activation unit needs no warm-up.", "appendix"),
    claim(
        11,
        "The cost is linear in the depth: ResNet-1001 took 27 hours on two GPUs, ResNet-200 three weeks on eight.",
        "section 5",
    ),
    claim(
        12,
        "The original ResNet-200 overfits where ResNet-152 does not; pre-activation mends it.",
        "section 5, table 5",
    ),
];
