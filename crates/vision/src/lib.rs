//! Images as networks see them: decoded as Pillow does, resized as Pillow does, transformed as torchvision
//! does, to the byte.

mod augment;
mod batch;
mod direction;
mod error;
mod eval_transform;
#[doc(hidden)]
pub mod fuzzing;
pub mod image;
mod jpeg;
mod normalisation;
pub mod random;
mod resample;

pub use self::image::Image;
pub use augment::{
    Augmentation, ColorJitter, Crop, Decoding, Filling, Key, Mix, PaddedCrop, Policy, RandomErasing,
    TrainTransform,
};
pub use batch::Batch;
pub use direction::{Direction, Flip};
pub use error::Error;
pub use eval_transform::EvalTransform;
pub use normalisation::{Normalisation, parse_rgb};
pub use resample::{Interpolation, resize};
