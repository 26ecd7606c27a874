//! Settings of a training besides its recipe, and how it ends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use resnet_record::Results;

use crate::{AllReduce, Alone};

/// Settings besides the recipe. With one process none of them changes the result. With several, sums round in
/// another order, and without `train.sync_bn` each batch norm sees its own part of a batch.
#[derive(Debug, Clone)]
pub struct Options {
    /// Setting it to true, in a signal handler for instance, stops the training before the next batch (with
    /// several processes, the next step) or within an evaluation; `last.safetensors` is written then.
    pub stop: Arc<AtomicBool>,
    /// Entries for the metadata of every checkpoint, such as the model's name and its classes.
    pub metadata: BTreeMap<String, String>,
    /// Threads that prepare batches; 2 by default.
    pub workers: usize,
    /// The number of batches prepared ahead; 4 by default.
    pub prefetch: usize,
    /// Whether each step looks for numbers that are not finite.
    pub anomalies: Anomalies,
    /// What the training is for.
    pub purpose: Purpose,
    /// The processes that train together. Each has its own part of every batch. The first keeps the run;
    /// those of the others are [`Run::kept_elsewhere`](resnet_record::Run::kept_elsewhere).
    pub processes: Arc<dyn AllReduce>,
}

/// What a training is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Purpose {
    /// Trained weights and their scores.
    #[default]
    Results,
    /// A look at its steps: nothing is scored and no checkpoint written, and each step has a certificate.
    Replay,
}

/// Whether a training looks for numbers that are not finite before they reach the loss.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Anomalies {
    /// Only the loss of each step is checked, and weights before they are saved.
    #[default]
    Ignore,
    /// Each layer's output is looked at before each step, and each weight after it: the training ends where
    /// the first NaN or infinity arises. A step takes about a third longer.
    Detect,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            stop: Arc::default(),
            metadata: BTreeMap::new(),
            workers: 2,
            prefetch: 4,
            anomalies: Anomalies::Ignore,
            purpose: Purpose::Results,
            processes: Arc::new(Alone),
        }
    }
}

/// How a training ended, if not by an error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// All steps are done and the results are in the record; the model holds the reported weights.
    Finished(Results),
    /// It was stopped, and can resume from `last.safetensors`. A [`Purpose::Replay`] always ends so, but
    /// saves nothing.
    Interrupted {
        /// Steps done.
        step: u64,
    },
}
