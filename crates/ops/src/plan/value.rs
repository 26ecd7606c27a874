//! Values and parameters of a plan, by number, and the shapes of values.

use candle_core::{Result, Tensor, bail};

/// A tensor inside a graph: an input or the output of a step. It belongs to the graph that made it; the
/// methods of another one panic, or take it for another value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Value(pub(crate) usize);

/// A parameter inside a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Param(pub(crate) usize);

/// The shape of a value, batch included: feature maps or vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A feature map, `[N, C, H, W]` to candle, channels-last inside.
    Map {
        /// Images.
        images: usize,
        /// Channels.
        channels: usize,
        /// Height in pixels.
        height: usize,
        /// Width in pixels.
        width: usize,
    },
    /// A vector per image, `[N, C]`.
    Features {
        /// Images.
        images: usize,
        /// Length of a vector.
        channels: usize,
    },
}

impl Shape {
    /// The shape of a candle tensor of rank 4 (NCHW) or 2.
    ///
    /// # Errors
    /// If it has another rank.
    pub fn of(tensor: &Tensor) -> Result<Self> {
        match *tensor.dims() {
            [images, channels, height, width] => Ok(Shape::Map { images, channels, height, width }),
            [images, channels] => Ok(Shape::Features { images, channels }),
            _ => bail!("expected [N, C, H, W] or [N, C], got a tensor of shape {:?}", tensor.dims()),
        }
    }

    /// Channels, or the length of a feature vector.
    pub fn channels(&self) -> usize {
        match *self {
            Shape::Map { channels, .. } | Shape::Features { channels, .. } => channels,
        }
    }

    /// Images in the batch.
    pub fn images(&self) -> usize {
        match *self {
            Shape::Map { images, .. } | Shape::Features { images, .. } => images,
        }
    }

    /// Height and width; a feature vector is one pixel.
    pub fn size(&self) -> (usize, usize) {
        match *self {
            Shape::Map { height, width, .. } => (height, width),
            Shape::Features { .. } => (1, 1),
        }
    }

    /// Pixels of one image.
    pub fn pixels(&self) -> usize {
        let (height, width) = self.size();
        height * width
    }

    /// Number of floats, over all images.
    pub fn len(&self) -> usize {
        self.images() * self.pixels() * self.channels()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Dimensions as candle sees them.
    pub fn dims(&self) -> Vec<usize> {
        match *self {
            Shape::Map { images, channels, height, width } => vec![images, channels, height, width],
            Shape::Features { images, channels } => vec![images, channels],
        }
    }

    /// The same kind of value with another number of channels and, for a map, another size.
    pub(crate) fn with(&self, channels: usize, (height, width): (usize, usize)) -> Self {
        match *self {
            Shape::Map { images, .. } => Shape::Map { images, channels, height, width },
            Shape::Features { images, .. } => Shape::Features { images, channels },
        }
    }
}
