//! The learning rate of a recipe over its training.

use anyhow::{anyhow, bail};
use resnet::data::names::printable;
use resnet_record::{LastBatch, Recipe};
use resnet_terminal::numbers::{count, counted, few_digits};
use resnet_terminal::output::{self, Format};
use resnet_terminal::{plot, text};
use resnet_train::LearningRates;

/// The most steps whose rates are computed; they take 160 MB.
const MOST_STEPS: u64 = 20_000_000;

/// The rates of `recipe`; `images` is how many training images there are, where the data set does not say it.
///
/// # Errors
/// If there are none to train on, or more steps than can be drawn.
pub fn learning_rates(recipe: &Recipe, images: u64) -> anyhow::Result<LearningRates> {
    let steps = recipe.epoch_size(Some(images)).map_or(0, |epoch| recipe.train.duration.steps(epoch));
    if steps > MOST_STEPS {
        bail!(
            "{} trains for {} steps, and the rates of at most {} are drawn; choose a shorter train.duration",
            recipe.name,
            count(steps),
            count(MOST_STEPS)
        );
    }
    let planned = LearningRates::of(recipe, Some(images)).ok_or_else(|| anyhow!(no_steps(recipe, images)))?;
    if let Some(warning) = &planned.warning {
        tracing::warn!("{warning}");
    }
    Ok(planned)
}

/// Why an epoch of `recipe` has no step.
fn no_steps(recipe: &Recipe, images: u64) -> String {
    let mut kept = recipe.clone();
    kept.train.last_batch = LastBatch::Keep;
    let Recipe { name, train, .. } = recipe;
    match kept.epoch_size(Some(images)) {
        Some(epoch) => format!(
            "{name} has {} images to train on, which do not fill a batch of {}, and train.last_batch = \"drop\" leaves it \
             out; choose a smaller train.batch_size",
            count(epoch.images),
            count(train.batch_size as u64)
        ),
        None => format!("{name} has no images to train on; see data.validation"),
    }
}

/// Prints the rates as a picture.
///
/// # Errors
/// If standard output cannot be written to.
pub fn show_schedule(recipe: &Recipe, planned: &LearningRates, format: Format) -> anyhow::Result<()> {
    if format == Format::Json {
        return output::json(planned);
    }
    let epochs = planned.steps as f64 / planned.steps_per_epoch as f64;
    let rate = |rate: Option<&f64>| few_digits(rate.copied().unwrap_or_default());
    let ((peak, highest), first, last) = (planned.highest(), planned.rates.first(), planned.rates.last());
    output::labelled("recipe", &format!("{}: {}", recipe.name, printable(&recipe.about)))?;
    output::labelled(
        "training",
        &format!(
            "{} of {} images in {}, schedule {}",
            counted(planned.steps, "step"),
            planned.batch_size,
            counted(epochs.ceil() as u64, "epoch"),
            planned.kind
        ),
    )?;
    output::labelled(
        "learning rate",
        &format!(
            "{} at first, {} at most from step {peak} on, {} at the end",
            rate(first),
            few_digits(highest),
            rate(last)
        ),
    )?;
    output::line(&format!("\n{}", plot::rate(&planned.rates, epochs, text::out()).join("\n")))
}
