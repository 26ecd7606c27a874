//! What must hold of the JPEG decoder on any bytes: the body of a fuzz target (tests/fuzz/targets/jpeg.rs).
//!
//! It is here because the decoder is not public, and the public functions above it would hide a fault: an
//! image on which our decoder fails goes to another decoder. The function panics where something that should
//! hold does not.

use crate::jpeg::{self, Jpeg, Scale};
use crate::pixels::{Pixel, Window};

/// Images with more pixels are decoded in part only, so that no input takes seconds.
const MOST_PIXELS: usize = 1 << 20;

/// Checks the JPEG decoder: at each scale an image has the size that its header gives, and a window has the
/// same pixels as that part of the whole image. Returns whether the decoder takes it for an image.
pub fn jpeg(bytes: &[u8]) -> bool {
    let _ = (jpeg::Metadata::read(bytes), jpeg::kind(bytes), jpeg::is_cut(bytes));
    let Ok(jpeg) = Jpeg::open(bytes) else { return false };
    Scale::ALL.into_iter().for_each(|scale| jpeg_at(scale, &jpeg, bytes));
    true
}

fn jpeg_at(scale: Scale, jpeg: &Jpeg<'_>, bytes: &[u8]) {
    let (width, height) = scale.of(jpeg.size());
    assert!(width > 0 && height > 0, "{width} x {height}");
    // Any window will do, as long as it depends on the bytes alone.
    let sum = bytes.iter().fold(17usize, |sum, &byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let (left, top) = (sum % width, (sum >> 16) % height);
    let window: Window =
        (left..width.min(left + 1 + (sum >> 8) % 50), top..height.min(top + 1 + (sum >> 4) % 50));
    let part = jpeg.decode(&window, scale);
    if let Ok(pixels) = &part {
        assert_eq!(pixels.len(), window.0.len() * window.1.len(), "{window:?} of {width} x {height}");
    }
    if width * height > MOST_PIXELS {
        return;
    }
    let Ok(whole) = jpeg.decode(&(0..width, 0..height), scale) else { return };
    assert_eq!(whole.len(), width * height);
    // A window needs no more of the file than the whole image, so it must decode if that does.
    let part =
        part.unwrap_or_else(|_| panic!("{window:?} fails where {width} x {height} does not, {scale:?}"));
    let row = |y: usize| &whole[y * width..][window.0.clone()];
    let expected: Vec<Pixel> = window.1.clone().flat_map(row).copied().collect();
    assert!(part == expected, "{window:?} of {width} x {height} is another image, {scale:?}");
}
