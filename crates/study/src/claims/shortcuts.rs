//! Claims 1 to 3: what scaled, gated, convolved and dropped shortcuts do to a training.

use resnet_models::{registry, summary};
use resnet_record::Contrast;

use super::evidence::{Evidence, compared, errors, losses, noise, picture, rests_on, told, verdict};
use super::{Measured, Verdict};
use crate::Error;
use crate::results::RowResult;
use crate::words::{count, signed};

const ORIGINAL: &str = "cifar10-resnet110-v1";
/// The rows of table 1 that claim 1 is judged by: all but the original and the plain network.
const VARIANTS: [&str; 9] = [
    "cifar10-resnet110-constant-scaling-shortcut",
    "cifar10-resnet110-constant-scaling",
    "cifar10-resnet110-exclusive-gating-bias-0",
    "cifar10-resnet110-exclusive-gating-bias-6",
    "cifar10-resnet110-exclusive-gating-bias-7",
    "cifar10-resnet110-shortcut-only-gating-bias-0",
    "cifar10-resnet110-shortcut-only-gating-bias-6",
    "cifar10-resnet110-conv-shortcut",
    "cifar10-resnet110-dropout-shortcut",
];
const GATED: &str = "cifar10-resnet110-shortcut-only-gating-bias-6";
const EXCLUSIVE: &str = "cifar10-resnet110-exclusive-gating-bias-6";
/// Shortcuts that contain the identity.
const CONTAINING: [&str; 3] =
    ["cifar10-resnet110-shortcut-only-gating-bias-0", GATED, "cifar10-resnet110-conv-shortcut"];

/// Claim 1.
pub(super) fn worse(evidence: &Evidence) -> Measured {
    let rows = evidence.rows(&VARIANTS);
    let Some(original) = evidence.row(ORIGINAL).filter(|_| !rows.is_empty()) else {
        return Measured::nothing(
            "It takes runs of table 1: the original unit and the shortcuts of figure 2.",
        );
    };
    let of_losses = compared(original, &rows, losses);
    let of_errors = compared(original, &rows, errors);
    let all: Vec<&RowResult> = std::iter::once(original).chain(rows.iter().copied()).collect();
    Measured {
        verdict: verdict(&of_losses, VARIANTS.len()),
        sentences: [
            format!(
                "Training loss of the last epoch beside the original unit's: {}.",
                told(&of_losses, "nats")
            ),
            format!("Test error beside the original unit's: {}.", told(&of_errors, "points")),
        ]
        .into_iter()
        .chain(evidence.missing(&VARIANTS))
        .collect(),
        rests_on: rests_on(&all),
        figure: Some(picture(
            "Training loss of the last epoch by shortcut",
            "training loss of the last epoch, nats",
            &all,
            losses,
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
    let of_losses = compared(original, &rows, losses);
    let base = parameters(original)?;
    let mut counted = vec![format!("{} {}", original.row.label, count(base))];
    let mut have_more = true;
    for row in &rows {
        let own = parameters(row)?;
        have_more &= own > base;
        counted.push(format!("{} {}", row.row.label, count(own)));
    }
    let by_loss = verdict(&of_losses, CONTAINING.len());
    let all: Vec<&RowResult> = std::iter::once(original).chain(rows.iter().copied()).collect();
    Ok(Measured {
        verdict: if have_more { by_loss } else { Verdict::Contradicted },
        sentences: [
            format!("Parameters: {}.", counted.join("; ")),
            format!(
                "A gate that is shut and a 1x1 convolution of ones on its diagonal are the identity, so the best training \
                 loss of each is no higher than the original's. What is reached: {}.",
                told(&of_losses, "nats")
            ),
        ]
        .into_iter()
        .chain(evidence.missing(&CONTAINING))
        .collect(),
        rests_on: rests_on(&all),
        figure: Some(picture(
            "Training loss of shortcuts that contain the identity",
            "training loss of the last epoch, nats",
            &all,
            losses,
            "Shortcuts with more parameters than the identity, and with the identity among their functions.",
        )),
    })
}

/// Claim 3. Nearly as good means: the error that shortcut-only gating adds to the original's, and two
/// standard errors more, is less than half of what exclusive gating adds to that of shortcut-only gating.
pub(super) fn nearly_the_identity(evidence: &Evidence) -> Measured {
    let rows = evidence.rows(&[ORIGINAL, GATED, EXCLUSIVE]);
    let [original, gated, exclusive] = rows[..] else {
        return Measured::nothing(
            "It takes runs of table 1: the original unit, and both gates with a bias of -6.",
        );
    };
    let open = 1.0 / (1.0 + 6f64.exp());
    let [Some(near), Some(far)] = [(original, gated), (gated, exclusive)]
        .map(|(first, second)| Contrast::of(&errors(first), &errors(second)))
    else {
        return Measured::nothing("One of the three rows has no error: its runs failed.");
    };
    let verdict = match () {
        () if far.is_decided() && far.difference < 0.0 => Verdict::Contradicted,
        () if near.is_decided() && near.difference > far.difference => Verdict::Contradicted,
        () if far.is_decided() && near.difference + 2.0 * near.error < 0.5 * far.difference => {
            Verdict::Supported
        }
        () => Verdict::Undecided,
    };
    Measured {
        verdict,
        sentences: vec![
            format!(
                "At first the gate lets {:.4} of the signal through: shortcut-only gating keeps {:.4} of the shortcut, and \
                 exclusive gating {open:.4} of the residual branch.",
                open,
                1.0 - open
            ),
            format!(
                "Test error: shortcut-only gating {} points beside the original ({}), exclusive gating {} points beside \
                 shortcut-only ({}).",
                signed(near.difference),
                noise(&near),
                signed(far.difference),
                noise(&far)
            ),
        ],
        rests_on: rests_on(&rows),
        figure: Some(picture(
            "Test error with gates that begin nearly shut",
            "test error, %",
            &rows,
            errors,
            "The original unit, a gate on the shortcut alone, and one on shortcut and branch, both with a bias of \u{2212}6.",
        )),
    }
}
