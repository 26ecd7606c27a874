//! What is measured: which work on which network, how many images at a time, on how many threads.

use std::num::NonZeroUsize;

use resnet_models::{Model, Spec, registry};
use resnet_ops::Recompute;

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Forward, loss, backward and SGD with momentum and weight decay.
    Train,
    /// Forward with running statistics.
    Infer,
}

impl Work {
    /// Its word for workers and scripts: "train", "infer".
    pub fn name(self) -> &'static str {
        match self {
            Work::Train => "train",
            Work::Infer => "infer",
        }
    }
}

/// What is measured, of us and of a peer alike.
#[derive(Debug)]
pub struct Subject {
    /// What a step does.
    pub work: Work,
    /// The network.
    pub spec: Spec,
    /// Images per step.
    pub batch: usize,
    /// Threads that compute.
    pub threads: usize,
    /// What the backward pass of a training step computes again instead of keeping it in memory.
    pub recompute: Recompute,
}

impl Subject {
    /// `work` on the network called `model`, with its usual number of classes; without a `batch`, 128 images
    /// for a network of CIFAR's size and 16 for one of ImageNet's.
    ///
    /// # Errors
    /// If there is no such network.
    pub fn new(
        work: Work,
        model: &str,
        batch: Option<NonZeroUsize>,
        threads: usize,
    ) -> anyhow::Result<Subject> {
        let spec = find(model)?;
        let batch = batch.map_or_else(|| default_batch(&spec), NonZeroUsize::get);
        Ok(Subject { work, spec, batch, threads, recompute: Recompute::Auto })
    }

    /// The same work on one thread.
    pub(crate) fn on_one_thread(&self) -> Subject {
        Subject { threads: 1, spec: self.spec.clone(), ..*self }
    }

    /// The network, with fresh weights.
    pub(crate) fn model(&self) -> candle_core::Result<Model> {
        let mut model = Model::init(&self.spec, 0)?;
        model.network_mut().set_recompute(self.recompute);
        Ok(model)
    }

    /// The arguments that every worker takes.
    pub fn arguments(&self) -> Vec<String> {
        let (batch, threads) = (self.batch.to_string(), self.threads.to_string());
        [self.work.name(), "--model", &self.spec.name, "--batch", &batch, "--threads", &threads]
            .map(str::to_owned)
            .into()
    }
}

/// A network with its usual number of classes.
pub(crate) fn find(model: &str) -> anyhow::Result<Spec> {
    Ok(registry::find(model, registry::usual_classes(model))?)
}

/// Images per step unless the caller says: 128 on CIFAR, as in the paper; 16 on ImageNet, to save memory.
pub(crate) fn default_batch(spec: &Spec) -> usize {
    if spec.input[1] <= 32 { 128 } else { 16 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_told_all_of_it() {
        let subject = Subject::new(Work::Infer, "resnet20-v2", None, 3).unwrap();
        assert_eq!(subject.arguments().join(" "), "infer --model resnet20-v2 --batch 128 --threads 3");
        assert_eq!(Subject::new(Work::Train, "resnet20-v2", NonZeroUsize::new(2), 1).unwrap().batch, 2);
        assert!(Subject::new(Work::Train, "resnet21-v2", None, 1).is_err());
    }
}
