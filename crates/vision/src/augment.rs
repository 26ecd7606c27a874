//! Augmentation: the random changes that are made to a training image each time it is shown.

mod colour;
mod crop;
mod erase;
mod geometry;
mod key;
mod light;
mod mix;
mod operation;
mod padded_crop;
mod policy;
mod purposes;
mod rand_augment;
mod train_transform;

pub use crop::Crop;
pub use erase::{Filling, RandomErasing};
pub use key::Key;
pub use light::ColorJitter;
pub use mix::Mix;
pub use padded_crop::{Augmentation, PaddedCrop};
pub use policy::Policy;
pub use rand_augment::RandAugment;
pub use train_transform::{Decoding, TrainTransform};
