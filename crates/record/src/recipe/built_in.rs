//! The recipes that come with the program: the files of `crates/record/recipes`.
//!
//! A file is one recipe, or a family: keys that all its recipes share, and a table `[[recipes]]` for each
//! recipe with its own keys, which override the shared ones.

use std::sync::LazyLock;

use serde::Deserialize as _;
use toml::{Table, Value};

use crate::Recipe;

/// (name, TOML) of each file, in the order of the list.
const FILES: [(&str, &str); 10] = [
    ("quick-start", include_str!("../../recipes/quick-start.toml")),
    ("cifar10-fast", include_str!("../../recipes/cifar10-fast.toml")),
    ("fine-tune", include_str!("../../recipes/fine-tune.toml")),
    ("cifar10-resnet20-v2", include_str!("../../recipes/cifar10-resnet20-v2.toml")),
    ("cifar10-paper", include_str!("../../recipes/cifar10-paper.toml")),
    ("cifar100-paper", include_str!("../../recipes/cifar100-paper.toml")),
    ("imagenet-resnet50-v2", include_str!("../../recipes/imagenet-resnet50-v2.toml")),
    ("imagenet-paper", include_str!("../../recipes/imagenet-paper.toml")),
    ("imagenet-resnet50-timm", include_str!("../../recipes/imagenet-resnet50-timm.toml")),
    ("imagenet-resnet50-torchvision", include_str!("../../recipes/imagenet-resnet50-torchvision.toml")),
];

/// The key of a family's recipes.
const FAMILY: &str = "recipes";

/// (name, TOML) of each built-in recipe, the one to begin with first.
pub static BUILT_IN: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    // A test reads all of them, so none is wrong.
    FILES.iter().flat_map(|(_, text)| members(text).unwrap_or_default()).collect()
});

/// The recipes of a file, each under its name.
fn members(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut shared: Table = text.parse().map_err(|error| format!("{error}"))?;
    let named = |name: Option<&Value>| name.and_then(Value::as_str).map(str::to_owned).ok_or("no name");
    let Some(family) = shared.remove(FAMILY) else {
        return Ok(vec![(named(shared.get("name"))?, text.to_owned())]);
    };
    let comment: String = text.split_inclusive('\n').take_while(|line| line.starts_with("# ")).collect();
    let family = family.as_array().ok_or("recipes is no list")?.iter();
    let whole = family.map(|own| {
        let mut table = shared.clone();
        lay_over(&mut table, own.as_table().ok_or("a recipe is no table")?);
        let recipe = Recipe::deserialize(table).map_err(|error| error.to_string())?;
        let text = recipe.to_toml().map_err(|error| error.to_string())?;
        Ok((recipe.name, format!("{comment}{text}")))
    });
    whole.collect()
}

/// Lays `own` over `table`: tables key by key, everything else as a whole. A value in the place of another's
/// table replaces it.
fn lay_over(table: &mut Table, own: &Table) {
    for (key, value) in own {
        match (table.get_mut(key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => lay_over(below, above),
            _ => {
                table.insert(key.clone(), value.clone());
            }
        }
    }
}

impl Recipe {
    /// The built-in recipe of this name; `None` if there is none.
    ///
    /// ```
    /// let recipe = resnet_record::Recipe::built_in("cifar10-resnet110-v2").expect("a built-in recipe");
    /// assert_eq!(recipe.expected_error, Some(6.37));
    /// ```
    pub fn built_in(name: &str) -> Option<Recipe> {
        let (_, text) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
        Recipe::parse(text, &format!("{name}.toml")).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_one_recipe_of_its_name_or_a_family() {
        for (stem, text) in FILES {
            let members = members(text).unwrap_or_else(|cause| panic!("{stem}: {cause}"));
            assert!(members.len() > 2 || members[0].0 == stem, "{stem}: {}", members.len());
            for (name, text) in members {
                let recipe = Recipe::parse(&text, &name).unwrap_or_else(|error| panic!("{error}"));
                assert_eq!(recipe.name, name);
            }
        }
        let mut files: Vec<String> = FILES.iter().map(|(stem, _)| format!("{stem}.toml")).collect();
        files.sort();
        let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/recipes")).unwrap();
        let mut there: Vec<String> =
            folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        there.sort();
        assert_eq!(there, files);
    }

    #[test]
    fn no_two_recipes_have_one_name() {
        let mut names: Vec<&String> = BUILT_IN.iter().map(|(name, _)| name).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn what_is_laid_over_a_table_leaves_its_other_keys() {
        let mut table: Table = "a = 1\n[b]\nc = 2\nd = [3, 4]".parse().unwrap();
        lay_over(&mut table, &"b.d = [5]\nb.e = 6".parse().unwrap());
        assert_eq!(table, "a = 1\nb = { c = 2, d = [5], e = 6 }".parse().unwrap());
    }
}
