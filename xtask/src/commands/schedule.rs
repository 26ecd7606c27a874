//! `schedule`: draws a recipe's learning rate over the training.

use anyhow::anyhow;
use resnet_train::Course;

use crate::args::ScheduleArgs;
use crate::numbers::{counted, significant};
use crate::output::{self, Format};
use crate::{recipes, text};

pub(crate) fn run(args: &ScheduleArgs) -> anyhow::Result<()> {
    let recipe = recipes::changed(&args.recipe, &args.set, args.epochs)?;
    let course = Course::of(&recipe, Some(args.images.get()))
        .ok_or_else(|| anyhow!("{} has no training images; see data.validation", recipe.name))?;
    if let Some(file) = &args.svg {
        let svg =
            resnet_report::schedule_svg((&course.recipe, course.kind), &course.rates, course.steps_per_epoch);
        resnet_report::write_chart(file, &svg)?;
    }
    if args.format.get() == Format::Json {
        return output::json(&course);
    }
    let epochs = course.steps as f64 / course.steps_per_epoch as f64;
    let (peak, highest) = course.highest();
    let last = course.rates.last().copied().unwrap_or_default();
    output::labelled("recipe", &format!("{}: {}", recipe.name, recipe.about))?;
    let of_images = format!(
        "{} of {} images in {}",
        counted(course.steps, "step"),
        course.batch_size,
        counted(epochs.ceil() as u64, "epoch")
    );
    output::labelled("training", &of_images)?;
    let (first, last) = (significant(course.rates.first().copied().unwrap_or_default()), significant(last));
    let rates =
        format!("{first} at first, {} at most from step {peak} on, {last} at the end", significant(highest));
    output::labelled(course.kind, &rates)?;
    output::line(&format!("\n{}", resnet_terminal::plot::rate(&course.rates, epochs, text::out()).join("\n")))
}
