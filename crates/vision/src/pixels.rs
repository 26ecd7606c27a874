//! Pixels as this crate computes with them, and windows of an image.

use std::ops::Range;

/// Columns and rows of an image.
pub(crate) type Window = (Range<usize>, Range<usize>);

/// Red, green, blue and an unused byte: a pixel of 32 bits fills a lane of a vector.
pub(crate) type Pixel = [u8; 4];

/// All columns and rows of an image.
pub(crate) fn whole((width, height): (usize, usize)) -> Window {
    (0..width, 0..height)
}

/// The pixels in `window` of interleaved RGB with rows of `width` pixels.
pub(crate) fn cut(pixels: &[u8], width: usize, (columns, rows): &Window) -> Vec<Pixel> {
    let mut out = Vec::with_capacity(columns.len() * rows.len());
    for y in rows.clone() {
        let row = &pixels[3 * (y * width + columns.start)..3 * (y * width + columns.end)];
        out.extend(row.as_chunks::<3>().0.iter().map(|&[r, g, b]| [r, g, b, 0]));
    }
    out
}

/// Appends pixels to `out` as interleaved RGB, one byte per channel.
pub(crate) fn append_rgb(pixels: &[Pixel], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + 3 * pixels.len(), 0);
    let (eights, rest) = pixels.as_chunks::<8>();
    let (whole, last) = out[start..].split_at_mut(24 * eights.len());
    for (pixels, out) in eights.iter().zip(whole.as_chunks_mut::<24>().0) {
        let [a, b, c, d, e, f, g, h] =
            pixels.map(|[r, g, b, _]| u64::from_le_bytes([r, g, b, 0, 0, 0, 0, 0]));
        let three = [a | b << 24 | c << 48, c >> 16 | d << 8 | e << 32 | f << 56, f >> 8 | g << 16 | h << 40];
        out.copy_from_slice(three.map(u64::to_le_bytes).as_flattened());
    }
    for (&[r, g, b, _], out) in rest.iter().zip(last.as_chunks_mut::<3>().0) {
        *out = [r, g, b];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fourth_byte_is_left_out() {
        for length in 0..20 {
            let pixels: Vec<Pixel> = (0..length).map(|i| [7 * i, 255 - i, i, 99]).collect();
            let mut out = vec![1, 2];
            append_rgb(&pixels, &mut out);
            let expected = [1, 2].into_iter().chain(pixels.iter().flat_map(|&[r, g, b, _]| [r, g, b]));
            assert!(out.iter().copied().eq(expected), "{length}");
        }
    }
}
