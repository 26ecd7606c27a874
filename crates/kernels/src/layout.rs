//! Conversion between candle's layout (NCHW) and the kernels' own (NHWC): `y[n, p, c] = x[n, c, p]`.
//!
//! Reference: `resnet_reference::nchw_to_nhwc`.

use crate::parallel::for_each_chunk;
use crate::size::floats;

/// Pixels transposed at a time, so that both sides stay in the first-level cache.
const BLOCK: usize = 64;

/// `[N, C, H*W]` to `[N, H*W, C]`.
///
/// # Panics
/// If a slice's length is not `images * channels * pixels`.
pub fn nchw_to_nhwc(from: &[f32], to: &mut [f32], images: usize, channels: usize, pixels: usize) {
    transpose(from, to, images, channels, pixels);
}

/// `[N, H*W, C]` to `[N, C, H*W]`.
///
/// # Panics
/// If a slice's length is not `images * channels * pixels`.
pub fn nhwc_to_nchw(from: &[f32], to: &mut [f32], images: usize, channels: usize, pixels: usize) {
    transpose(from, to, images, pixels, channels);
}

/// `images` matrices of `rows x cols`, each transposed.
fn transpose(from: &[f32], to: &mut [f32], images: usize, rows: usize, cols: usize) {
    assert_eq!(from.len(), floats("layout", &[images, rows, cols]), "layout: input of another shape");
    assert_eq!(to.len(), from.len(), "layout: output of another shape");
    let size = rows * cols;
    for_each_chunk(to, size, |image, to| {
        let from = &from[image * size..][..size];
        for first_row in (0..rows).step_by(BLOCK) {
            for first_col in (0..cols).step_by(BLOCK) {
                for row in first_row..rows.min(first_row + BLOCK) {
                    for col in first_col..cols.min(first_col + BLOCK) {
                        to[col * rows + row] = from[row * cols + col];
                    }
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for (images, channels, pixels) in [(1, 1, 1), (2, 3, 35), (3, 65, 130), (1, 16, 1024)] {
            let from: Vec<f32> = (0..images * channels * pixels).map(|i| i as f32).collect();
            let (mut to, mut back) = (vec![0.0; from.len()], vec![0.0; from.len()]);
            nchw_to_nhwc(&from, &mut to, images, channels, pixels);
            let last = images - 1;
            assert_eq!(
                to[last * channels * pixels + channels - 1],
                from[last * channels * pixels + (channels - 1) * pixels]
            );
            nhwc_to_nchw(&to, &mut back, images, channels, pixels);
            assert_eq!(from, back);
        }
    }
}
