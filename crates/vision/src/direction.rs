//! `Direction` and `Flip`: which way the rows of an image are read, and how often they are mirrored.

use crate::random::RandomStream;

/// Which way a row is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From left to right.
    Forward,
    /// From right to left: the image is mirrored.
    Mirrored,
}

/// Whether training images are mirrored left to right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flip {
    /// Never.
    Never,
    /// Each image with probability one half.
    Half,
}

impl Flip {
    /// Draws the direction of one image; [`Flip::Never`] draws no number.
    pub(crate) fn draw(self, stream: &mut RandomStream) -> Direction {
        match self {
            Flip::Half if stream.below(2) == 1 => Direction::Mirrored,
            Flip::Half | Flip::Never => Direction::Forward,
        }
    }
}
