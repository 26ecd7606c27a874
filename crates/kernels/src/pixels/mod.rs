//! Integer kernels on the bytes of images: the inverse transform of JPEG's blocks, and the weighted sums of
//! resizing.
//!
//! What they compute is pinned to the bit, by libjpeg-turbo and by Pillow. So each has a portable form, which
//! is its definition, and one for AVX2, which tests hold to the same bits.

mod blend;
mod inverse_dct;

pub use blend::{FRACTION, RowTaps, blend_row};
pub use inverse_dct::{inverse_dct, place};
