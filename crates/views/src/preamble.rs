//! Prints what a training is going to do and to cost, before its first step.

use resnet::data::names::printable;
use resnet::{Images, Training, TrainingMemory};
use resnet_models::{Spec, summary};
use resnet_terminal::table::{Column, Table};
use resnet_terminal::{numbers, progress, text};
use resnet_train::{Group, Groups};

/// Prints recipe, network, data, memory and length of `training` on standard error. `ahead` is how many
/// batches are made ahead of a step, `processes` how many train together.
///
/// # Errors
/// If the network has no summary, or not the parts that the recipe names.
pub fn preamble(training: &Training, data: &Images, ahead: usize, processes: usize) -> anyhow::Result<()> {
    let (recipe, model, plan) = (training.recipe(), training.network(), training.plan());
    // An ImageNet network takes images of any size; this is the one it is trained on.
    let [height, width] = plan.size;
    let spec = &Spec { input: [model.spec().input[0], height, width], ..model.spec().clone() };
    let summary = summary::of(spec)?;
    let taken = TrainingMemory::of(model, (recipe, plan), processes, ahead, data.bytes())?;
    let groups = Groups::of(recipe, model)?;
    let line = |label: &str, text: String| progress::labelled(label, &text);

    line("recipe", format!("{}: {}", recipe.name, printable(&recipe.about)));
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
    line("memory", memory(&taken, processes));
    line(
        "training",
        format!(
            "{} of {} images in {}; {}",
            numbers::counted(plan.steps, "step"),
            plan.batch,
            numbers::counted(plan.epochs, "epoch"),
            numbers::threads(processes, resnet_ops::threads())
        ),
    );
    if let Some(warning) = plan.schedule.warning() {
        tracing::warn!("{warning}");
    }
    if let (Some(paper), Some(error)) = (&recipe.paper, recipe.expected_error) {
        line("expected", format!("{error:.2} % error, {}", printable(paper)));
    }
    if !groups.is_plain() {
        let lines = trained(groups.parts(), recipe.schedule.lr()).lines(text::err());
        lines.iter().for_each(|line| progress::line(line));
    }
    Ok(())
}

/// The learning rate of each part, or that it is frozen; `rate` is the schedule's highest.
fn trained(groups: &[Group], rate: f64) -> Table {
    let mut table = Table::new([
        Column::text("stage"),
        Column::number("layers"),
        Column::number("parameters"),
        Column::number("learning rate"),
    ]);
    for Group { part, layers, parameters, factor } in groups {
        let rate = factor.map_or("frozen".to_owned(), |factor| numbers::few_digits(rate * factor));
        table.add([part.clone(), numbers::count(*layers as u64), numbers::count(*parameters), rate]);
    }
    table
}

/// Where the memory goes; images that stay in files take none.
fn memory(taken: &TrainingMemory, processes: usize) -> String {
    let TrainingMemory { step, ahead, images, .. } = *taken;
    let in_memory =
        if images > 0 { format!("{} for the data set, ", numbers::bytes(images)) } else { String::new() };
    format!(
        "about {}{}: {} for a training step, {} for batches made ahead, {in_memory}the rest for the program",
        numbers::bytes(taken.total()),
        if processes > 1 { " for each process" } else { "" },
        numbers::bytes(step),
        numbers::bytes(ahead)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_trains_is_told_by_stage() {
        let group =
            |part: &str, parameters, factor| Group { part: part.to_owned(), layers: 2, parameters, factor };
        let groups = [
            group("stem", 9_536, None),
            group("stage1", 215_808, Some(0.5)),
            group("head", 20_490, Some(1.0)),
        ];
        let lines = trained(&groups, 0.01).lines(None);
        let rates: Vec<&str> = lines.iter().filter_map(|line| line.split_whitespace().last()).collect();
        assert_eq!(rates, ["rate", "frozen", "0.005", "0.01"], "{lines:?}");
        assert!(lines[2].contains("215,808"), "{lines:?}");
    }

    #[test]
    fn images_in_memory_are_named_where_there_are_any() {
        let of = |step, ahead, images| TrainingMemory { step, ahead, images, program: 34_000_000 };
        assert_eq!(
            memory(&of(20_000_000_000, 616_562_688, 0), 1),
            "about 20.7 GB: 20.0 GB for a training step, 617 MB for batches made ahead, the rest for the program"
        );
        let with_images = memory(&of(100_000_000, 6_000_000, 150_000_000), 2);
        assert!(
            with_images.starts_with("about 290 MB for each process: ")
                && with_images.contains("150 MB for the data set")
        );
    }
}
