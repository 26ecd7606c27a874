//! The recipes that come with the program: the files of `crates/record/recipes`.

use crate::Recipe;

/// (name, TOML) of each built-in recipe, the one to begin with first.
pub const BUILT_IN: [(&str, &str); 10] = [
    ("quick-start", include_str!("../../recipes/quick-start.toml")),
    ("cifar10-resnet20-v2", include_str!("../../recipes/cifar10-resnet20-v2.toml")),
    ("cifar10-resnet110-v1", include_str!("../../recipes/cifar10-resnet110-v1.toml")),
    ("cifar10-resnet110-v2", include_str!("../../recipes/cifar10-resnet110-v2.toml")),
    ("cifar10-resnet164-v2", include_str!("../../recipes/cifar10-resnet164-v2.toml")),
    ("cifar10-resnet1001-v2", include_str!("../../recipes/cifar10-resnet1001-v2.toml")),
    ("cifar100-resnet164-v2", include_str!("../../recipes/cifar100-resnet164-v2.toml")),
    ("cifar100-resnet1001-v2", include_str!("../../recipes/cifar100-resnet1001-v2.toml")),
    ("imagenet-resnet50-v2", include_str!("../../recipes/imagenet-resnet50-v2.toml")),
    ("imagenet-resnet200-v2", include_str!("../../recipes/imagenet-resnet200-v2.toml")),
];

impl Recipe {
    /// The built-in recipe of this name; `None` if there is none.
    ///
    /// ```
    /// let recipe = resnet_record::Recipe::built_in("cifar10-resnet110-v2").expect("a built-in recipe");
    /// assert_eq!(recipe.expected_error, Some(6.37));
    /// ```
    pub fn built_in(name: &str) -> Option<Recipe> {
        let (_, text) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
        // A test reads all of them, so none is wrong.
        Recipe::parse(text, &format!("{name}.toml")).ok()
    }
}
