//! Keys and names that more than one crate puts into files.

/// Metadata key of the recipe, as TOML.
pub const RECIPE: &str = "recipe";
/// Metadata key of what was measured of the weights, as JSON.
pub const METRICS: &str = "metrics";
/// Metadata key of where a training stands, as JSON; only in a checkpoint to resume from.
pub const TRAINING_STATE: &str = "training_state";
/// What the names of an optimizer's tensors begin with.
pub const OPTIMIZER: &str = "optimizer.";
/// What an optimizer's velocity is called: this, then the name of its variable.
pub const MOMENTUM: &str = "optimizer.momentum.";
