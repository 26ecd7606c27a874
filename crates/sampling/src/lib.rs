//! Which samples an epoch shows, and in which order: a function of seed and epoch alone.
//!
//! | file | what it is for |
//! |---|---|
//! | `sampler.rs` | [`Sampler`]: how often an epoch draws each sample |
//! | `balanced.rs` | [`Balanced`]: as many samples of each class |
//! | `passes.rs` | draws out of pass after pass over the same samples |
//! | `order.rs` | [`mixed`], [`mixed_in_blocks`]: the order in which an epoch shows them |
//!
//! A sample is a number here. This crate knows no image, no file and no batch.

mod balanced;
mod order;
mod passes;
mod sampler;

pub use balanced::Balanced;
pub use order::{WINDOW, mixed, mixed_in_blocks};
pub use sampler::{Sampler, Sampling};

/// One showing of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Draw {
    /// The sample.
    pub sample: u32,
    /// The number of this showing among all showings of the sample in the training, from 0; if every epoch
    /// shows all samples, the epoch. It keys the augmentation, so a sample that is shown twice in an epoch is
    /// augmented in two ways.
    pub pass: u64,
}

/// What each random stream of this crate decides. The numbers must differ from those of `resnet-vision` and
/// `resnet-data`.
mod purposes {
    use resnet_vision::random::Purpose;

    /// The order of samples in an epoch.
    pub(crate) const ORDER: Purpose = Purpose::new(1);
    /// The order of a class's samples.
    pub(crate) const CLASS: Purpose = Purpose::new(5);
    /// The order of samples of which an epoch repeats some.
    pub(crate) const REPEATED: Purpose = Purpose::new(6);
    /// The order of a step's showings, where samples are shown several times.
    pub(crate) const SHOWINGS: Purpose = Purpose::new(7);
}
