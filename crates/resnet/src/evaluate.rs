//! Whether a network can be scored on a data set, and its scores there.

use resnet_data::sources::class_difference;
use resnet_data::{Feed, imagenet};
use resnet_record::Scores;

use crate::{Error, Pretrained};

/// What is asked of a data set before a network is scored on it.
#[derive(Debug, Clone, Copy)]
pub struct TestImages<'a> {
    /// What the data set is called.
    pub name: &'a str,
    /// Where it lies.
    pub origin: &'a str,
    /// Names of the classes, in the order of the labels.
    pub classes: &'a [String],
    /// Height and width of its images, where they are in memory and are not resized.
    pub size: Option<[usize; 2]>,
}

impl Pretrained {
    /// Whether the network can be scored on these images. Returns how it knows its classes by other names, if
    /// it does.
    ///
    /// # Errors
    /// [`Error::OtherData`] if the number of classes, their order or the size of the images is another.
    pub fn check_images(&self, images: &TestImages<'_>) -> Result<Option<String>, Error> {
        let (spec, file) = (self.spec(), self.file.display());
        let TestImages { name, origin, classes, size } = *images;
        if classes.len() != spec.classes {
            let (here, has) = (spec.classes, classes.len());
            return Err(Error::OtherData(format!(
                "{file} tells {here} classes apart, but {name} in {origin} has {has}; choose the data it was made for"
            )));
        }
        let [h, w] = self.input_size();
        if let Some([height, width]) = size.filter(|size| *size != [h, w]) {
            return Err(Error::OtherData(format!(
                "{file} takes images of {h} x {w}, but those of {origin} are {height} x {width}"
            )));
        }
        // Folders are called by synset, in the order of ImageNet's classes, whatever a checkpoint calls them.
        let is_imagenet =
            classes.iter().map(String::as_str).eq(imagenet::classes().map(|(synset, _)| synset));
        let told = self.metadata.classes.as_deref().filter(|names| *names != classes && !is_imagenet);
        let Some(names) = told else { return Ok(None) };
        let sorted = |names: &[String]| {
            let mut names = names.to_vec();
            names.sort_unstable();
            names
        };
        if sorted(names) == sorted(classes) {
            let told = class_difference(names, classes).unwrap_or_default();
            return Err(Error::OtherData(format!(
                "{file} has the classes of {origin} in another order, so every score would be wrong: {told}"
            )));
        }
        let first = |names: &[String]| names.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
        Ok(Some(format!(
            "{file} was trained on other classes ({}, ...) than {origin} has ({}, ...)",
            first(names),
            first(classes)
        )))
    }

    /// Scores the network on every image of `feed`; see [`resnet_train::evaluate`].
    ///
    /// # Errors
    /// If the images cannot be loaded, or the network fails or answers NaN.
    pub fn evaluate(
        &self,
        feed: &dyn Feed,
        on_images: impl FnMut(u64) -> bool,
    ) -> Result<Option<Scores>, Error> {
        Ok(resnet_train::evaluate(&self.network, feed, on_images)?)
    }
}
