//! What a training is going to do and cost, told before its first step.

use resnet::Images;
use resnet_models::{Spec, summary};
use resnet_record::Recipe;
use resnet_train::Plan;

use crate::{numbers, progress};

/// What the program itself takes, in bytes; measured.
const PROGRAM: u64 = 34_000_000;

/// Prints it on standard error; returns the network's number of parameters. `ahead` is how many batches are
/// made ahead of a step.
pub(crate) fn print(
    recipe: &Recipe,
    spec: &Spec,
    data: &Images,
    (plan, ahead): (&Plan, usize),
) -> anyhow::Result<u64> {
    // An ImageNet network takes images of any size; this is the one it is trained on.
    let [height, width] = plan.size;
    let spec = &Spec { input: [spec.input[0], height, width], ..spec.clone() };
    let summary = summary::of(spec)?;
    let training = summary::training_bytes(spec, plan.batch)? as u64;
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
    line("memory", memory(training, ahead_bytes(plan, ahead), data.bytes()));
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

/// Bytes of the batches that are made ahead of a step: an image is three channels of f32.
fn ahead_bytes(plan: &Plan, ahead: usize) -> u64 {
    let [height, width] = plan.size;
    let batches = (ahead as u64).min(plan.steps_per_epoch);
    batches * (plan.batch * 3 * height * width * size_of::<f32>()) as u64
}

/// Where the memory goes, in bytes; images that stay in files take none.
fn memory(training: u64, ahead: u64, images: u64) -> String {
    let in_memory =
        if images > 0 { format!("{} for the data set, ", numbers::bytes(images)) } else { String::new() };
    format!(
        "about {}: {} for a training step, {} for batches made ahead, {in_memory}the rest for the program",
        numbers::bytes(training + ahead + images + PROGRAM),
        numbers::bytes(training),
        numbers::bytes(ahead)
    )
}

#[cfg(test)]
mod tests {
    use resnet_train::Schedule;

    use super::*;

    #[test]
    fn memory_counts_the_batches_that_are_made_ahead() {
        let recipe =
            Recipe::parse(include_str!("../../crates/record/recipes/imagenet-resnet50-v2.toml"), "").unwrap();
        let epoch = resnet_record::EpochSize { images: 1_281_167, steps: 5_005 };
        let plan = Plan {
            steps: 450_450,
            steps_per_epoch: 5_005,
            epochs: 90,
            batch: 256,
            smallest_batch: 143,
            size: [224, 224],
            train_images: 1_281_167,
            validation_images: 0,
            test_images: 50_000,
            selection: resnet_record::Selection::of(&recipe),
            schedule: Schedule::new(&recipe.schedule, 450_450, epoch),
            done: 0,
        };
        // 4 x 256 x 3 x 224 x 224 numbers of four bytes.
        assert_eq!(ahead_bytes(&plan, 4), 616_562_688);
        assert_eq!(
            memory(20_000_000_000, 616_562_688, 0),
            "about 20.7 GB: 20.0 GB for a training step, 617 MB for batches made ahead, the rest for the program"
        );
        // An epoch of one batch has no more ahead.
        assert_eq!(ahead_bytes(&Plan { steps_per_epoch: 1, ..plan }, 4), 154_140_672);
        let with_images = memory(100_000_000, 6_000_000, 150_000_000);
        assert!(with_images.starts_with("about 290 MB: ") && with_images.contains("150 MB for the data set"));
    }
}
