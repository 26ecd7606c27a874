//! The recipes that are built in, and those in files.

use std::path::Path;

use anyhow::{Context as _, bail};
use resnet_record::Recipe;

use crate::args::TrainArgs;

/// What `cargo xtask train` runs.
pub(crate) const QUICK_START: &str = "quick-start";

/// Name and text of each file in `xtask/recipes`.
const BUILT_IN: [(&str, &str); 10] = [
    ("quick-start", include_str!("../recipes/quick-start.toml")),
    ("cifar10-resnet20-v2", include_str!("../recipes/cifar10-resnet20-v2.toml")),
    ("cifar10-resnet110-v1", include_str!("../recipes/cifar10-resnet110-v1.toml")),
    ("cifar10-resnet110-v2", include_str!("../recipes/cifar10-resnet110-v2.toml")),
    ("cifar10-resnet164-v2", include_str!("../recipes/cifar10-resnet164-v2.toml")),
    ("cifar10-resnet1001-v2", include_str!("../recipes/cifar10-resnet1001-v2.toml")),
    ("cifar100-resnet164-v2", include_str!("../recipes/cifar100-resnet164-v2.toml")),
    ("cifar100-resnet1001-v2", include_str!("../recipes/cifar100-resnet1001-v2.toml")),
    ("imagenet-resnet50-v2", include_str!("../recipes/imagenet-resnet50-v2.toml")),
    ("imagenet-resnet200-v2", include_str!("../recipes/imagenet-resnet200-v2.toml")),
];

/// The recipe that the command line asks for, with its changes.
pub(crate) fn of(args: &TrainArgs) -> anyhow::Result<Recipe> {
    let mut recipe = find(&args.recipe)?;
    let epochs = args.epochs.map(|epochs| format!("train.duration={epochs} epochs"));
    let seed = args.seed.map(|seed| format!("train.seed={seed}"));
    let changes: Vec<String> = args.set.iter().cloned().chain(epochs).chain(seed).collect();
    if !changes.is_empty() {
        recipe.set_all(&changes)?;
    }
    Ok(recipe)
}

/// A built-in recipe by its name, or a file.
fn find(name: &str) -> anyhow::Result<Recipe> {
    if let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
        return Recipe::parse(text, &format!("{name}.toml"))
            .context("a built-in recipe is wrong, which is a bug");
    }
    let path = Path::new(name);
    if path.is_file() || name.ends_with(".toml") || path.components().count() > 1 {
        return Ok(Recipe::load(path)?);
    }
    let names: Vec<&str> = BUILT_IN.iter().map(|(known, _)| *known).collect();
    let nearest =
        names.iter().max_by(|a, b| strsim::jaro_winkler(name, a).total_cmp(&strsim::jaro_winkler(name, b)));
    bail!(
        "there is no recipe {name:?}; did you mean {:?}? Built in are {}; a file of your own is given with its .toml",
        nearest.copied().unwrap_or(QUICK_START),
        names.join(", ")
    )
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
    fn every_file_is_built_in_under_its_name_and_has_a_network() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| {
                entry.unwrap().file_name().into_string().unwrap().trim_end_matches(".toml").to_owned()
            })
            .collect();
        files.sort();
        let mut names: Vec<String> = BUILT_IN.iter().map(|(name, _)| (*name).to_owned()).collect();
        names.sort();
        assert_eq!(files, names);
        for name in names {
            let recipe = find(&name).unwrap();
            assert_eq!(recipe.name, name);
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
