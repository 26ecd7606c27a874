//! The learning rate of a recipe over its training.

use anyhow::anyhow;
use resnet_record::Recipe;
use resnet_terminal::numbers::{counted, few_digits};
use resnet_terminal::output::{self, Format};
use resnet_terminal::{plot, text};
use resnet_train::Course;

/// The rates of `recipe`; `images` is how many training images there are, where the data set does not say it.
///
/// # Errors
/// If there are none to train on.
pub fn course(recipe: &Recipe, images: u64) -> anyhow::Result<Course> {
    Course::of(recipe, Some(images))
        .ok_or_else(|| anyhow!("{} has no images to train on; see data.validation", recipe.name))
}

/// Prints the rates as a picture.
///
/// # Errors
/// If standard output cannot be written to.
pub fn show(recipe: &Recipe, course: &Course, format: Format) -> anyhow::Result<()> {
    if format == Format::Json {
        return output::json(course);
    }
    let epochs = course.steps as f64 / course.steps_per_epoch as f64;
    let rate = |rate: Option<&f64>| few_digits(rate.copied().unwrap_or_default());
    let ((peak, highest), first, last) = (course.highest(), course.rates.first(), course.rates.last());
    output::labelled("recipe", &format!("{}: {}", recipe.name, recipe.about))?;
    output::labelled(
        "training",
        &format!(
            "{} of {} images in {}",
            counted(course.steps, "step"),
            course.batch_size,
            counted(epochs.ceil() as u64, "epoch")
        ),
    )?;
    output::labelled(
        course.kind,
        &format!(
            "{} at first, {} at most from step {peak} on, {} at the end",
            rate(first),
            few_digits(highest),
            rate(last)
        ),
    )?;
    output::line(&format!("\n{}", plot::rate(&course.rates, epochs, text::out()).join("\n")))
}
