//! Whether a network can be scored on a data set, how images are shown to it, and its scores.

use std::sync::Arc;

use resnet_data::sources::{FileSet, Source, class_difference};
use resnet_data::{
    BrokenSample, DataLoader, Feed, FileLoader, FileTransform, LoaderConfig, OnBroken, Transform,
    broken_samples, imagenet,
};
use resnet_record::Scores;
use resnet_vision::image::Orientation;
use resnet_vision::{Augmentation, EvalTransform};

use crate::cost::loader_threads;
use crate::images::TestImages;
use crate::{Error, Images, Pretrained};

/// How many crops of each image in files are scored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Crops {
    /// The centre.
    #[default]
    Centre,
    /// The corners, the centre and their mirror images, whose probabilities are averaged.
    Ten,
}

impl Crops {
    /// The number per image.
    pub fn count(self) -> usize {
        match self {
            Crops::Centre => 1,
            Crops::Ten => 10,
        }
    }
}

/// How a network is scored. All but batch and workers are for images in files; those in memory are scored as
/// they are. The default is batches of 128, a centre crop, the checkpoint's sizes, an error if any image is
/// broken, and [`loader_threads`] workers.
#[derive(Debug, Clone, Copy)]
pub struct EvalOptions {
    /// Images or crops per batch.
    pub batch: usize,
    /// Height and width of the crop in pixels; the checkpoint's if `None`.
    pub size: Option<usize>,
    /// What the shorter side is resized to before cropping, in pixels; `size` or the checkpoint's if `None`.
    pub resize: Option<usize>,
    /// Crops per image.
    pub crops: Crops,
    /// Whether EXIF orientation is applied; if `None`, as the recipe of the checkpoint says, and without one
    /// it is ignored, as in torchvision and timm.
    pub orientation: Option<Orientation>,
    /// What is done about broken images.
    pub on_broken: OnBroken,
    /// Threads that prepare batches.
    pub workers: usize,
}

impl Default for EvalOptions {
    fn default() -> Self {
        EvalOptions {
            batch: 128,
            size: None,
            resize: None,
            crops: Crops::Centre,
            orientation: None,
            on_broken: OnBroken::Fail,
            workers: loader_threads(resnet_ops::threads()),
        }
    }
}

/// How images in files are shown to a network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// Resizing, cropping and normalisation.
    pub transform: EvalTransform,
    /// Crops per image.
    pub crops: Crops,
    /// Whether EXIF orientation is applied.
    pub orientation: Orientation,
}

/// The test images of a data set as a network takes them.
#[derive(Debug)]
pub struct TestFeed {
    /// The batches.
    pub feed: Box<dyn Feed>,
    /// How images in files are shown; `None` for images in memory.
    pub view: Option<View>,
}

/// The split that is scored. A folder with a single one is scored whatever that is called.
fn scored(files: &FileSet) -> &Arc<dyn Source> {
    files.evaluation.as_ref().unwrap_or(&files.train)
}

impl Images {
    /// The samples that `feed`, a feed of the test images, has left out so far because they are broken, by
    /// the names that lists of samples have for them.
    pub fn broken_samples(&self, feed: &dyn Feed) -> Vec<BrokenSample> {
        match self {
            Images::InMemory(_) => vec![],
            Images::InFiles(files) => broken_samples(scored(files.set()).index(), &feed.broken()),
        }
    }
}

impl Pretrained {
    /// How images in files are shown to the network.
    ///
    /// # Errors
    /// [`Error::CropTooLarge`] if `options` ask for that; as [`Pretrained::preprocessing`].
    pub fn view(&self, options: &EvalOptions) -> Result<View, Error> {
        let EvalOptions { size, resize, crops, orientation, .. } = *options;
        let usual = self.eval_transform()?;
        let crop = size.unwrap_or(usual.crop);
        let resized = resize.or(size).unwrap_or(usual.resize);
        let is_asked = size.is_some() || resize.is_some() || crops == Crops::Ten || orientation.is_some();
        if is_asked && resized < crop {
            return Err(Error::CropTooLarge { crop, resize: resized });
        }
        let of_recipe = || resnet_train::recipe::orientation(&self.recipe().ok().flatten()?);
        Ok(View {
            transform: EvalTransform { resize: resized, crop, ..usual },
            crops,
            orientation: orientation.or_else(of_recipe).unwrap_or(Orientation::Ignore),
        })
    }

    /// The test images of `images`, in order, checked as [`Pretrained::check_images`] does. This counts as a
    /// reading of their labels in `images`; [`Pretrained::count_test_reading`] counts in the run's record.
    ///
    /// # Errors
    /// As [`Pretrained::check_images`] and [`Pretrained::view`], or if the images cannot be read.
    pub fn test_feed(&self, images: &Images, options: &EvalOptions) -> Result<TestFeed, Error> {
        self.check_images(&images.described())?;
        let EvalOptions { batch, on_broken, workers, .. } = *options;
        let files = match images {
            Images::InMemory(data) => {
                let (normalisation, _) = self.normalisation()?;
                let how = (Augmentation::None, normalisation);
                let config = LoaderConfig { workers, ..LoaderConfig::evaluation(batch) };
                let loader = DataLoader::new(data.test.read_shared(), how, config)?;
                return Ok(TestFeed { feed: Box::new(loader), view: None });
            }
            Images::InFiles(files) => files.set(),
        };
        let view = self.view(options)?;
        let how = FileTransform {
            transform: match view.crops {
                Crops::Centre => Transform::Eval(view.transform),
                Crops::Ten => Transform::TenCrops(view.transform),
            },
            orientation: view.orientation,
            on_broken,
        };
        let batch = (batch / view.crops.count()).max(1);
        let config = LoaderConfig { workers, ..LoaderConfig::evaluation(batch) };
        let loader = FileLoader::new(scored(files).clone(), None, how, config)?;
        Ok(TestFeed { feed: Box::new(loader), view: Some(view) })
    }

    /// Counts a reading of the labels of `images` in the record of the checkpoint's run, if they are the
    /// run's own test images; see [`RunFolder::count_test_reading`](resnet_record::RunFolder). The run may be
    /// in training meanwhile.
    ///
    /// # Errors
    /// If the run's folder cannot be written to.
    pub fn count_test_reading(&self, images: &Images) -> Result<(), Error> {
        let Some((folder, record)) = self.run() else { return Ok(()) };
        if folder.recipe().is_ok_and(|recipe| images.are_of(&recipe, &record.data)) {
            folder.count_test_reading()?;
        }
        Ok(())
    }

    /// Checks that the network can be scored on these images. Returns a warning if its classes have other
    /// names than the images' classes.
    ///
    /// # Errors
    /// [`Error::OtherData`] if the number of classes, their order or the size of the images is another.
    pub fn check_images(&self, images: &TestImages<'_>) -> Result<Option<String>, Error> {
        let (spec, file) = (self.spec(), self.file.display());
        let TestImages { origin, classes, size, .. } = *images;
        if classes.len() != spec.classes {
            let (here, have) = (spec.classes, classes.len());
            return Err(Error::OtherData(format!(
                "{file} has {here} classes, and the data in {origin} have {have}; choose the data it was made for"
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
        let told = self.given.classes.as_deref().or(self.metadata.classes.as_deref());
        let told = told.filter(|names| *names != classes && !is_imagenet);
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

    /// Scores the network on every image of `feed`. `on_images` is called with the number of images done and
    /// returns whether to go on; if not, the result is `None`. See [`resnet_train::evaluate`].
    ///
    /// ```no_run
    /// use resnet::{EvalOptions, Images, OpenOptions, Pretrained};
    ///
    /// # fn main() -> Result<(), resnet::Error> {
    /// let network = Pretrained::load("timm/resnet50.a1_in1k")?;
    /// let classes = network.spec().classes;
    /// let images = Images::to_evaluate("imagenet".as_ref(), None, classes, &OpenOptions::default())?;
    /// if let Some(warning) = network.check_images(&images.described())? {
    ///     eprintln!("{warning}");
    /// }
    /// let test = network.test_feed(&images, &EvalOptions::default())?;
    /// if let Some(scores) = network.evaluate(&*test.feed, |_| true)? {
    ///     println!("top-1 {:.2} %", scores.top1());
    /// }
    /// # Ok(())
    /// # }
    /// ```
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
