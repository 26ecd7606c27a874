//! What a run that is resumed may find in its folder: files of an interrupted save, and a log that ends
//! before its checkpoint.

use std::fs;
use std::path::Path;

use crate::record::kept_step;
use crate::{Checkpoint, Error, Metric, Recipe, RunRecord};

/// How many letters and digits the name of a temporary file has at its end.
const SUFFIX: usize = 6;
/// The key that says which steps are logged.
const LOG_EVERY: &str = "train.log_every_steps";

/// Removes temporary files of checkpoints, `.last.safetensors.4OuGZx`, which a process leaves that is killed
/// while it saves. The caller holds the folder's lock: otherwise another process may be saving.
pub(crate) fn remove_temporaries(checkpoints: &Path) {
    for file in fs::read_dir(checkpoints).into_iter().flatten().flatten() {
        let is_temporary = file.file_name().to_str().is_some_and(is_temporary);
        if is_temporary && fs::remove_file(file.path()).is_ok() {
            tracing::info!("removed {}, left by a save that was interrupted", file.path().display());
        }
    }
}

/// Removes the checkpoints that were kept of steps after `step`, where the run goes on from: they are of
/// another course than the one that it takes now, and as the latest ones would stay for ever.
pub(crate) fn remove_kept_after(step: u64, checkpoints: &Path) -> Result<(), Error> {
    for file in fs::read_dir(checkpoints).into_iter().flatten().flatten() {
        if file.file_name().to_str().and_then(kept_step).is_some_and(|kept| kept > step) {
            tracing::info!("the run goes on from step {step}: removing {}", file.path().display());
            fs::remove_file(file.path()).map_err(Error::io("remove", file.path()))?;
        }
    }
    Ok(())
}

/// Whether a file has the name of a checkpoint's temporary file.
fn is_temporary(name: &str) -> bool {
    let Some((name, suffix)) = name.strip_prefix('.').and_then(|name| name.rsplit_once('.')) else {
        return false;
    };
    let named = [Checkpoint::Last, Checkpoint::Best, Checkpoint::Final];
    let is_checkpoint = named.iter().any(|which| which.file_name() == name) || kept_step(name).is_some();
    is_checkpoint && suffix.len() == SUFFIX && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// What the metrics of a run lack at their end of the `step` steps and `epochs` closed epochs that its
/// checkpoint holds, in words; `None` if they lack nothing.
pub(crate) fn missing(
    metrics: &[Metric],
    (recipe, record): (&Recipe, &RunRecord),
    (step, epochs): (u64, u64),
) -> Option<String> {
    // Steps that were done before a change of the recipe may have been logged less often.
    let changes = record.changes.iter().flat_map(|change| &change.keys).filter(|one| one.key == LOG_EVERY);
    let spacings = changes.flat_map(|one| one.values()).filter_map(|value| value.parse::<u64>().ok());
    let every = spacings.fold(recipe.train.log_every_steps.max(1), u64::max);
    let should = step - step % every;
    let last = metrics.iter().filter_map(Metric::step).map(|line| line.step).max().unwrap_or(0);
    let closed = metrics.iter().filter_map(|metric| match metric {
        Metric::Epoch(epoch) => Some(epoch.epoch),
        _ => None,
    });
    let last_closed = closed.max().unwrap_or(0);
    match () {
        () if last + 1 == should => Some(format!("step {should}")),
        () if last < should => Some(format!("steps {} to {should}", last + 1)),
        () if last_closed < epochs => Some(format!("the end of epoch {epochs}")),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Difference, RecipeChange, StepMetrics};

    fn step(step: u64) -> Metric {
        Metric::Step(StepMetrics {
            step,
            epoch: 1,
            images: step * 64,
            loss: 0.1,
            rate: 0.1,
            images_per_second: 1.0,
            certificate: None,
        })
    }

    fn epoch(epoch: u64) -> Metric {
        let line = serde_json::json!({
            "event": "epoch", "epoch": epoch, "step": 20, "images": 1, "train_loss": 0.1, "train_top1": 50.0,
            "rate": 0.1, "images_per_second": 1.0, "test_reads": 0
        });
        serde_json::from_value(line).unwrap()
    }

    #[test]
    fn a_log_that_ends_before_its_checkpoint_is_told_from_one_with_a_line_every_few_steps() {
        let mut recipe = Recipe::built_in("quick-start").unwrap();
        recipe.set("train.log_every_steps=5").unwrap();
        let mut record = RunRecord::begin("test", &recipe);
        let lacks = |metrics: &[Metric], record: &RunRecord, done: (u64, u64)| {
            missing(metrics, (&recipe, record), done).unwrap_or_default()
        };
        assert_eq!(lacks(&[], &record, (4, 0)), "");
        assert_eq!(lacks(&[step(5)], &record, (9, 0)), "");
        assert_eq!(lacks(&[step(5)], &record, (21, 0)), "steps 6 to 20");
        assert_eq!(lacks(&[step(5), step(20)], &record, (20, 1)), "the end of epoch 1");
        assert_eq!(lacks(&[step(5), step(20), epoch(1)], &record, (20, 1)), "");
        // Its first steps were logged at every fiftieth.
        let (before, after) = (Some("50".to_owned()), Some("5".to_owned()));
        let key = Difference { key: LOG_EVERY.to_owned(), before, after };
        record.changes.push(RecipeChange { step: 60, at: String::new(), keys: vec![key] });
        assert_eq!(lacks(&[step(50)], &record, (60, 0)), "");
        assert_eq!(lacks(&[step(50)], &record, (110, 0)), "steps 51 to 100");
    }
}
