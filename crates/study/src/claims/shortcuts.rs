//! Claims 1 to 3: what scaled, gated, convolved and dropped shortcuts do to a training.

use resnet_models::{registry, summary};
use resnet_record::Contrast;

use super::compared::{Compared, ContradictedBy, compared, decided, noise, told, verdict};
use super::evidence::{Evidence, rests_on};
use super::quantity::{Quantity, Unit, picture};
use super::signal::{Fresh, fresh};
use super::{Measured, Verdict};
use crate::Error;
use crate::results::RowResult;
use crate::words::{count, counted, signed};

const ORIGINAL: &str = "cifar10-resnet110-v1";
/// The rows of table 1 that claim 1 is judged by: all but the original, the plain network, and the gate of
/// bias -6, which claim 3 calls nearly as good as the original.
const VARIANTS: [&str; 8] = [
    "cifar10-resnet110-constant-scaling-shortcut",
    "cifar10-resnet110-constant-scaling",
    "cifar10-resnet110-exclusive-gating-bias-0",
    "cifar10-resnet110-exclusive-gating-bias-6",
    "cifar10-resnet110-exclusive-gating-bias-7",
    "cifar10-resnet110-shortcut-only-gating-bias-0",
    "cifar10-resnet110-conv-shortcut",
    "cifar10-resnet110-dropout-shortcut",
];
const GATED: &str = "cifar10-resnet110-shortcut-only-gating-bias-6";
const EXCLUSIVE: &str = "cifar10-resnet110-exclusive-gating-bias-6";
/// Shortcuts that contain the identity, and do not begin near it.
const CONTAINING: [&str; 2] =
    ["cifar10-resnet110-shortcut-only-gating-bias-0", "cifar10-resnet110-conv-shortcut"];

/// Claim 1.
pub(super) fn worse(evidence: &Evidence) -> Measured {
    let rows = evidence.rows(&VARIANTS);
    let Some(original) = evidence.row(ORIGINAL).filter(|_| !rows.is_empty()) else {
        return Measured::nothing(
            "It takes runs of table 1: the original unit and the shortcuts of figure 2.",
        );
    };
    let of_losses = compared(original, &rows, Quantity::LastLoss);
    let of_errors = compared(original, &rows, Quantity::TestError);
    let all: Vec<&RowResult> = std::iter::once(original).chain(rows.iter().copied()).collect();
    let by = |compared: &[Compared<'_>]| verdict(compared, VARIANTS.len(), ContradictedBy::Most);
    Measured {
        verdict: by(&of_losses).and(by(&of_errors)),
        sentences: [
            format!("Training loss of the last epoch beside the original unit's: {}.", told(&of_losses)),
            decided(&of_losses, VARIANTS.len()),
            format!("Test error beside the original unit's: {}.", told(&of_errors)),
            decided(&of_errors, VARIANTS.len()),
        ]
        .into_iter()
        .chain(evidence.missing(&VARIANTS))
        .collect(),
        rests_on: rests_on(&all),
        figure: Some(picture(
            "Training loss of the last epoch by shortcut",
            Quantity::LastLoss,
            &all,
            "The training loss at the end, a mark for each seed; the original unit first.",
        )),
    }
}

/// Claim 2.
pub(super) fn contain_the_identity(evidence: &Evidence) -> Result<Measured, Error> {
    let parameters = |row: &RowResult| -> Result<u64, Error> {
        let model = row.runs.first().map_or("", |run| run.record.model.as_str());
        let spec = registry::find(model, 10).map_err(resnet::Error::from)?;
        Ok(summary::of(&spec).map_err(|error| Error::Other(error.to_string()))?.parameters as u64)
    };
    let rows = evidence.rows(&CONTAINING);
    let Some(original) = evidence.row(ORIGINAL).filter(|_| !rows.is_empty()) else {
        return Ok(Measured::nothing(
            "It takes runs of table 1: the original unit, gates on the shortcut, a 1x1 shortcut.",
        ));
    };
    let of_losses = compared(original, &rows, Quantity::LastLoss);
    let base = parameters(original)?;
    let mut counted = vec![format!("{}: {}", original.row.label, count(base))];
    let mut have_more = true;
    for row in &rows {
        let own = parameters(row)?;
        have_more &= own > base;
        counted.push(format!("{}: {}", row.row.label, count(own)));
    }
    let by_loss = verdict(&of_losses, CONTAINING.len(), ContradictedBy::Most);
    let all: Vec<&RowResult> = std::iter::once(original).chain(rows.iter().copied()).collect();
    Ok(Measured {
        verdict: if have_more { by_loss } else { Verdict::Contradicted },
        sentences: [
            format!("Parameters: {}.", counted.join("; ")),
            format!(
                "A gate is the identity in the limit of a low bias, and so is a 1x1 convolution whose norm restores mean and \
                 deviation, up to the noise of the batch; so the best training loss of each is no higher than the original's. \
                 What is reached: {}.",
                told(&of_losses)
            ),
            decided(&of_losses, CONTAINING.len()),
        ]
        .into_iter()
        .chain(evidence.missing(&CONTAINING))
        .collect(),
        rests_on: rests_on(&all),
        figure: Some(picture(
            "Training loss of shortcuts that contain the identity",
            Quantity::LastLoss,
            &all,
            "Shortcuts with more parameters than the identity, and with the identity among their functions.",
        )),
    })
}

/// A share of a sum as text.
fn share(percent: f64) -> String {
    if percent < 0.01 { "less than 0.01 %".to_owned() } else { format!("{percent:.2} %") }
}

/// Nearly as good means: the error that shortcut-only gating adds to the original's is less than this share
/// of what exclusive gating adds to that of shortcut-only gating.
const SHARE: f64 = 0.5;

/// Claim 3.
pub(super) fn nearly_the_identity(evidence: &Evidence) -> candle_core::Result<Measured> {
    let names = [ORIGINAL, GATED, EXCLUSIVE];
    let rows = evidence.rows(&names);
    let [original, gated, exclusive] = rows[..] else {
        let nothing = Measured::nothing(
            "It takes runs of table 1: the original unit, and both gates with a bias of -6.",
        );
        return Ok(nothing.and(evidence.missing(&names)));
    };
    let [first, second, third] = [original, gated, exclusive].map(RowResult::judged_errors);
    // By how much what shortcut-only gating adds lies below the limit.
    let room = Contrast::weighted(&[(1.0, &first), (-1.0 - SHARE, &second), (SHARE, &third)]);
    let (Some(near), Some(far), Some(room)) =
        (Contrast::of(&first, &second), Contrast::of(&second, &third), room)
    else {
        let failed = rows.iter().filter(|row| row.fails()).map(|row| {
            let (name, runs) = (&row.row.name, counted(row.runs.len(), "run"));
            format!("{} of {runs} of {name} failed.", row.failed)
        });
        return Ok(Measured {
            verdict: Verdict::Undecided,
            sentences: failed.collect(),
            rests_on: rests_on(&rows),
            figure: None,
        });
    };
    let network = |row: &RowResult| row.runs.first().map_or("", |run| run.record.model.as_str()).to_owned();
    let [by_shortcut, by_both] = [network(gated), network(exclusive)];
    let [near_identity, suppressed]: [Fresh; 2] = [fresh(&by_shortcut)?, fresh(&by_both)?];
    let verdict = match room.is_decided() {
        true if room.difference < 0.0 => Verdict::Contradicted,
        true if far.is_decided() && far.difference > 0.0 => Verdict::Supported,
        _ => Verdict::Undecided,
    };
    Ok(Measured {
        verdict,
        sentences: vec![
            format!(
                "On fresh weights, medians over the units, which follow from the bias and are not judged: in {by_shortcut} the \
                 shortcut passes {:.4} of the gradient, and the residual branch is {} of the sum by energy; in {by_both} it \
                 passes {:.4}, and the branch is {}.",
                near_identity.shortcut,
                share(near_identity.branch),
                suppressed.shortcut,
                share(suppressed.branch)
            ),
            format!(
                "Test error: shortcut-only gating {} points beside the original ({}), exclusive gating {} points beside \
                 shortcut-only ({}).",
                signed(near.difference),
                noise(&near, Unit::Points),
                signed(far.difference),
                noise(&far, Unit::Points)
            ),
            format!(
                "Shortcut-only gating counts as nearly as good if it adds less error than {:.0} % of what exclusive gating \
                 adds to it; it adds {:.2} points {} ({}).",
                100.0 * SHARE,
                room.difference.abs(),
                if room.difference < 0.0 { "too much" } else { "less than the limit" },
                noise(&room, Unit::Points)
            ),
        ],
        rests_on: rests_on(&rows),
        figure: Some(picture(
            "Test error with gates that begin nearly shut",
            Quantity::TestError,
            &rows,
            "The original unit, a gate on the shortcut alone, and one on shortcut and branch, both with a bias of \u{2212}6.",
        )),
    })
}
