//! The paper's augmentation for CIFAR: pad by 4, crop at random, mirror at random; normalisation in the same
//! pass.
//!
//! The paper subtracts the mean before it pads with zeros, so a padded pixel is exactly 0 where the network
//! sees it, which is the mean colour. Recipes that pad the bytes instead put black there. This file follows
//! the paper: one pass writes normalised numbers and zeros.

use super::purposes;
use crate::random::RandomStream;
use crate::{Direction, Flip};

/// How images in memory, such as CIFAR's, are augmented each time they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Augmentation {
    /// Nothing: normalisation only.
    None,
    /// `padding` zeros on every side *after normalisation*, then a crop of the image's own size at one of
    /// the `(2 * padding + 1)^2` places with equal probability, then perhaps a mirror image.
    PadCropFlip {
        /// Pixels added to each side; less than the image's height and width.
        padding: usize,
        /// Whether to mirror.
        flip: Flip,
    },
}

impl Augmentation {
    /// The paper's augmentation for CIFAR: padding 4, mirrored half the time.
    pub const PAPER: Self = Self::PadCropFlip { padding: 4, flip: Flip::Half };

    /// The view of image `index` in `epoch`, which depends on these three numbers alone.
    pub fn draw(self, seed: u64, epoch: u64, index: usize) -> PaddedCrop {
        match self {
            Augmentation::None => PaddedCrop { padding: 0, top: 0, left: 0, direction: Direction::Forward },
            Augmentation::PadCropFlip { padding, flip } => {
                let mut stream = RandomStream::new(seed, purposes::PADDED_CROP, epoch, index as u64);
                let (top, left) = (stream.below(2 * padding + 1), stream.below(2 * padding + 1));
                PaddedCrop { padding, top, left, direction: flip.draw(&mut stream) }
            }
        }
    }
}

/// One view of an image: a window of the padded image, and the direction in which its rows are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaddedCrop {
    /// Pixels added to each side of the image.
    pub padding: usize,
    /// First row of the window in the padded image, 0..=2 * padding.
    pub top: usize,
    /// First column of the window in the padded image, 0..=2 * padding.
    pub left: usize,
    /// Which way rows are read.
    pub direction: Direction,
}

impl PaddedCrop {
    /// Appends the view of `image`, `[3, height, width]` bytes, to `out` as `[3, height, width]` numbers.
    ///
    /// `tables` are those of [`Normalisation::tables`](crate::Normalisation::tables). Each row consists of
    /// zeros, looked-up pixels and zeros again, three loops of known length.
    pub fn append(
        self,
        image: &[u8],
        height: usize,
        width: usize,
        tables: &[[f32; 256]; 3],
        out: &mut Vec<f32>,
    ) {
        // Column x of the window is column x + left - padding of the image.
        let before = self.padding.saturating_sub(self.left).min(width);
        let first = self.left.saturating_sub(self.padding).min(width);
        let count = width - before.max(first);
        let after = width - before - count;
        for (plane, table) in image.chunks_exact(height * width).zip(tables) {
            for y in 0..height {
                let row = (y + self.top).checked_sub(self.padding).filter(|&row| row < height);
                let Some(row) = row else {
                    out.extend(std::iter::repeat_n(0.0, width));
                    continue;
                };
                let pixels = &plane[row * width + first..][..count];
                match self.direction {
                    Direction::Forward => {
                        out.extend(std::iter::repeat_n(0.0, before));
                        out.extend(pixels.iter().map(|&p| table[usize::from(p)]));
                        out.extend(std::iter::repeat_n(0.0, after));
                    }
                    Direction::Mirrored => {
                        out.extend(std::iter::repeat_n(0.0, after));
                        out.extend(pixels.iter().rev().map(|&p| table[usize::from(p)]));
                        out.extend(std::iter::repeat_n(0.0, before));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::Normalisation;

    /// The definition, pixel by pixel.
    fn plain(view: PaddedCrop, image: &[u8], height: usize, width: usize, n: &Normalisation) -> Vec<f32> {
        let mut out = Vec::new();
        for c in 0..3 {
            for y in 0..height {
                for x in 0..width {
                    let x = if view.direction == Direction::Mirrored { width - 1 - x } else { x };
                    let (row, column) = ((y + view.top) as isize, (x + view.left) as isize);
                    let (row, column) = (row - view.padding as isize, column - view.padding as isize);
                    let inside = (0..height as isize).contains(&row) && (0..width as isize).contains(&column);
                    out.push(if inside {
                        n.apply(c, image[(c * height + row as usize) * width + column as usize])
                    } else {
                        0.0
                    });
                }
            }
        }
        out
    }

    #[test]
    fn every_view_matches_its_definition() {
        let n = Normalisation::IMAGENET;
        for (height, width, padding) in [(5, 7, 2), (4, 3, 2), (1, 1, 0), (6, 6, 5), (3, 2, 3)] {
            let image: Vec<u8> = (0..3 * height * width).map(|i| (i * 37 % 256) as u8).collect();
            for top in 0..=2 * padding {
                for left in 0..=2 * padding {
                    for direction in [Direction::Forward, Direction::Mirrored] {
                        let view = PaddedCrop { padding, top, left, direction };
                        let mut got = Vec::new();
                        view.append(&image, height, width, &n.tables(), &mut got);
                        assert_eq!(got, plain(view, &image, height, width, &n), "{view:?} {height}x{width}");
                    }
                }
            }
        }
    }

    #[test]
    fn every_offset_and_both_directions_are_drawn() {
        let views: Vec<PaddedCrop> = (0..8_000).map(|i| Augmentation::PAPER.draw(3, 1, i)).collect();
        let places: HashSet<_> =
            views.iter().map(|v| (v.top, v.left, v.direction == Direction::Mirrored)).collect();
        assert_eq!(places.len(), 9 * 9 * 2);
        let tops: HashSet<_> = views.iter().map(|v| v.top).collect();
        assert_eq!(tops, (0..=8).collect());
        let mirrored = views.iter().filter(|v| v.direction == Direction::Mirrored).count();
        assert!(mirrored.abs_diff(4_000) < 250, "{mirrored}");
        let never = Augmentation::PadCropFlip { padding: 1, flip: Flip::Never };
        assert!((0..200).all(|i| never.draw(0, 0, i).direction == Direction::Forward));
    }

    #[test]
    fn views_change_with_the_epoch_and_the_seed() {
        let draw = |seed, epoch| -> Vec<PaddedCrop> {
            (0..100).map(|i| Augmentation::PAPER.draw(seed, epoch, i)).collect()
        };
        assert_eq!(draw(0, 0), draw(0, 0));
        assert_ne!(draw(0, 0), draw(0, 1));
        assert_ne!(draw(0, 0), draw(1, 0));
    }
}
