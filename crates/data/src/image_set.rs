//! `ImageSet`: decoded images of one size with their labels, in memory as bytes.

use std::fmt;
use std::sync::Arc;

use crate::{Error, Fingerprint};

/// Images of one size in memory, with labels.
///
/// Pixels are `u8` in planar RGB, shape `[N, 3, H, W]`; labels are below `classes().len()`. Clones and
/// [subsets](ImageSet::subset) share the pixels, so a validation split costs no second copy of CIFAR.
///
/// ```
/// use std::sync::Arc;
/// use resnet_data::ImageSet;
///
/// let classes: Arc<[String]> = ["cat", "dog"].map(String::from).into();
/// let pixels = vec![127; 4 * 3 * 8 * 8];
/// let set = ImageSet::new(pixels, vec![0, 1, 1, 0], 8, 8, classes)?;
/// assert_eq!(set.len(), 4);
/// assert_eq!(set.image(2).len(), 3 * 8 * 8);
/// assert_eq!(set.subset(&[1, 2]).labels(), [1, 1]);
/// # Ok::<(), resnet_data::Error>(())
/// ```
#[derive(Clone)]
pub struct ImageSet {
    pixels: Arc<Vec<u8>>,
    /// Which image of `pixels` each image of this set is; `None` for all of them in order.
    rows: Option<Arc<[usize]>>,
    labels: Arc<[u32]>,
    height: usize,
    width: usize,
    classes: Arc<[String]>,
}

impl ImageSet {
    /// Takes `pixels`, shape `[N, 3, height, width]`, one label per image, and the names of the classes.
    ///
    /// # Errors
    /// If a side is zero, if the number of bytes is not `N * 3 * height * width`, or if a label is not
    /// below `classes.len()`.
    pub fn new(
        pixels: Vec<u8>,
        labels: Vec<u32>,
        height: usize,
        width: usize,
        classes: Arc<[String]>,
    ) -> Result<Self, Error> {
        if height == 0 || width == 0 {
            return Err(Error::Invalid(format!("images of {height} x {width} have no pixels")));
        }
        let expected = height
            .checked_mul(width)
            .and_then(|area| area.checked_mul(3))
            .and_then(|image| image.checked_mul(labels.len()));
        if expected != Some(pixels.len()) {
            return Err(Error::Invalid(format!(
                "{} labels need {} x 3 x {height} x {width} bytes of pixels, but there are {}",
                labels.len(),
                labels.len(),
                pixels.len()
            )));
        }
        if let Some(i) = labels.iter().position(|&label| label as usize >= classes.len()) {
            return Err(Error::Invalid(format!(
                "image {i} has label {}, but there are only {} classes",
                labels[i],
                classes.len()
            )));
        }
        Ok(Self { pixels: Arc::new(pixels), rows: None, labels: labels.into(), height, width, classes })
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Height of every image, in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Width of every image, in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The classes' names; a label is an index into them.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The classes' names, shared.
    pub fn shared_classes(&self) -> Arc<[String]> {
        Arc::clone(&self.classes)
    }

    /// One label per image.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// The label of image `i`.
    ///
    /// # Panics
    /// If `i >= self.len()`.
    pub fn label(&self, i: usize) -> u32 {
        self.labels[i]
    }

    /// The bytes of image `i`, shape `[3, H, W]`.
    ///
    /// # Panics
    /// If `i >= self.len()`.
    pub fn image(&self, i: usize) -> &[u8] {
        let row = match &self.rows {
            Some(rows) => rows[i],
            None => i,
        };
        let bytes = 3 * self.height * self.width;
        &self.pixels[row * bytes..(row + 1) * bytes]
    }

    /// Adds every label and pixel to `fingerprint`, but not the names of the classes.
    pub fn add_to(&self, fingerprint: &mut Fingerprint) {
        for i in 0..self.len() {
            fingerprint.word(self.label(i).into());
            fingerprint.add(self.image(i));
        }
    }

    /// The images at `indices`, in that order; the pixels are shared, not copied.
    ///
    /// # Panics
    /// If an index is not below `self.len()`.
    pub fn subset(&self, indices: &[usize]) -> ImageSet {
        let rows = indices.iter().map(|&i| {
            assert!(i < self.len(), "index {i} of a set of {} images", self.len());
            self.rows.as_ref().map_or(i, |rows| rows[i])
        });
        let rows = rows.collect();
        let labels = indices.iter().map(|&i| self.labels[i]).collect();
        ImageSet { rows: Some(rows), labels, ..self.clone() }
    }
}

impl fmt::Debug for ImageSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageSet")
            .field("len", &self.len())
            .field("height", &self.height)
            .field("width", &self.width)
            .field("classes", &self.classes.len())
            .finish_non_exhaustive()
    }
}
