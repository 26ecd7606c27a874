//! Additions, and ReLU for inference, folded into the convolution before them.
//!
//! Batch norm in a convolution's load is no rewrite: how a norm's output reaches the next step is the
//! executor's choice.

use resnet_kernels::norm::Activation;

use super::step::{AddStep, Op, Step};
use super::value::Value;

/// Which step sets each value, and how many read it; the plan's caller reads `output`.
pub(super) fn producers_and_readers(
    steps: &[Step],
    values: usize,
    output: Value,
) -> (Vec<Option<usize>>, Vec<usize>) {
    let (mut producers, mut readers) = (vec![None; values], vec![0; values]);
    readers[output.0] += 1;
    for (index, step) in steps.iter().enumerate() {
        producers[step.output.0] = Some(index);
        step.inputs.iter().for_each(|input| readers[input.0] += 1);
    }
    (producers, readers)
}

/// Whether ReLU is folded as well: in inference only, since its backward pass needs a step of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FoldRelu {
    No,
    Yes,
}

/// Folds `y = conv(x) + other`, with its ReLU or without, into the convolution's store, where nobody else
/// sees the convolution's output and `other` is computed before it.
pub(super) fn fold_into_store(steps: &mut Vec<Step>, values: usize, output: Value, fold_relu: FoldRelu) {
    let (mut producers, readers) = producers_and_readers(steps, values, output);
    let mut folded = vec![false; steps.len()];
    for index in 0..steps.len() {
        let (y, inputs) = (steps[index].output, &steps[index].inputs);
        let (operands, activation) = match &steps[index].op {
            Op::Add(AddStep { activation: Activation::Relu }) if fold_relu == FoldRelu::No => continue,
            Op::Add(add) => {
                (vec![(inputs[1], Some(inputs[0])), (inputs[0], Some(inputs[1]))], add.activation)
            }
            Op::Relu(_) if fold_relu == FoldRelu::Yes => (vec![(inputs[0], None)], Activation::Relu),
            _ => continue,
        };
        for (sum, other) in operands {
            let Some(at) = producers[sum.0].filter(|_| readers[sum.0] == 1) else { continue };
            let known_before = other.and_then(|other| producers[other.0]).is_none_or(|other| other < at);
            let Step { op: Op::Conv(conv), inputs, output, .. } = &mut steps[at] else { continue };
            let has_residual = inputs.len() > 1;
            let takes_other = !has_residual || other.is_none();
            if takes_other && conv.activation == Activation::Identity && known_before {
                inputs.extend(other);
                conv.activation = activation;
                *output = y;
                producers[y.0] = Some(at);
                folded[index] = true;
                break;
            }
        }
    }
    remove(steps, &folded);
}

/// Removes the steps that were folded into others.
pub(super) fn remove(steps: &mut Vec<Step>, folded: &[bool]) {
    let mut folded = folded.iter();
    steps.retain(|_| !folded.next().copied().unwrap_or(false));
}
