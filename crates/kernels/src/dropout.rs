//! Dropout of single elements, figure 2(f), drawn by counter: no mask is stored, since the backward pass
//! draws the same elements again.
//!
//! ```text
//! y = x / keep where the draw is below keep, else 0
//! ```

use crate::elementwise::chunked;

/// Maps a counter to 64 random bits, as SplitMix64 does (Steele, Lea, Flood 2014).
pub fn mix(counter: u64) -> u64 {
    let z = counter.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// `out = x / keep` where an element is kept, else 0, with a key for each image in `keys`. An element is kept
/// with probability `keep`; the draw depends only on its image's key and its place in the image. With `dy` in
/// place of `x` this is the backward pass.
///
/// # Panics
/// If lengths differ, `x` is not `keys.len()` images of one size, or `keep` is not in `(0, 1]`.
pub fn dropout(keys: &[u64], keep: f64, x: &[f32], out: &mut [f32]) {
    assert_eq!(x.len(), out.len(), "dropout: shapes differ");
    assert!(keep > 0.0 && keep <= 1.0, "dropout: elements are kept with a probability in (0, 1], not {keep}");
    if x.is_empty() {
        return;
    }
    assert!(!keys.is_empty(), "dropout: images without keys");
    let (len, image_len) = (x.len(), x.len() / keys.len());
    assert_eq!(image_len * keys.len(), len, "dropout: images of different size");
    // So many of the 2^32 equally probable draws keep an element.
    let threshold = (keep * (1u64 << 32) as f64).round() as u64;
    let factor = (1.0 / keep) as f32;
    chunked(out, |range, out| {
        for (index, out) in range.zip(out) {
            let draw = mix(keys[index / image_len].wrapping_add((index % image_len) as u64));
            *out = if draw >> 32 < threshold { x[index] * factor } else { 0.0 };
        }
    });
}
