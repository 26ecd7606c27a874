//! Rewrites of recorded steps. (Batch norm into a convolution's load needs no rewrite: a normalised value
//! stays unwritten until a step asks for it in memory.)

use resnet_kernels::norm::Activation;

use crate::graph::Value;
use crate::steps::Step;

/// Which step sets each value, and how many read it; the plan's caller reads `output`.
pub(super) fn producers_and_readers(
    steps: &[Step],
    values: usize,
    output: Value,
) -> (Vec<Option<usize>>, Vec<usize>) {
    let (mut producers, mut readers) = (vec![None; values], vec![0; values]);
    readers[output.0] += 1;
    for (index, step) in steps.iter().enumerate() {
        producers[step.output().0] = Some(index);
        step.inputs().iter().for_each(|input| readers[input.0] += 1);
    }
    (producers, readers)
}

/// Whether ReLU is folded as well: its backward needs a step of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relu {
    Keep,
    Fold,
}

/// Folds `y = conv(x) + other`, with its ReLU or without, into the convolution's store, where nobody else
/// sees the convolution's output and `other` is computed before it.
pub(super) fn fold_into_store(steps: &mut Vec<Step>, values: usize, output: Value, relu: Relu) {
    let (mut producers, readers) = producers_and_readers(steps, values, output);
    let mut folded = vec![false; steps.len()];
    for index in 0..steps.len() {
        let (y, operands, activation) = match &steps[index] {
            Step::Add(add) if add.relu && relu == Relu::Keep => continue,
            Step::Add(add) => {
                let activation = if add.relu { Activation::Relu } else { Activation::Identity };
                (add.y, vec![(add.b, Some(add.a)), (add.a, Some(add.b))], activation)
            }
            Step::Relu(step) if relu == Relu::Fold => (step.y, vec![(step.x, None)], Activation::Relu),
            _ => continue,
        };
        for (sum, other) in operands {
            let Some(at) = producers[sum.0].filter(|_| readers[sum.0] == 1) else { continue };
            let known_before = other.and_then(|other| producers[other.0]).is_none_or(|other| other < at);
            if let Step::Conv(conv) = &mut steps[at]
                && (conv.residual.is_none() || other.is_none())
                && conv.activation == Activation::Identity
                && known_before
            {
                conv.residual = conv.residual.or(other);
                conv.activation = activation;
                conv.y = y;
                producers[y.0] = Some(at);
                folded[index] = true;
                break;
            }
        }
    }
    let mut folded = folded.into_iter();
    steps.retain(|_| !folded.next().unwrap_or(false));
}
