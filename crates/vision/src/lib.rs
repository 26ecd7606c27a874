//! Images as networks see them: decoded and resized as Pillow does it, transformed as torchvision does it, to
//! the byte.
//!
//! Checkpoints were trained on what Pillow makes of a JPEG file and on torchvision's crops of it. A network
//! that sees slightly other pixels scores slightly worse; so this crate reproduces theirs.
//!
//! ```
//! use resnet_vision::image::{Encoded, decode_bytes};
//! use resnet_vision::{EvalTransform, Interpolation, Normalisation, resize};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let bytes = std::fs::read("tests/pillow/colour.jpg")?;
//!
//! // Decoded and resized, every byte as in Pillow.
//! let image = decode_bytes(&bytes, "colour.jpg")?;
//! let small = resize(&image, (12, 8), Interpolation::Bilinear);
//! assert_eq!((small.width, small.height), (12, 8));
//!
//! // The input of a network, of which only the part that is seen is decoded.
//! let transform = EvalTransform {
//!     resize: 16,
//!     crop: 14,
//!     interpolation: Interpolation::Bicubic,
//!     normalisation: Normalisation::IMAGENET,
//! };
//! let input = transform.apply_encoded(&Encoded::open(&bytes, "colour.jpg")?)?;
//! assert_eq!(input.len(), 3 * 14 * 14);
//! # Ok(())
//! # }
//! ```
//!
//! # The life of an image
//!
//! From the bytes of a file to a row of a [`Batch`]:
//!
//! 1. **Header.** [`image::Encoded::open`] recognises the format by the first bytes (`image/formats.rs`),
//!    reads the size and the orientation (`jpeg/headers.rs`, `image/exif.rs`, `image/metadata.rs`), and
//!    refuses files that are cut off or too large. No pixel is decoded yet.
//! 2. **Crop.** [`TrainTransform`] draws the part of the image that is shown from the streams of its [`Key`]
//!    (`augment/crop.rs`); [`EvalTransform`] takes the centre. Resizing knows which input pixels that part
//!    depends on (`resample/taps.rs`).
//! 3. **Decoding of that window.** A JPEG file's Huffman codes (`jpeg/scan.rs`, or `jpeg/coefficients.rs` if
//!    it is progressive), inverse transform (`jpeg/block.rs`) and colours (`jpeg/colour.rs`) are computed for
//!    the window alone. Other formats are decoded whole, by the `image` crate (`image/elsewhere.rs`), and
//!    corrected where Pillow's pixels differ (`image/gif.rs`, `image/bmp.rs`, `image/tiff.rs`). The result
//!    stays as samples, without colour conversion, until pixels are asked for (`image/part.rs`); these are
//!    turned upright (`image/orientation.rs`).
//! 4. **Resizing**, rows then columns, in whole numbers (`resample.rs`). Mirroring is part of it: the weights
//!    of the columns are taken in the opposite order, which costs nothing (`direction.rs`).
//! 5. **Policy:** RandAugment's or TrivialAugment's operations on bytes. `augment/policy.rs` draws
//!    torchvision's, `augment/rand_augment.rs` timm's; `operation.rs`, `geometry.rs` and `colour.rs` there
//!    carry them out.
//! 6. **Colour jitter**, on bytes (`augment/light.rs`).
//! 7. **Normalisation:** bytes become numbers, one plane per channel (`normalisation.rs`). From here on, 0 is
//!    the mean colour.
//! 8. **Lighting**, AlexNet's shift along the principal components of colour (`augment/light.rs`).
//! 9. **Random erasing** (`augment/erase.rs`).
//! 10. **Mixing:** whole batches, and their targets, may be blended by mixup or CutMix (`augment/mix.rs`).
//!
//! Evaluation has steps 1 to 4 and 7 only. CIFAR's images need no decoding: [`PaddedCrop`] normalises, pads,
//! crops and mirrors them in one pass.
//!
//! # What this crate must not know
//!
//! Files, folders and data sets: it takes bytes and a name for messages. Labels have no meaning here, and
//! there are no threads, no network and no tensors. All randomness comes from a [`Key`], so that a row is the
//! same in whatever order and thread it is computed.
//!
//! # Files
//!
//! | file | |
//! |---|---|
//! | `image.rs` | [`Image`], and functions for whole images: decode, verify, write as PNG |
//! | `image/encoded.rs`, `image/part.rs` | an image whose header was read; a decoded part of it |
//! | `image/formats.rs` | formats by their first bytes, and the extensions of files |
//! | `image/elsewhere.rs`, `gif.rs`, `bmp.rs`, `tiff.rs` | formats that the `image` crate decodes, with Pillow's pixels |
//! | `image/exif.rs`, `metadata.rs`, `orientation.rs` | EXIF's orientation, where it is stored, and how an image is turned |
//! | `image/mark.rs` | [`image::PngMark`]: what tells pictures of ours from others |
//! | `image/decode_time.rs` | how long decoding took |
//! | `image/picture.rs` | [`image::Picture`]: what a network saw, as a data URL for pages |
//! | `jpeg/` | a JPEG decoder for windows of an image, to the bit as libjpeg |
//! | `resample.rs`, `resample/taps.rs` | Pillow's resizing, and its weights |
//! | `eval_transform.rs` | [`EvalTransform`]: resize, centre crop, normalise; ten-crop testing |
//! | `augment/train_transform.rs` | [`TrainTransform`]: the steps of a training image in their order |
//! | `augment/crop.rs` | random resized crops, scale augmentation |
//! | `augment/policy.rs`, `rand_augment.rs` | torchvision's RandAugment and TrivialAugment, timm's RandAugment |
//! | `augment/operation.rs`, `geometry.rs`, `colour.rs` | their operations |
//! | `augment/light.rs`, `erase.rs`, `mix.rs` | colour jitter and lighting; random erasing; mixup and CutMix |
//! | `augment/padded_crop.rs` | [`Augmentation`] and [`PaddedCrop`], the papers' augmentation for CIFAR |
//! | `augment/key.rs`, `purposes.rs` | [`Key`], and what each random stream decides |
//! | `pixels.rs` | pixels as they are computed with, and windows of an image |
//! | `random.rs` | random streams that are named by what they decide |
//! | `direction.rs` | [`Direction`] and [`Flip`] |
//! | `normalisation.rs` | [`Normalisation`] |
//! | `batch.rs`, `error.rs` | [`Batch`], [`enum@Error`] |
//! | `fuzzing.rs` | what must hold of the JPEG decoder on any bytes |

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
mod pixels;
pub mod random;
mod resample;

pub use self::image::Image;
pub use augment::{
    Augmentation, ColorJitter, Crop, Decoding, Filling, Key, Mix, PaddedCrop, Policy, RandAugment,
    RandomErasing, TrainTransform,
};
pub use batch::Batch;
pub use direction::{Direction, Flip};
pub use error::Error;
pub use eval_transform::EvalTransform;
pub use normalisation::{Normalisation, parse_rgb};
pub use resample::{Interpolation, InterpolationChoice, resize};
