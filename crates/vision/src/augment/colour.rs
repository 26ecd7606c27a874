//! Changes of colour, in Pillow's arithmetic to the byte: what `ImageEnhance` and `ImageOps` do.

use crate::pixels::Pixel;

/// The brightness of a pixel, with the channel weights of Pillow's conversion to grey (ITU-R BT.601, in 16
/// fractional bits).
fn grey([r, g, b, _]: Pixel) -> u8 {
    ((u32::from(r) * 19_595 + u32::from(g) * 38_470 + u32::from(b) * 7_471 + 0x8000) >> 16) as u8
}

/// Blends from `from` (factor 0) to `to` (factor 1); larger factors extrapolate.
fn blend(from: u8, to: u8, factor: f32) -> u8 {
    // A cast clips and truncates, as Pillow does.
    (f32::from(from) + factor * (f32::from(to) - f32::from(from))) as u8
}

fn blend_pixel(from: [u8; 3], pixel: &mut Pixel, factor: f32) {
    for c in 0..3 {
        pixel[c] = blend(from[c], pixel[c], factor);
    }
}

/// Changes the brightness: the result is black at factor 0 and the image itself at 1.
pub(super) fn brightness(pixels: &mut [Pixel], factor: f32) {
    pixels.iter_mut().for_each(|pixel| blend_pixel([0; 3], pixel, factor));
}

/// Changes the contrast: the result is uniform grey, the image's mean brightness, at factor 0 and the image
/// itself at 1.
pub(super) fn contrast(pixels: &mut [Pixel], factor: f32) {
    let sum: u64 = pixels.iter().map(|&pixel| u64::from(grey(pixel))).sum();
    let mean = (sum as f64 / pixels.len() as f64 + 0.5) as u8;
    pixels.iter_mut().for_each(|pixel| blend_pixel([mean; 3], pixel, factor));
}

/// Changes the saturation: the result is grey at factor 0 and the image itself at 1.
pub(super) fn saturation(pixels: &mut [Pixel], factor: f32) {
    pixels.iter_mut().for_each(|pixel| blend_pixel([grey(*pixel); 3], pixel, factor));
}

/// Changes the sharpness: the result is smoothed at factor 0 and the image itself at 1. Pixels on the border
/// stay as they are.
pub(super) fn sharpness(pixels: &mut [Pixel], width: usize, factor: f32) {
    let original = pixels.to_vec();
    let height = pixels.len() / width;
    for y in 1..height.saturating_sub(1) {
        for x in 1..width.saturating_sub(1) {
            let smooth: [u8; 3] = std::array::from_fn(|c| {
                let at = |x: usize, y: usize| f32::from(original[y * width + x][c]);
                let around =
                    (y - 1..=y + 1).flat_map(|y| (x - 1..=x + 1).map(move |x| at(x, y))).sum::<f32>();
                // Weight 5 in the middle and 1 around it; a half is added to round.
                ((around + 4.0 * at(x, y)) / 13.0 + 0.5) as u8
            });
            blend_pixel(smooth, &mut pixels[y * width + x], factor);
        }
    }
}

/// Keeps the upper `bits` of each byte.
pub(super) fn posterize(pixels: &mut [Pixel], bits: u32) {
    let mask = !(0xffu32 >> bits.min(8)) as u8;
    map_channels(pixels, |_, byte| byte & mask);
}

/// Inverts the bytes that are at least `threshold`.
pub(super) fn solarize(pixels: &mut [Pixel], threshold: f64) {
    map_channels(pixels, |_, byte| if f64::from(byte) < threshold { byte } else { 255 - byte });
}

/// Adds to the bytes below 128, up to 255.
pub(super) fn solarize_add(pixels: &mut [Pixel], amount: u8) {
    map_channels(pixels, |_, byte| if byte < 128 { byte.saturating_add(amount) } else { byte });
}

/// Stretches each channel to reach from 0 to 255.
pub(super) fn autocontrast(pixels: &mut [Pixel]) {
    let mut tables = [[0u8; 256]; 3];
    for (table, histogram) in tables.iter_mut().zip(histograms(pixels)) {
        let low = histogram.iter().position(|&n| n > 0).unwrap_or(0);
        let high = histogram.iter().rposition(|&n| n > 0).unwrap_or(0);
        let scale = 255.0 / (high as f64 - low as f64);
        for (byte, out) in table.iter_mut().enumerate() {
            *out = if high <= low { byte as u8 } else { (byte as f64 * scale - low as f64 * scale) as u8 };
        }
    }
    map_channels(pixels, |c, byte| tables[c][usize::from(byte)]);
}

/// Equalises the histogram of each channel.
pub(super) fn equalize(pixels: &mut [Pixel]) {
    let mut tables = [[0u8; 256]; 3];
    for (table, histogram) in tables.iter_mut().zip(histograms(pixels)) {
        let last = histogram.iter().rev().find(|&&n| n > 0).copied().unwrap_or(0);
        let step = (pixels.len() - last) / 255;
        let mut sum = step / 2;
        for (byte, out) in table.iter_mut().enumerate() {
            *out = sum.checked_div(step).map_or(byte, |value| value.min(255)) as u8;
            sum += histogram[byte];
        }
    }
    map_channels(pixels, |c, byte| tables[c][usize::from(byte)]);
}

/// Rotates the hue by `turn`, a fraction of a full turn. Unlike the others it computes in floating point, not
/// in Pillow's HSV bytes.
pub(super) fn hue(pixels: &mut [Pixel], turn: f32) {
    for pixel in pixels {
        let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(f32::from);
        let (most, least) = (r.max(g).max(b), r.min(g).min(b));
        let range = most - least;
        if range == 0.0 {
            continue;
        }
        // Sixths of the circle from red.
        let sixth = if most == r {
            (g - b) / range
        } else if most == g {
            (b - r) / range + 2.0
        } else {
            (r - g) / range + 4.0
        };
        let sixth = (sixth + 6.0 * turn).rem_euclid(6.0);
        let channel = |start: f32| {
            let k = (start + sixth).rem_euclid(6.0);
            (most - range * k.min(4.0 - k).clamp(0.0, 1.0)).round() as u8
        };
        (pixel[0], pixel[1], pixel[2]) = (channel(5.0), channel(3.0), channel(1.0));
    }
}

fn map_channels(pixels: &mut [Pixel], change: impl Fn(usize, u8) -> u8) {
    for [r, g, b, _] in pixels {
        (*r, *g, *b) = (change(0, *r), change(1, *g), change(2, *b));
    }
}

fn histograms(pixels: &[Pixel]) -> [[usize; 256]; 3] {
    let mut histograms = [[0; 256]; 3];
    for pixel in pixels {
        for c in 0..3 {
            histograms[c][usize::from(pixel[c])] += 1;
        }
    }
    histograms
}
