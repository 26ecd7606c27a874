//! Whether images are turned as their EXIF data say, and how: EXIF's eight orientations.

use crate::pixels::{Pixel, Window};

/// What to do with an image whose EXIF data say that it is stored rotated or mirrored.
///
/// timm and torchvision ignore these data when they evaluate on ImageNet, so published accuracies are those
/// of [`Ignore`](Self::Ignore). Images from a camera are upright only with [`Apply`](Self::Apply), which does
/// what Pillow's `ImageOps.exif_transpose` does.
///
/// A TIFF file's own orientation is not EXIF data: Pillow always applies it when it opens the file, and so
/// does this crate, whichever of the two is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Orientation {
    /// Show it as it is stored.
    Ignore,
    /// Turn it upright.
    #[default]
    Apply,
}

/// A sentence about the number of images that were turned; `None` for 0.
pub fn turned(images: u64) -> Option<String> {
    match images {
        0 => None,
        1 => Some("1 image was turned by its EXIF orientation".to_owned()),
        _ => Some(format!("{images} images were turned by their EXIF orientation")),
    }
}

/// One of the eight orientations: rows and columns may be exchanged, then each may be counted from the other
/// end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Turn {
    exchanged: bool,
    from_right: bool,
    from_bottom: bool,
}

impl Turn {
    /// The turn for EXIF's orientation `value`; no turn if it is none of the eight.
    pub(super) fn of(value: u8) -> Self {
        let [exchanged, from_right, from_bottom] = match value {
            2 => [false, true, false],
            3 => [false, true, true],
            4 => [false, false, true],
            5 => [true, false, false],
            6 => [true, false, true],
            7 => [true, true, true],
            8 => [true, true, false],
            _ => [false; 3],
        };
        Self { exchanged, from_right, from_bottom }
    }

    /// The upright size for a stored size, or the stored size for an upright one.
    pub(super) fn size(self, (width, height): (usize, usize)) -> (usize, usize) {
        if self.exchanged { (height, width) } else { (width, height) }
    }

    /// The part of a stored image of `size` that is `window` of the upright one.
    pub(super) fn stored(self, window: &Window, size: (usize, usize)) -> Window {
        let (x, y) = window.clone();
        let (x, y) = if self.exchanged { (y, x) } else { (x, y) };
        (
            if self.from_right { size.0 - x.end..size.0 - x.start } else { x },
            if self.from_bottom { size.1 - y.end..size.1 - y.start } else { y },
        )
    }

    /// Turns stored `pixels` of `size` upright.
    pub(super) fn upright(self, pixels: Vec<Pixel>, size: (usize, usize)) -> Vec<Pixel> {
        if self == Self::default() {
            return pixels;
        }
        let (width, height) = self.size(size);
        let mut out = Vec::with_capacity(pixels.len());
        for y in 0..height {
            for x in 0..width {
                let (x, y) = if self.exchanged { (y, x) } else { (x, y) };
                let x = if self.from_right { size.0 - 1 - x } else { x };
                let y = if self.from_bottom { size.1 - 1 - y } else { y };
                out.push(pixels[y * size.0 + x]);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use image::metadata;

    use super::*;

    #[test]
    fn turning_is_the_image_crates() {
        let size = (5, 3);
        let bytes: Vec<u8> = (0..60).collect();
        let pixels = bytes.as_chunks::<4>().0.to_vec();
        for exif in 1..=8 {
            let theirs = metadata::Orientation::from_exif(exif).unwrap();
            let ours = Turn::of(exif);
            let mut image =
                image::DynamicImage::from(image::RgbaImage::from_raw(5, 3, bytes.clone()).unwrap());
            image.apply_orientation(theirs);
            let upright = ours.upright(pixels.clone(), size);
            assert_eq!(ours.size(size), (image.width() as usize, image.height() as usize));
            assert_eq!(*upright.as_flattened(), image.into_rgba8().into_raw(), "orientation {exif}");

            // A window of the upright image is that window of the stored one, turned.
            let (width, window) = (ours.size(size).0, (1..3, 0..2));
            let (columns, rows) = ours.stored(&window, size);
            let part = |y: usize| pixels[5 * y + columns.start..5 * y + columns.end].to_vec();
            let turned = ours.upright(rows.clone().flat_map(part).collect(), (columns.len(), rows.len()));
            let expected: Vec<Pixel> =
                (0..2).flat_map(|y| upright[y * width + 1..y * width + 3].to_vec()).collect();
            assert_eq!(turned, expected, "orientation {exif}");
        }
    }
}
