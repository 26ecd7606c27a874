//! Another recipe for a run that has begun: longer, or with other keys that leave its steps as they were.
//!
//! A recipe says how all of a run was trained, so there is one rule: under the new recipe, every step that is
//! done would have been the same. `resnet_record` knows which keys may change. This file checks the learning
//! rates: it compares both schedules at every step that is done. So a constant, multistep or exponential
//! schedule can be lengthened, and so can cosines in cycles of a length of their own. A cosine, polynomial or
//! one-cycle schedule that ends with the training cannot, and neither can a warm-up given in percent.
//! `train.patience` can only grow: with less of it the training might have ended before.

use resnet_record::{Difference, Recipe, Run};

use crate::same_rates::keeps_rates;
use crate::state::State;
use crate::{Error, TrainingData, TrainingPlan, resumes_from};

/// Gives the run the recipe `changed`, and records that; returns what changed.
///
/// A finished run that becomes longer is unfinished then. The run's log, checkpoints and count of readings of
/// the test labels stay.
///
/// # Errors
/// If the steps that are done would have been others under the new recipe, or if it has fewer steps than
/// that; or if the run's checkpoint cannot be used. Nothing is changed then.
pub fn change_recipe(
    run: &mut Run,
    changed: &Recipe,
    data: &dyn TrainingData,
) -> Result<Vec<Difference>, Error> {
    let before = run.recipe().clone();
    let differences = before.change_to(changed)?;
    if differences.is_empty() {
        return Ok(differences);
    }
    let (old, new) = (TrainingPlan::new(&before, data)?, TrainingPlan::new(changed, data)?);
    let last = resumes_from(run)?;
    if last.is_none() && run.record().results.is_some() {
        let (file, left) = (run.folder().last_checkpoint(), run.folder().weights_left());
        return Err(Error::CheckpointGone { file, left });
    }
    let state = last.map(|file| State::read(&file)).transpose()?;
    let done = state.as_ref().map_or(0, |state| state.step);
    keeps_rates(&before, (&old.schedule, &new.schedule), done)?;
    let refused = |cause: String| Err(Error::Setup(cause));
    if new.steps < done {
        return refused(format!("{done} steps are done, and the new recipe has only {}", new.steps));
    }
    if run.record().results.is_some() && new.steps == done {
        return refused(format!(
            "all {done} steps of the new recipe are done already; make the training longer"
        ));
    }
    let still_ends = |state: &State| state.has_lost_patience(changed, new.epochs);
    if run.record().results.is_some() && state.as_ref().is_some_and(still_ends) {
        return refused(format!(
            "the training ended early by train.patience = {}, and would end at once again; raise train.patience as well",
            changed.train.patience
        ));
    }
    let [had, has] = [&before, changed].map(|recipe| recipe.train.patience);
    if done > 0 && has > 0 && (had == 0 || has < had) {
        return refused(format!(
            "{done} steps are done with train.patience = {had}, and with {has} the training might have ended before; a run \
             can only become more patient"
        ));
    }
    let has_ended = state.is_some_and(|state| state.steps_in_epoch == 0 && done == old.steps);
    if has_ended && new.steps > done && !done.is_multiple_of(old.steps_per_epoch) {
        return refused(format!(
            "the training ended within an epoch, at step {done} with {} steps an epoch, and that epoch is closed; only \
             a training of whole epochs can be lengthened once it has ended",
            old.steps_per_epoch
        ));
    }
    Ok(run.change_recipe(changed, done)?)
}
