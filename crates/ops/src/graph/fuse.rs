//! Rewrites of recorded steps. (Batch norm into a convolution's load needs no rewrite: a normalised value stays
//! unwritten until a step asks for it in memory.)

use crate::graph::Value;
use crate::steps::Step;

/// Folds `y = conv(x) + other` into the convolution's store, where nobody else sees the convolution's output and
/// `other` is computed before it.
pub(super) fn fold_residuals(steps: &mut Vec<Step>, values: usize, output: Value) {
    let (mut producer, mut uses) = (vec![None; values], vec![0; values]);
    uses[output.0] += 1;
    for (index, step) in steps.iter().enumerate() {
        producer[step.output().0] = Some(index);
        step.inputs().iter().for_each(|input| uses[input.0] += 1);
    }
    let mut folded = vec![false; steps.len()];
    for index in 0..steps.len() {
        let Step::Add(add) = &steps[index] else { continue };
        if add.relu {
            continue;
        }
        let (a, b, y) = (add.a, add.b, add.y);
        for (sum, other) in [(b, a), (a, b)] {
            let Some(at) = producer[sum.0].filter(|_| uses[sum.0] == 1) else { continue };
            let known_before = producer[other.0].is_none_or(|other| other < at);
            if let Step::Conv(conv) = &mut steps[at]
                && conv.residual.is_none()
                && known_before
            {
                conv.residual = Some(other);
                conv.y = y;
                producer[y.0] = Some(at);
                folded[index] = true;
                break;
            }
        }
    }
    let mut folded = folded.into_iter();
    steps.retain(|_| !folded.next().unwrap_or(false));
}
