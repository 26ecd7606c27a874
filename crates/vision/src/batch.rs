//! `Batch`: some images as a network takes them, with their labels.

/// Some images as a network takes them.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Normalised pixels, shape `[n, 3, height, width]`, or `[n * crops, 3, height, width]` if each image is
    /// shown in several crops, which follow one another.
    pub images: Vec<f32>,
    /// The label of each image, `n` in all.
    pub labels: Vec<u32>,
    /// Height in pixels.
    pub height: usize,
    /// Width in pixels.
    pub width: usize,
}

impl Batch {
    /// How many images there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no images, for instance because all of them were broken and left out.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// How many crops of each image there are.
    pub fn crops(&self) -> usize {
        let crop = 3 * self.height * self.width * self.labels.len();
        self.images.len().checked_div(crop).unwrap_or(1)
    }
}
