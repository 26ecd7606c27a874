//! `[train]`: how long, in which batches.

use serde::{Deserialize, Serialize};

use super::defaults::{is_default, is_one, one};
use crate::{Duration, Scores};

/// `[train]`: how long, in which batches, and what is evaluated, logged and saved on the way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainRecipe {
    /// How long to train.
    pub duration: Duration,
    /// Images of a batch, which go through the network together.
    pub batch_size: usize,
    /// Batches of an optimizer step, whose gradients are averaged over all of their images. The last step of
    /// an epoch has those that are left.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub grad_accum_steps: u64,
    /// The seed of the initial weights, of the order of the images and of their augmentation.
    #[serde(default)]
    pub seed: u64,
    /// The last batch of an epoch, if the images do not fill it.
    #[serde(default)]
    pub last_batch: LastBatch,
    /// The number of epochs between evaluations on the validation images; the last epoch is always evaluated.
    #[serde(default = "one")]
    pub evaluate_every_epochs: u64,
    /// Which validation score makes an epoch the best.
    #[serde(default, skip_serializing_if = "is_default")]
    pub best_by: BestBy,
    /// The number of epochs without a better one after which the training ends; 0 never ends it early.
    #[serde(default, skip_serializing_if = "is_default")]
    pub patience: u64,
    /// When the test images are evaluated.
    #[serde(default)]
    pub evaluate_test: EvaluateTest,
    /// The number of steps between two lines of metrics; 50 by default.
    #[serde(default = "fifty")]
    pub log_every_steps: u64,
    /// The number of seconds between checkpoints within an epoch, 60 by default; 0 saves only after each
    /// epoch.
    #[serde(default = "sixty")]
    pub save_every_seconds: u64,
    /// Training images from which running statistics are estimated anew before weights are evaluated; 0
    /// evaluates with those of training.
    #[serde(default, skip_serializing_if = "is_default")]
    pub update_bn_images: u64,
    /// Whether the batch norms of several processes normalise by the statistics of the whole batch; otherwise
    /// each does by those of its part. One process always has the whole batch.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sync_bn: bool,
    /// What a step computes again instead of keeping it in memory; the results are the same.
    #[serde(default, skip_serializing_if = "is_default")]
    pub recompute: Recompute,
    /// How many of the latest epochs keep a checkpoint of their own, besides the last and the best.
    #[serde(default)]
    pub keep_checkpoints: u64,
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

/// What a step computes again in its backward pass instead of keeping it in memory from the forward pass on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recompute {
    /// As much as is needed to keep a step within 4 GiB; nothing, if it fits as it is.
    #[default]
    Auto,
    /// Nothing.
    Never,
    /// Every other sum `x + F(x)` of bottleneck units: a third less memory for a tenth more time.
    Sums,
    /// All that is inside of units: the least memory, for one forward pass more.
    Units,
}

/// Which validation score makes an epoch the best. Of epochs with equal scores the earlier one is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BestBy {
    /// The highest accuracy.
    #[default]
    Top1,
    /// The lowest mean loss, which also tells apart epochs of the same accuracy.
    Loss,
}

impl BestBy {
    /// Whether `scores` are better than `best`.
    pub fn is_better(self, scores: &Scores, best: &Scores) -> bool {
        match self {
            BestBy::Top1 => scores.top1_correct > best.top1_correct,
            BestBy::Loss => scores.loss < best.loss,
        }
    }
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
