//! What of a run's recipe may change while the run goes on.

use std::collections::BTreeMap;

use super::keys::{EVALUATE_EVERY, WITHOUT_EFFECT};
use crate::{Difference, Error, Recipe};

impl Recipe {
    /// The keys in which `other` differs.
    ///
    /// ```
    /// let short = resnet_record::Recipe::built_in("quick-start").expect("a built-in recipe");
    /// let mut long = short.clone();
    /// long.set("train.duration=9 epochs")?;
    /// let differences = short.differences(&long);
    /// assert_eq!(differences[0].key, "train.duration");
    /// assert_eq!(differences[0].after.as_deref(), Some("9 epochs"));
    /// # Ok::<(), resnet_record::Error>(())
    /// ```
    pub fn differences(&self, other: &Recipe) -> Vec<Difference> {
        let (before, after) = (self.flat(), other.flat());
        let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
        keys.sort();
        keys.dedup();
        let differs = keys.into_iter().filter(|key| before.get(*key) != after.get(*key));
        let of = |key: &String| Difference {
            key: key.clone(),
            before: before.get(key).cloned(),
            after: after.get(key).cloned(),
        };
        differs.map(of).collect()
    }

    /// The keys that change when a run of this recipe goes on by `changed`.
    ///
    /// # Errors
    /// [`Error::Fixed`] with the keys that cannot change while it runs.
    pub fn change_to(&self, changed: &Recipe) -> Result<Vec<Difference>, Error> {
        let differences = self.differences(changed);
        let is_patient = self.train.patience > 0 || changed.train.patience > 0;
        let is_fixed = |one: &&Difference| !one.can_change() || is_patient && one.key == EVALUATE_EVERY;
        let fixed: Vec<Difference> = differences.iter().filter(is_fixed).cloned().collect();
        if fixed.is_empty() { Ok(differences) } else { Err(Error::Fixed { fixed }) }
    }

    /// Whether the result of a training by this recipe is the same, whatever value `key` has: every step, and
    /// the weights that are reported.
    ///
    /// ```
    /// let mut recipe = resnet_record::Recipe::built_in("quick-start").expect("a built-in recipe");
    /// assert!(recipe.is_without_effect("train.log_every_steps"));
    /// // Only an epoch that is scored on the validation images can be the best.
    /// assert!(!recipe.is_without_effect("train.evaluate_every_epochs"));
    /// recipe.set("data.validation=0")?;
    /// assert!(recipe.is_without_effect("train.evaluate_every_epochs"));
    /// # Ok::<(), resnet_record::Error>(())
    /// ```
    pub fn is_without_effect(&self, key: &str) -> bool {
        WITHOUT_EFFECT.contains(&key) || key == EVALUATE_EVERY && self.data.validation == 0
    }

    /// Every key that is set with its value as text, in dotted form: `train.batch_size` is `128`.
    pub fn flat(&self) -> BTreeMap<String, String> {
        fn walk(prefix: &str, table: &toml::Table, into: &mut BTreeMap<String, String>) {
            for (key, value) in table {
                let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                match value {
                    toml::Value::Table(inner) => walk(&key, inner, into),
                    toml::Value::String(text) => _ = into.insert(key, text.clone()),
                    other => _ = into.insert(key, other.to_string()),
                }
            }
        }
        let mut keys = BTreeMap::new();
        // A validated recipe can be written.
        walk("", &toml::Table::try_from(self).unwrap_or_default(), &mut keys);
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_the_steps_done_as_they_are_can_change() {
        let before = Recipe::built_in("quick-start").unwrap();
        for assignment in [
            "train.duration=9 epochs",
            "train.log_every_steps=1",
            "train.save_every_seconds=0",
            "train.keep_checkpoints=3",
            "train.evaluate_every_epochs=5",
            "train.recompute=units",
            "train.evaluate_test=never",
            "schedule.lr=0.2",
            "schedule.warmup={lr=0.01,duration=\"1 epoch\"}",
            "about=Another sentence.",
        ] {
            let mut after = before.clone();
            after.set(assignment).unwrap();
            let changes = before.change_to(&after).unwrap_or_else(|error| panic!("{assignment}: {error}"));
            assert!(!changes.is_empty(), "{assignment}");
        }
        for (assignment, words) in [
            ("train.seed=7", "train.seed is 0"),
            ("train.batch_size=32", "train.batch_size is 64"),
            ("optimizer.weight_decay=0.0", "optimizer.weight_decay is 0.0001"),
            ("augmentation.mixup=0.2", "augmentation.mixup is left out"),
            ("data.validation=400", "data.validation is 500"),
            ("stages.freeze_until=stem", "stages.freeze_until is left out"),
            ("model.name=resnet14-v2", "model.name is resnet8-v2"),
        ] {
            let mut after = before.clone();
            after.set(assignment).unwrap();
            let message = before.change_to(&after).unwrap_err().to_string();
            assert!(message.contains(words), "{assignment}: {message}");
        }
        // With patience, the epochs that are scored decide when the training ends.
        let patient = |every: u64| {
            let mut recipe = before.clone();
            recipe.set_all(&["train.patience=5", &format!("train.evaluate_every_epochs={every}")]).unwrap();
            recipe
        };
        let message = patient(1).change_to(&patient(5)).unwrap_err().to_string();
        assert!(message.starts_with("train.evaluate_every_epochs is 1;"), "{message}");
    }
}
