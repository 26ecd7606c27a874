//! Keys and names in files that more than one crate uses.

/// Metadata key of the recipe, as TOML.
pub const RECIPE: &str = "recipe";
/// Metadata key of the measured scores, as JSON.
pub const METRICS: &str = "metrics";
/// Metadata key of the state of a training, as JSON; only in a checkpoint to resume from.
pub const TRAINING_STATE: &str = "training_state";
/// The prefix of the names of an optimizer's tensors.
pub const OPTIMIZER: &str = "optimizer.";
/// The prefix of the name of an optimizer's velocity; the name of its variable follows.
pub const MOMENTUM: &str = "optimizer.momentum.";
