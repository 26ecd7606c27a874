//! Dropout of single elements, figure 2(f), drawn by counter: no mask is stored, since the backward pass
//! draws the same elements again.
//!
//! ```text
//! y = x / keep where the draw is below keep, else 0
//! ```
//!
//! Plain loops over the elements of one image at a time, which the compiler vectorises for each instruction
//! set; the draws are whole numbers, so all sets give the same bits.

use crate::elementwise::chunked;
use crate::simd::{Isa, Kernel, Simd, dispatch};

/// Maps a counter to 64 random bits, as SplitMix64 does (Steele, Lea, Flood 2014).
#[inline(always)]
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
pub fn dropout(isa: Isa, keys: &[u64], keep: f64, x: &[f32], out: &mut [f32]) {
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
    chunked(out, |range, mut out| {
        // A chunk may begin within an image, and end within another one.
        let mut start = range.start;
        while !out.is_empty() {
            let place = start % image_len;
            let (of_image, rest) = out.split_at_mut(out.len().min(image_len - place));
            let x = &x[start..start + of_image.len()];
            start += of_image.len();
            let counter = keys[(start - 1) / image_len].wrapping_add(place as u64);
            dispatch(isa, Drop { counter, threshold, factor, x, out: of_image });
            out = rest;
        }
    });
}

/// Elements of one image, the first of which draws with `counter`.
struct Drop<'a> {
    counter: u64,
    threshold: u64,
    factor: f32,
    x: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Drop<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        for (place, (out, &x)) in (0u64..).zip(self.out.iter_mut().zip(self.x)) {
            let draw = mix(self.counter.wrapping_add(place)) >> 32;
            *out = if draw < self.threshold { x * self.factor } else { 0.0 };
        }
    }
}
