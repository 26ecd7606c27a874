//! `[stages]`: which parts of the network train, and how fast.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::defaults::{is_default, is_one};

/// `[stages]`: which parts of the network train, and how fast. The parts of a residual network are called
/// `stem`, `stage1`, `stage2` and so on, and `head`, which is all that follows the last stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StagesRecipe {
    /// The last part, counted from the stem, whose parameters do not train. Left out, all of them do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freeze_until: Option<String>,
    /// What becomes of batch norm's running statistics in the parts that do not train.
    #[serde(skip_serializing_if = "is_default")]
    pub frozen_norms: FrozenNorms,
    /// Each part's learning rate is the next part's times this, 1 by default; the head has the schedule's.
    #[serde(skip_serializing_if = "is_one")]
    pub lr_decay: f64,
    /// The share of the schedule's learning rate by part; parts that are not listed have all of it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub lr_factors: BTreeMap<String, f64>,
}

impl Default for StagesRecipe {
    fn default() -> Self {
        let (freeze_until, frozen_norms, lr_factors) = (None, FrozenNorms::default(), BTreeMap::new());
        StagesRecipe { freeze_until, frozen_norms, lr_decay: 1.0, lr_factors }
    }
}

/// What becomes of batch norm's running statistics in parts that do not train.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FrozenNorms {
    /// They stay as they are, and batch norm normalises by them while the rest trains. So a frozen part gives
    /// the same features as before, whatever else is in the batch. Keras and timm do it so.
    #[default]
    Stay,
    /// Batch norm goes on to normalise by each batch's statistics and to update the running ones, so that a
    /// frozen part adapts to the new images. PyTorch does it so where only `requires_grad` is off.
    Move,
}
