//! Images as networks see them: decoded as Pillow does, resized as Pillow does, transformed as torchvision
//! does, to the byte.

mod augment;
mod batch;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod jpeg;
mod normalisation;
pub mod picture;
mod preprocess;
pub mod random;
mod resample;

pub use augment::{
    Augmentation, ColourJitter, Crop, Decoding, Direction, Erasing, Filling, Flip, Key, Mix,
    PhotoAugmentation, Policy, View,
};
pub use batch::Batch;
pub use error::Error;
pub use normalisation::{Normalisation, parse_rgb};
pub use picture::Picture;
pub use preprocess::Preprocess;
pub use resample::{Interpolation, resize};
