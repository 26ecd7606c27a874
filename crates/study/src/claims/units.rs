//! Claims 4, 7, 9, 10 and 12: activations, depth and warm-up, from the curves of trainings.

use resnet_record::{Contrast, Seeds};

use super::compared::{Compared, ContradictedBy, compared, noise, told, told_by_group, verdict};
use super::evidence::{Evidence, rests_on};
use super::quantity::{Quantity, Unit, picture};
use super::{Measured, Verdict};
use crate::results::RowResult;
use crate::words::signed;

/// Points of test error by which a training without warm-up may be worse and still need none.
const MARGIN: f64 = 1.0;

/// Claim 4.
pub(super) fn slow_start(evidence: &Evidence) -> Measured {
    let rows = evidence.rows(&["cifar10-resnet110-v1", "cifar10-resnet110-bn-after-addition"]);
    let [original, after] = rows[..] else {
        return Measured::nothing(
            "It takes runs of figure 6: the original unit, and batch norm after the addition.",
        );
    };
    let early = compared(original, &[after], Quantity::EarlyLoss);
    Measured {
        verdict: verdict(&early, 1, ContradictedBy::One),
        sentences: vec![format!(
            "Mean training loss over the first eighth of the steps, beside the original unit's: {}.",
            told(&early)
        )],
        rests_on: rests_on(&rows),
        figure: Some(picture(
            "Training loss at the start, with batch norm after the addition and before it",
            Quantity::EarlyLoss,
            &rows,
            "The mean training loss over the first eighth of the training.",
        )),
    }
}

/// Claim 7.
pub(super) fn deepest(evidence: &Evidence) -> Measured {
    let rows = evidence.rows(&["cifar10-resnet1001-v2", "cifar10-resnet1001-v1"]);
    let [proposed, original] = rows[..] else {
        return Measured::nothing(
            "It takes runs of figure 1: the deepest network, original and pre-activation.",
        );
    };
    let early = compared(proposed, &[original], Quantity::EarlyLoss);
    let late = compared(proposed, &[original], Quantity::LastLoss);
    let shallower =
        ["cifar10-resnet110-v1", "cifar10-resnet110-v2", "cifar10-resnet164-v1", "cifar10-resnet164-v2"];
    let others = evidence.rows(&shallower);
    let lowest = compared(proposed, &others, Quantity::LastLoss);
    let mut sentences = vec![
        format!("At the start, the original beside pre-activation: {}.", told(&early)),
        format!("In the last epoch: {}.", told(&late)),
    ];
    if !lowest.is_empty() {
        sentences.push(format!(
            "Shallower networks beside the deepest pre-activation one. {}.",
            told_by_group(&lowest)
        ));
    }
    sentences.extend(evidence.missing(&shallower));
    let all: Vec<Compared<'_>> = early.into_iter().chain(late).chain(lowest).collect();
    let every: Vec<&RowResult> = rows.iter().chain(&others).copied().collect();
    Measured {
        verdict: verdict(&all, 2 + shallower.len(), ContradictedBy::One),
        sentences,
        rests_on: rests_on(&every),
        figure: Some(picture(
            "Training loss at the start of the deepest networks",
            Quantity::EarlyLoss,
            &rows,
            "The mean training loss over the first eighth of the training of the deepest networks.",
        )),
    }
}

/// Claim 9: in each pair that was trained.
pub(super) fn loss_and_error(evidence: &Evidence) -> Measured {
    let named = [
        ["cifar10-resnet110-v1-one-layer", "cifar10-resnet110-v2-one-layer"],
        ["cifar10-resnet110-v1", "cifar10-resnet110-v2"],
        ["cifar10-resnet164-v1", "cifar10-resnet164-v2"],
        ["cifar100-resnet164-v1", "cifar100-resnet164-v2"],
    ];
    let pairs: Vec<Vec<&RowResult>> =
        named.iter().map(|pair| evidence.rows(pair)).filter(|pair| pair.len() == 2).collect();
    if pairs.is_empty() {
        return Measured::nothing(
            "It takes runs of table 3: a network with original and with pre-activation units.",
        );
    }
    let of_losses: Vec<Compared<'_>> =
        pairs.iter().flat_map(|pair| compared(pair[0], &pair[1..], Quantity::LastLoss)).collect();
    // The error of the original beside pre-activation, so that both differences should be positive.
    let of_errors: Vec<Compared<'_>> =
        pairs.iter().flat_map(|pair| compared(pair[1], &pair[..1], Quantity::TestError)).collect();
    // They are told in the direction of the losses.
    let told_errors: Vec<Compared<'_>> =
        pairs.iter().flat_map(|pair| compared(pair[0], &pair[1..], Quantity::TestError)).collect();
    let by = |compared: &[Compared<'_>]| verdict(compared, named.len(), ContradictedBy::One);
    let verdict = by(&of_losses).and(by(&of_errors));
    let all: Vec<&RowResult> = pairs.iter().flatten().copied().collect();
    Measured {
        verdict,
        sentences: [
            format!(
                "Training loss of the last epoch, pre-activation less original. {}.",
                told_by_group(&of_losses)
            ),
            format!("Test error, pre-activation less original. {}.", told_by_group(&told_errors)),
            "That the loss is only slightly higher is not judged.".to_owned(),
        ]
        .into_iter()
        .chain(evidence.missing(named.as_flattened()))
        .collect(),
        rests_on: rests_on(&all),
        figure: Some(picture(
            "Training loss of original and pre-activation units",
            Quantity::LastLoss,
            &all,
            "The training loss at the end, pair by pair: original vermilion, pre-activation blue.",
        )),
    }
}

/// Claim 10: without warm-up no more than a point worse.
pub(super) fn without_warmup(evidence: &Evidence) -> Measured {
    let rows = evidence.rows(&["cifar10-resnet110-v2", "cifar10-resnet110-v2-no-warmup"]);
    let [with, without] = rows[..] else {
        return Measured::nothing(
            "It takes runs of ResNet-110 of pre-activation units, with warm-up and without.",
        );
    };
    let originals = evidence.rows(&["cifar10-resnet110-v1", "cifar10-resnet110-v1-no-warmup"]);
    // One of the two alone says nothing of warm-up.
    let originals = if originals.len() == 2 { originals } else { vec![] };
    let worse_by_the_margin = Seeds::of(with.judged_errors().values().iter().map(|error| error + MARGIN));
    let Some(beyond) = Contrast::of(&worse_by_the_margin, &without.judged_errors()) else {
        // One seed alone decides nothing.
        let fails_alone = without.fails() && without.failed > 1 && !with.fails();
        let verdict = if fails_alone { Verdict::Contradicted } else { Verdict::Undecided };
        let failed = [(with, "With"), (without, "Without")].into_iter().filter(|(row, _)| row.fails());
        let sentences = failed
            .map(|(row, how)| format!("{how} warm-up {} of {} runs failed.", row.failed, row.runs.len()));
        return Measured { verdict, sentences: sentences.collect(), rests_on: rests_on(&rows), figure: None };
    };
    let verdict = match beyond.is_decided() {
        true if beyond.difference < 0.0 => Verdict::Supported,
        true => Verdict::Contradicted,
        false => Verdict::Undecided,
    };
    let mut sentences = vec![format!(
        "Test error without warm-up, compared with warm-up: {} points. Warm-up counts as unnecessary if the test rules \
         out that leaving it out costs {MARGIN} point or more ({}).",
        signed(beyond.difference + MARGIN),
        noise(&beyond, Unit::Points)
    )];
    if let [with, without] = originals[..] {
        let original = compared(with, &[without], Quantity::TestError);
        sentences.push(format!("The original unit likewise: {}.", told(&original)));
    }
    let all: Vec<&RowResult> = rows.iter().chain(&originals).copied().collect();
    Measured {
        verdict,
        sentences,
        rests_on: rests_on(&all),
        figure: Some(picture(
            "Test error with warm-up and without",
            Quantity::TestError,
            &all,
            "The rate is 0.1 from the first step on, or 0.01 at the start.",
        )),
    }
}

/// Claim 12: with original units, more layers lower the training loss and raise the validation error.
pub(super) fn overfits(evidence: &Evidence) -> Measured {
    let rows =
        evidence.rows(&["imagenet-resnet152-v1", "imagenet-resnet200-v1", "imagenet-resnet200-v2-scale"]);
    let [shallow, deep, proposed] = rows[..] else {
        return Measured::nothing(
            "It takes runs of table 5 on ImageNet, weeks of a cluster; reproduce table5 trains them.",
        );
    };
    let loss = compared(deep, &[shallow], Quantity::LastLoss);
    let error = [shallow, proposed].map(|base| compared(base, &[deep], Quantity::Top1Error));
    let error: Vec<Compared<'_>> = error.into_iter().flatten().collect();
    let sentences = vec![
        format!("The shallower original's training loss beside the deeper one's: {}.", told(&loss)),
        format!(
            "The deeper original's error beside the shallower one's, and beside pre-activation's: {}.",
            told(&error)
        ),
    ];
    let all: Vec<Compared<'_>> = loss.into_iter().chain(error).collect();
    Measured {
        verdict: verdict(&all, 3, ContradictedBy::One),
        sentences,
        rests_on: rests_on(&rows),
        figure: Some(picture(
            "Errors on ImageNet by depth and unit",
            Quantity::Top1Error,
            &rows,
            "Errors of the original unit at two depths, and of pre-activation.",
        )),
    }
}
