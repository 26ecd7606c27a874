//! Finds a recipe by its name: built in, or in a file.

use std::num::NonZeroUsize;
use std::path::Path;

use anyhow::bail;
use resnet_record::{BUILT_IN, Recipe};

/// What `cargo xtask train` runs.
pub(crate) const QUICK_START: &str = "quick-start";

/// A built-in recipe by its name, or a file.
pub(crate) fn find(name: &str) -> anyhow::Result<Recipe> {
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
        "there is no recipe {name:?}; did you mean {:?}? Built in are {}; a file of your own is given with its .toml",
        nearest.copied().unwrap_or(QUICK_START),
        names.join(", ")
    )
}

/// The same with changes, checked together.
pub(crate) fn changed(name: &str, set: &[String], epochs: Option<NonZeroUsize>) -> anyhow::Result<Recipe> {
    let mut recipe = find(name)?;
    change(&mut recipe, set, epochs)?;
    Ok(recipe)
}

/// Carries out `--set` and `--epochs`.
pub(crate) fn change(
    recipe: &mut Recipe,
    set: &[String],
    epochs: Option<NonZeroUsize>,
) -> anyhow::Result<()> {
    let epochs = epochs.map(|epochs| format!("train.duration={epochs} epochs"));
    let changes: Vec<String> = set.iter().cloned().chain(epochs).collect();
    if !changes.is_empty() {
        recipe.set_all(&changes)?;
    }
    Ok(())
}

/// The built-in recipes, for the help.
pub(crate) fn list() -> String {
    let about = |text: &str| Recipe::parse(text, "").map(|recipe| recipe.about).unwrap_or_default();
    let width = BUILT_IN.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines: Vec<String> =
        BUILT_IN.iter().map(|(name, text)| format!("  {name:width$}  {}", about(text))).collect();
    format!("Recipes:\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_recipe_has_a_network() {
        for (name, _) in BUILT_IN.iter() {
            let recipe = find(name).unwrap();
            resnet_models::registry::find(&recipe.model.name, recipe.classes().unwrap_or(1000)).unwrap();
        }
    }

    #[test]
    fn an_unknown_name_gets_the_nearest_and_the_list() {
        let message = find("cifar10-resnet20").unwrap_err().to_string();
        assert!(
            message.contains("did you mean \"cifar10-resnet20-v2\"?") && message.contains("quick-start"),
            "{message}"
        );
        assert!(find("./nowhere/x.toml").unwrap_err().to_string().contains("nowhere/x.toml"));
    }
}
