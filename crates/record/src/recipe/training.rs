//! `[train]` and `[optimizer]`: how long, in which batches, by which rule.

use serde::{Deserialize, Serialize};

use crate::Duration;

/// `[train]`: how long, in which batches, and what is evaluated, logged and saved on the way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainRecipe {
    /// How long to train.
    pub duration: Duration,
    /// Images per optimizer step.
    pub batch_size: usize,
    /// The seed of the initial weights, of the order of the images and of their augmentation.
    #[serde(default)]
    pub seed: u64,
    /// The last batch of an epoch, if the images do not fill it.
    #[serde(default)]
    pub last_batch: LastBatch,
    /// The number of epochs between evaluations on the validation images; the last epoch is always evaluated.
    #[serde(default = "one")]
    pub evaluate_every_epochs: u64,
    /// When the test images are evaluated.
    #[serde(default)]
    pub evaluate_test: EvaluateTest,
    /// The number of steps between two lines of metrics.
    #[serde(default = "fifty")]
    pub log_every_steps: u64,
    /// The number of seconds between checkpoints within an epoch; 0 saves only after each epoch.
    #[serde(default = "sixty")]
    pub save_every_seconds: u64,
    /// How many of the latest epochs keep a checkpoint of their own, besides the last and the best.
    #[serde(default)]
    pub keep_checkpoints: u64,
}

fn one() -> u64 {
    1
}

fn fifty() -> u64 {
    50
}

fn sixty() -> u64 {
    60
}

/// The last batch of an epoch, if the images do not fill it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LastBatch {
    /// It is used, smaller than the others (PyTorch's default).
    #[default]
    Keep,
    /// It is dropped (PyTorch's `drop_last=True`); the next epoch draws another order.
    Drop,
}

/// When the test images are evaluated. Whatever is chosen, no weights are ever selected by it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EvaluateTest {
    /// Once, after training, with the weights that are reported.
    #[default]
    AtEnd,
    /// At every evaluation, as in the papers' curves; the record counts how often.
    EachEpoch,
    /// Never, for a search of hyperparameters.
    Never,
}

/// `[optimizer]`: stochastic gradient descent in PyTorch's form.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizerRecipe {
    /// mu in v = mu v + g, from 0 (plain gradient descent) to below 1.
    pub momentum: f64,
    /// Nesterov's form: w = w - lr (g + mu v) in place of w = w - lr v, where g has the weight decay in it.
    #[serde(default)]
    pub nesterov: bool,
    /// L2 penalty: weight_decay * w is added to the gradient of every parameter, norms and biases included,
    /// as in the paper.
    pub weight_decay: f64,
}
