//! Whether small images have been through JPEG, which no data set says of itself.
//!
//! JPEG codes blocks of 8 x 8 pixels one by one, so that brightness steps more from block to block than
//! within one. CIFAR's images are cut and shrunk from others whose blocks lie anywhere: they have no such
//! edges.

use resnet_data::ImageSet;

/// Side of JPEG's blocks, in pixels.
const BLOCK: usize = 8;
/// Images that are looked at.
const LOOKED_AT: usize = 2_000;
/// Images count as coded by JPEG if brightness steps more than so many times as much over block edges as
/// beside them. Over 2,000 images chance moves this ratio by less than a hundredth; JPEG of quality 75 gives
/// 1.07.
const EDGY: f64 = 1.03;

/// How many times larger brightness steps are over the edges of 8 x 8 blocks than one pixel before and after
/// them. A ratio above 1.03 means that photographs have been through JPEG or the like.
///
/// `None` if the ratio is lower, or the images are at most 8 pixels high or wide. The first 2,000 images are
/// looked at. Of generated images, whose own edges may lie anywhere, the ratio says nothing.
pub(crate) fn jpeg_edges(images: &ImageSet) -> Option<f64> {
    let (height, width) = (images.height(), images.width());
    if height <= BLOCK || width <= BLOCK {
        return None;
    }
    // Sums of steps over edges and beside them, and their numbers.
    let mut steps = [(0u64, 0u64); 2];
    for index in 0..images.len().min(LOOKED_AT) {
        let pixels = images.image(index);
        let area = height * width;
        let light = |at: usize| -> i64 { (0..3).map(|channel| i64::from(pixels[channel * area + at])).sum() };
        // The edge before pixel `place` of a row or column of `side`.
        let mut look = |(place, side): (usize, usize), before: usize, at: usize| {
            let kind = match place % BLOCK {
                0 => 0,
                1 if place > 1 => 1,
                7 if place + 1 < side => 1,
                _ => return,
            };
            steps[kind].0 += light(at).abs_diff(light(before));
            steps[kind].1 += 1;
        };
        for y in 0..height {
            (1..width).for_each(|x| look((x, width), y * width + x - 1, y * width + x));
        }
        for y in 1..height {
            (0..width).for_each(|x| look((y, height), (y - 1) * width + x, y * width + x));
        }
    }
    let [edges, beside] = steps.map(|(sum, count)| sum as f64 / count as f64);
    Some(edges / beside).filter(|ratio| *ratio > EDGY && ratio.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Images of smooth noise, each 8 x 8 block lighter or darker by up to `by`.
    fn images(by: u64) -> ImageSet {
        let mut state = 7u64;
        let mut noise = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if below == 0 { 0 } else { (state >> 33) % below }
        };
        let mut pixels = vec![];
        for _ in 0..200 {
            let blocks: Vec<u64> = (0..16).map(|_| noise(by)).collect();
            let plane: Vec<u8> =
                (0..1024).map(|at| (100 + noise(20) + blocks[at / 32 / 8 * 4 + at % 32 / 8]) as u8).collect();
            (0..3).for_each(|_| pixels.extend_from_slice(&plane));
        }
        ImageSet::new(pixels, vec![0; 200], 32, 32, ["a".to_owned()].into()).unwrap()
    }

    #[test]
    fn edges_of_blocks_are_found_and_plain_images_have_none() {
        assert_eq!(jpeg_edges(&images(0)), None);
        assert!(jpeg_edges(&images(12)).is_some_and(|ratio| ratio > 1.1));
    }
}
