//! Prints what a training is going to do and to cost, before its first step.

use resnet::{Images, TrainingMemory};
use resnet_models::{Spec, summary};
use resnet_record::Recipe;
use resnet_terminal::{numbers, progress};
use resnet_train::Plan;

/// Prints it on standard error; returns the network's number of parameters. `ahead` is how many batches are
/// made ahead of a step.
///
/// # Errors
/// If the network has no summary.
pub fn print(
    recipe: &Recipe,
    spec: &Spec,
    data: &Images,
    (plan, ahead): (&Plan, usize),
) -> anyhow::Result<u64> {
    // An ImageNet network takes images of any size; this is the one it is trained on.
    let [height, width] = plan.size;
    let spec = &Spec { input: [spec.input[0], height, width], ..spec.clone() };
    let summary = summary::of(spec)?;
    let taken = TrainingMemory::of(spec, plan, ahead, data.bytes())?;
    let line = |label: &str, text: String| progress::labelled(label, &text);

    line("recipe", format!("{}: {}", recipe.name, recipe.about));
    line(
        "model",
        format!(
            "{}: {} parameters, {} multiply-adds per image",
            spec.name,
            numbers::count(summary.parameters as u64),
            numbers::short(summary.multiply_adds)
        ),
    );
    line("data", {
        let [train, validation, test] = [plan.train_images, plan.validation_images, plan.test_images]
            .map(|images| numbers::count(images as u64));
        let held_out =
            if plan.validation_images > 0 { format!(", {validation} to validate") } else { String::new() };
        format!("{} ({}): {train} images to train{held_out}, {test} to test", data.name(), data.origin())
    });
    line("memory", memory(&taken));
    line(
        "training",
        format!(
            "{} of {} images in {}; {}",
            numbers::counted(plan.steps, "step"),
            plan.batch,
            numbers::counted(plan.epochs, "epoch"),
            numbers::counted(resnet_ops::threads() as u64, "thread")
        ),
    );
    if let (Some(paper), Some(error)) = (&recipe.paper, recipe.expected_error) {
        line("expected", format!("{error:.2} % error, {paper}"));
    }
    Ok(summary.parameters as u64)
}

/// Where the memory goes; images that stay in files take none.
fn memory(taken: &TrainingMemory) -> String {
    let TrainingMemory { step, ahead, images, .. } = *taken;
    let in_memory =
        if images > 0 { format!("{} for the data set, ", numbers::bytes(images)) } else { String::new() };
    format!(
        "about {}: {} for a training step, {} for batches made ahead, {in_memory}the rest for the program",
        numbers::bytes(taken.total()),
        numbers::bytes(step),
        numbers::bytes(ahead)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_in_memory_are_named_where_there_are_any() {
        let of = |step, ahead, images| TrainingMemory { step, ahead, images, program: 34_000_000 };
        assert_eq!(
            memory(&of(20_000_000_000, 616_562_688, 0)),
            "about 20.7 GB: 20.0 GB for a training step, 617 MB for batches made ahead, the rest for the program"
        );
        let with_images = memory(&of(100_000_000, 6_000_000, 150_000_000));
        assert!(with_images.starts_with("about 290 MB: ") && with_images.contains("150 MB for the data set"));
    }
}
