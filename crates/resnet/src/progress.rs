//! The progress of downloads: the hub's trait, or in a build without the feature `hub` the same trait, which
//! nothing calls.

#[cfg(feature = "hub")]
pub use resnet_hub::{NoProgress, Progress};

#[cfg(not(feature = "hub"))]
pub use without_hub::{NoProgress, Progress};

/// What `resnet_hub` has, so that who implements it compiles with the feature and without.
#[cfg(not(feature = "hub"))]
mod without_hub {
    /// Receives the progress of downloads, one file after the other. In a build without the feature `hub`
    /// there are none.
    pub trait Progress: Send + Sync {
        /// A download of `total_bytes` begins; `label` names the file.
        fn start(&self, label: &str, total_bytes: u64);
        /// `bytes` more have arrived.
        fn advance(&self, bytes: u64);
        /// The file is complete.
        fn finish(&self);
    }

    /// Ignores all reports.
    #[derive(Clone, Copy, Debug, Default)]
    pub struct NoProgress;

    impl Progress for NoProgress {
        fn start(&self, _label: &str, _total_bytes: u64) {}
        fn advance(&self, _bytes: u64) {}
        fn finish(&self) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A build with any features takes it.
    struct Silent;

    impl Progress for Silent {
        fn start(&self, label: &str, total_bytes: u64) {
            NoProgress.start(label, total_bytes);
        }

        fn advance(&self, bytes: u64) {
            NoProgress.advance(bytes);
        }

        fn finish(&self) {
            NoProgress.finish();
        }
    }

    #[test]
    fn a_feature_changes_no_trait() {
        let silent: &dyn Progress = &Silent;
        silent.start("model.safetensors", 3);
        silent.advance(3);
        silent.finish();
    }
}
