//! Whether the steps that a run has done keep their learning rates under another recipe.

use resnet_record::Recipe;

use crate::{Error, Schedule, TrainingPlan};

/// Whether `after` has the rate of `before` at each of the `done` steps.
///
/// # Errors
/// [`Error::OtherRates`] with the first step at which they differ.
pub(crate) fn keeps_rates(
    recipe: &Recipe,
    (before, after): (&Schedule, &Schedule),
    done: u64,
) -> Result<(), Error> {
    match before.parts_from(after, done) {
        None => Ok(()),
        Some(step) => Err(Error::OtherRates {
            done,
            step,
            kind: recipe.schedule.kind(),
            before: before.rate(step),
            after: after.rate(step),
        }),
    }
}

/// Whether a run by `recipe` can go on from a checkpoint that was trained by `written`: a run may have been
/// stopped after its recipe changed and before its next checkpoint.
pub(crate) fn continues(written: &Recipe, recipe: &Recipe, plan: &TrainingPlan, done: u64) -> bool {
    let epoch = plan.schedule.epoch();
    let before = Schedule::new(&written.schedule, written.train.duration.steps(epoch), epoch);
    written.change_to(recipe).is_ok() && keeps_rates(written, (&before, &plan.schedule), done).is_ok()
}
