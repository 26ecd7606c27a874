//! Random draws by counter, for stochastic depth and dropout.
//!
//! Nothing is drawn from a generator with a state: what training step `k` draws depends on a key, `k` and the
//! image's place in the batch alone, so that a resumed training draws what an uninterrupted one would have.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use resnet_kernels::dropout::mix;

/// A stream of random draws, indexed by training step and image. Clones share the count of steps.
#[derive(Debug, Clone)]
pub struct Draws {
    key: u64,
    taken: Arc<AtomicU64>,
}

impl Draws {
    /// The stream of this key, at step 0. Other keys draw other numbers.
    pub fn new(key: u64) -> Self {
        Draws { key, taken: Arc::default() }
    }

    /// The stream of the unit whose parameters lie at `path`, such as `layer1.0`. Each path has draws of its
    /// own, the same in every run. Its key is [`path_key`].
    pub fn of_path(path: &str) -> Self {
        Draws::new(path_key(path))
    }

    /// Training steps taken so far, which is the number that the next step draws with.
    pub fn steps(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Goes on from step `steps`, as after an interruption.
    pub fn set_steps(&self, steps: u64) {
        self.taken.store(steps, Ordering::Relaxed);
    }

    /// Begins a training step and returns its number, counted from 0.
    pub(crate) fn next_step(&self) -> u64 {
        self.taken.fetch_add(1, Ordering::Relaxed)
    }

    /// 64 random bits for the image at `image` in step `step`.
    pub(crate) fn bits(&self, step: u64, image: usize) -> u64 {
        mix(mix(self.key ^ mix(step)).wrapping_add(image as u64))
    }

    /// A number in `[0, 1)`, as [`Draws::bits`].
    pub(crate) fn uniform(&self, step: u64, image: usize) -> f64 {
        (self.bits(step, image) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// FNV-1a of 64 bits: a number for the path of a parameter or of a layer, the same on every machine.
pub fn path_key(path: &str) -> u64 {
    path.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vectors of FNV's authors (draft-eastlake-fnv, "Test vectors").
    #[test]
    fn keys_of_paths_are_fnv_1a() {
        let vectors =
            [("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8)];
        for (path, key) in vectors {
            assert_eq!(path_key(path), key, "{path:?}");
        }
    }
}
