//! Recipes by their names, and as a list with the time that each takes on this machine.

use std::num::NonZeroUsize;
use std::path::Path;

use anyhow::bail;
use resnet_bench::{Probe, Speed, listed, speed_file};
use resnet_record::{BUILT_IN, Recipe};
use resnet_terminal::output::{self, Format};
use resnet_terminal::table::{Column, Table};
use resnet_terminal::{numbers, progress};
use serde_json::json;

/// The recipe that `cargo xtask train` runs if none is named.
pub const QUICK_START: &str = "quick-start";

/// A built-in recipe by its name, or a file.
///
/// # Errors
/// If there is none, with the nearest name; or if the file is no recipe.
pub fn find(name: &str) -> anyhow::Result<Recipe> {
    if let Some(recipe) = Recipe::built_in(name) {
        return Ok(recipe);
    }
    let path = Path::new(name);
    if path.is_file() || name.ends_with(".toml") || path.components().count() > 1 {
        return Ok(Recipe::load(path)?);
    }
    let names: Vec<&str> = BUILT_IN.iter().map(|(known, _)| known.as_str()).collect();
    let nearest =
        names.iter().max_by(|a, b| strsim::jaro_winkler(name, a).total_cmp(&strsim::jaro_winkler(name, b)));
    bail!(
        "there is no recipe {name:?}; did you mean {:?}? `cargo xtask recipes` lists those that are built in; a file of \
         your own is given with its .toml",
        nearest.copied().unwrap_or(QUICK_START)
    )
}

/// The recipe that [`find`] finds, changed by [`change`].
///
/// # Errors
/// As of [`find`] and [`change`].
pub fn changed(name: &str, set: &[String], epochs: Option<NonZeroUsize>) -> anyhow::Result<Recipe> {
    let mut recipe = find(name)?;
    change(&mut recipe, set, epochs)?;
    Ok(recipe)
}

/// Sets keys, each written as `key=value`, and the duration to so many epochs; all are checked together.
///
/// # Errors
/// If a key cannot have its value; the recipe is then as before.
pub fn change(recipe: &mut Recipe, set: &[String], epochs: Option<NonZeroUsize>) -> anyhow::Result<()> {
    let epochs = epochs.map(|epochs| format!("train.duration={epochs} epochs"));
    let changes: Vec<String> = set.iter().cloned().chain(epochs).collect();
    if !changes.is_empty() {
        recipe.set_all(&changes)?;
    }
    Ok(())
}

/// The built-in recipes with a sentence each.
pub fn list() -> String {
    let about = |text: &str| Recipe::parse(text, "").map(|recipe| recipe.about).unwrap_or_default();
    let width = BUILT_IN.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines: Vec<String> =
        BUILT_IN.iter().map(|(name, text)| format!("  {name:width$}  {}", about(text))).collect();
    format!("Recipes:\n{}", lines.join("\n"))
}

/// Prints a built-in recipe as it is written, comments and all; a recipe in a file with its defaults. As JSON
/// each is an object with its defaults.
///
/// # Errors
/// As of [`find`].
pub fn print(name: &str, format: Format) -> anyhow::Result<()> {
    if format == Format::Json {
        return output::json(&find(name)?);
    }
    match BUILT_IN.iter().find(|(known, _)| known == name) {
        Some((_, text)) => output::line(text.trim_end()),
        None => output::line(find(name)?.to_toml()?.trim_end()),
    }
}

/// Whether the speed of this machine is measured again if it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// It is measured if none is kept.
    Once,
    /// It is measured now.
    Anew,
}

/// Prints the built-in recipes with the time that each takes here; `threads` is how many the kernels use
/// already.
///
/// # Errors
/// If the speed cannot be measured, or standard output not be written to.
pub fn show(threads: usize, measure: Measure, format: Format) -> anyhow::Result<()> {
    let speed = speed(threads, measure)?;
    let rows = listed(&speed)?;
    if format == Format::Json {
        return output::json(&json!({ "recipes": rows, "speed": speed }));
    }
    let mut table = Table::new([
        Column::text("recipe"),
        Column::text("published in"),
        Column::number("error"),
        Column::number("time here"),
        Column::text("what it trains").optional(1),
    ]);
    for row in rows {
        let paper = row.paper.unwrap_or_default();
        let place = paper
            .split(':')
            .next()
            .unwrap_or_default()
            .replace("arXiv 1603.05027, ", "")
            .replace("arXiv ", "");
        let time = numbers::long(3600.0 * row.hours);
        let each = row.for_images.map(|images| format!(" / {} images", numbers::count(images)));
        let time = time + &each.unwrap_or_default();
        table.add([row.recipe, place, row.published.unwrap_or_default(), time, row.about]);
    }
    output::print_table(&table)?;
    let of = |probe: &Probe| {
        format!("{} {}/s", probe.model, numbers::short(probe.multiply_adds_per_second as u64))
    };
    output::sentences(&format!(
        "\nTime: the multiply-adds of the training steps at the speed of a probe of the same kind, measured {} ago on {}: {}. \
         --measure measures anew. Evaluation and loading are not in it. A recipe for any folder of images has the time for a thousand of them.\n\
         A table alone is one of arXiv 1603.05027. `cargo xtask recipes NAME` prints a recipe, `cargo xtask schedule NAME` draws its \
         learning rate, `cargo xtask train --recipe NAME` trains by it.",
        numbers::long(speed.age()),
        numbers::counted(speed.threads as u64, "thread"),
        speed.probes.iter().map(of).collect::<Vec<_>>().join(", "),
    ))
}

/// This machine's speed: as it is kept, or measured and kept.
pub(crate) fn speed(threads: usize, measure: Measure) -> anyhow::Result<Speed> {
    let file = speed_file();
    let kept = || Speed::kept(file.as_deref()?, threads);
    if measure == Measure::Once
        && let Some(speed) = kept()
    {
        return Ok(speed);
    }
    progress::line("measuring this machine's speed ...");
    let speed = Speed::measure(threads)?;
    if let Some(error) = file.and_then(|file| speed.keep(&file).err()) {
        tracing::warn!("the speed is not kept: {error:#}");
    }
    Ok(speed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_gets_the_nearest() {
        let message = find("cifar10-resnet20").unwrap_err().to_string();
        assert!(
            message.contains("did you mean \"cifar10-resnet20-v") && message.contains("xtask recipes"),
            "{message}"
        );
        assert!(find("./nowhere/x.toml").unwrap_err().to_string().contains("nowhere/x.toml"));
    }
}
