//! What a training is going to do and cost, told before its first step.

use resnet_models::{Spec, summary};
use resnet_record::Recipe;
use resnet_train::Plan;

use crate::data::Data;
use crate::{output, progress};

/// What the program itself takes, batches made ahead included, in bytes; measured.
const PROGRAM: u64 = 40_000_000;

/// Prints it on standard error; returns the network's number of parameters.
pub(crate) fn print(recipe: &Recipe, spec: &Spec, data: &Data, plan: &Plan) -> anyhow::Result<u64> {
    let mut spec = spec.clone();
    if let Some(photos) = &recipe.photos {
        // A network for photographs takes any size; this is the one it is trained on.
        spec.input = [spec.input[0], photos.side, photos.side];
    }
    let spec = &spec;
    let summary = summary::of(spec)?;
    let training = summary::training_bytes(spec, plan.batch)? as u64;
    let line = |label: &str, text: String| progress::line(&format!("{label:<16}{text}"));

    line("recipe", format!("{}: {}", recipe.name, recipe.about));
    line(
        "model",
        format!(
            "{}: {} parameters, {} multiply-adds a picture",
            spec.name,
            output::count(summary.parameters as u64),
            output::short(summary.multiply_adds)
        ),
    );
    line("data", {
        let [train, validation, test] = [plan.train_images, plan.validation_images, plan.test_images]
            .map(|images| output::count(images as u64));
        let held_out =
            if plan.validation_images > 0 { format!(", {validation} to validate") } else { String::new() };
        format!("{} ({}): {train} images to train{held_out}, {test} to test", data.name(), data.origin())
    });
    line(
        "memory",
        format!(
            "about {}: {} for a training step, {} of images, the rest is the program",
            output::bytes(training + data.bytes() + PROGRAM),
            output::bytes(training),
            output::bytes(data.bytes())
        ),
    );
    line(
        "training",
        format!(
            "{} of {} images in {}; {}",
            output::counted(plan.steps, "step"),
            plan.batch,
            output::counted(plan.epochs, "epoch"),
            output::counted(resnet_ops::threads() as u64, "thread")
        ),
    );
    if let (Some(paper), Some(error)) = (&recipe.paper, recipe.expected_error) {
        line("expected", format!("{error:.2} % error, {paper}"));
    }
    Ok(summary.parameters as u64)
}
