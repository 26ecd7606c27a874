//! A key in which two recipes differ, and whether a run can go on with it.
//!
//! A recipe says how all of a run was trained, also after a change. So a change is valid if the steps that
//! are done would have been the same under it. Only keys of [`WITHOUT_EFFECT`] and [`WHILE_IT_RUNS`] can do
//! that. Of these, `train.duration` and `[schedule]` also need that no step that is done had another learning
//! rate: the trainer checks it, since it knows the steps. It also checks that `train.patience` only grows.
//! With patience, the epochs that are scored decide when the training ends, so these must stay the same.

use serde::{Deserialize, Serialize};

use super::keys::{EVALUATE_EVERY, WITHOUT_EFFECT};

/// Keys, besides those of [`WITHOUT_EFFECT`], that decide nothing about a step that is done, or only its
/// learning rate. A name with a point at its end is a whole table.
const WHILE_IT_RUNS: [&str; 4] = ["train.duration", "train.patience", "schedule.", EVALUATE_EVERY];

/// A key that has different values in two recipes. A value is `None` where the key is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// The key, with its table.
    pub key: String,
    /// Its value in the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Its value in the second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl Difference {
    /// Its values in the first and in the second recipe; `left out` where a recipe does not have the key.
    ///
    /// ```
    /// let (key, before, after) = ("train.patience".to_owned(), None, Some("5".to_owned()));
    /// assert_eq!(resnet_record::Difference { key, before, after }.values(), ["left out", "5"]);
    /// ```
    pub fn values(&self) -> [&str; 2] {
        [&self.before, &self.after].map(|value| value.as_deref().unwrap_or("left out"))
    }

    /// Whether a run can go on with it, as far as the key alone can tell.
    pub(crate) fn can_change(&self) -> bool {
        let is_allowed = |allowed: &&str| match allowed.strip_suffix('.') {
            Some(table) => self.key.split('.').next() == Some(table),
            None => self.key == *allowed,
        };
        // A run keeps its recipe's name.
        let told = WITHOUT_EFFECT.iter().filter(|key| **key != "name");
        told.chain(&WHILE_IT_RUNS).any(is_allowed)
    }
}
