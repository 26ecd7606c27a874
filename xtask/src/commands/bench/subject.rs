//! What is measured: which work on which network, how many images at a time, on how many threads.

use std::num::NonZeroUsize;

use resnet_models::{Spec, registry};

use crate::args::Work;

/// What is measured unless the command line says otherwise.
const MODEL: &str = "resnet20-v2";

/// One question to ask of us and of a peer.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) work: Work,
    pub(super) spec: Spec,
    pub(super) batch: usize,
    pub(super) threads: usize,
}

impl Subject {
    pub(super) fn new(
        work: Work,
        model: Option<&str>,
        batch: Option<NonZeroUsize>,
        threads: usize,
    ) -> anyhow::Result<Subject> {
        let spec = find(model.unwrap_or(MODEL))?;
        let batch = batch.map_or_else(|| default_batch(&spec), NonZeroUsize::get);
        Ok(Subject { work, spec, batch, threads })
    }

    /// The same work on one thread.
    pub(super) fn on_one_thread(&self) -> Subject {
        Subject { threads: 1, spec: self.spec.clone(), ..*self }
    }

    /// The options that every worker takes.
    pub(super) fn options(&self) -> Vec<String> {
        let (batch, threads) = (self.batch.to_string(), self.threads.to_string());
        [self.work.name(), "--model", &self.spec.name, "--batch", &batch, "--threads", &threads]
            .map(str::to_owned)
            .into()
    }
}

/// A network with its usual number of classes.
pub(super) fn find(model: &str) -> anyhow::Result<Spec> {
    Ok(registry::find(model, registry::usual_classes(model))?)
}

/// The paper's batch on CIFAR; what fits beside everything else on ImageNet.
pub(super) fn default_batch(spec: &Spec) -> usize {
    if spec.input[1] <= 32 { 128 } else { 16 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_told_all_of_it() {
        let subject = Subject::new(Work::Infer, None, None, 3).unwrap();
        assert_eq!(subject.options().join(" "), "infer --model resnet20-v2 --batch 128 --threads 3");
        assert_eq!(Subject::new(Work::Train, None, NonZeroUsize::new(2), 1).unwrap().batch, 2);
        assert!(Subject::new(Work::Train, Some("resnet21-v2"), None, 1).is_err());
    }
}
