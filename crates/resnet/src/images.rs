//! The data set that a recipe or a folder names, opened: images in memory or in files.

use std::path::{Path, PathBuf};

use resnet_data::sources::{
    Layout, OpenFiles, UnlabelledTest, open_files, tell_empty_classes, tell_oddities,
};
use resnet_data::{
    Contents, DataKind, Dataset, Error as DataError, contents, generated, layout_of, open_cifar,
    open_cifar_test,
};
use resnet_record::{DataSet, GeneratedSizes, Recipe};
use resnet_train::{ImageFiles, TrainingData};

use crate::Error;
use crate::error::Recognised;
use crate::open_options::{Needed, OpenOptions};

/// The seed of the generated data set. Not the training's: runs that differ in their seed share their data.
const DRAWN_WITH: u64 = 0;

/// A data set: images in memory, or images that stay in files.
#[derive(Debug)]
pub enum Images {
    /// Small images of one size, such as CIFAR's.
    InMemory(Dataset),
    /// Images of any size, such as ImageNet's.
    InFiles(ImageFiles),
}

/// What decides whether a network can be scored on a data set.
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

impl Images {
    /// The images that `recipe` is for: from `folder` if there is one, otherwise drawn, or downloaded from
    /// the Hugging Face hub. What is odd about images in files is logged.
    ///
    /// ```no_run
    /// use resnet::record::Recipe;
    /// use resnet::{Images, OpenOptions};
    ///
    /// # fn main() -> Result<(), resnet::Error> {
    /// let recipe = Recipe::load("my-recipe.toml".as_ref())?;
    /// let images = Images::of_recipe(&recipe, Some("my-data".as_ref()), &OpenOptions::default())?;
    /// println!("{} classes in {}", images.classes().len(), images.origin());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::NeedsFolder`], [`Error::DrawsItsOwn`] or [`Error::RecipeForOtherData`] if recipe and folder
    /// do not go together; otherwise if the data cannot be found, read or downloaded.
    pub fn of_recipe(
        recipe: &Recipe,
        folder: Option<&Path>,
        options: &OpenOptions<'_>,
    ) -> Result<Self, Error> {
        let recipe_name = || recipe.name.clone();
        let opened = match (kind_of(recipe.data.set), recipe.data.generated, folder) {
            (None, _, None) => return Err(Error::NeedsFolder { recipe: recipe_name() }),
            (None, _, Some(folder)) => Images::in_files(folder, options),
            (Some(_), Some(_), Some(folder)) => {
                let (folder, found) = (folder.to_owned(), recognise(folder));
                return Err(Error::DrawsItsOwn { recipe: recipe_name(), folder, found });
            }
            (Some(_), Some(GeneratedSizes { train, test }), None) => {
                return Ok(Images::InMemory(generated::shapes(train, test, DRAWN_WITH)));
            }
            (Some(kind), None, None) => return download(kind, options).map(Images::InMemory),
            (Some(kind), None, Some(folder)) => {
                let data = match options.needed {
                    Needed::All => open_cifar(folder, Some(kind)),
                    Needed::Evaluation => open_cifar_test(folder, Some(kind)),
                };
                data.map(Images::InMemory).map_err(Error::from)
            }
        };
        opened.map_err(|error| match (&error, folder) {
            (Error::Data(DataError::Unrecognised { .. }), Some(folder)) => match recognise(folder) {
                Some(found) => Error::RecipeForOtherData { recipe: recipe_name(), found },
                None => error,
            },
            _ => error,
        })
    }

    /// The images in `folder` for an evaluation, in memory or in files. Where several data sets lie there,
    /// `recipe` and the number of `classes` choose.
    ///
    /// # Errors
    /// If nothing is recognised, or the data cannot be read.
    pub fn to_evaluate(
        folder: &Path,
        recipe: Option<&Recipe>,
        classes: usize,
        options: &OpenOptions<'_>,
    ) -> Result<Self, Error> {
        let usual = match (recipe.map(|recipe| recipe.data.set), classes) {
            (Some(DataSet::Cifar10), _) | (None | Some(DataSet::Generated | DataSet::Images), 10) => {
                Some(DataKind::Cifar10)
            }
            (Some(DataSet::Cifar100), _) | (None | Some(DataSet::Generated | DataSet::Images), 100) => {
                Some(DataKind::Cifar100)
            }
            _ => None,
        };
        let in_files =
            || Images::in_files(folder, &OpenOptions { needed: Needed::Evaluation, ..options.clone() });
        // A recipe for images in files has trained on parquet files as such, CIFAR's too.
        let labels = options.files.labels.as_deref();
        let are_tables = || matches!(layout_of(folder, labels), Ok(Layout::Tables));
        if recipe.is_some_and(|recipe| recipe.data.set == DataSet::Images) && are_tables() {
            return in_files();
        }
        match contents(folder, labels)? {
            Contents::Cifar(_) => Ok(Images::InMemory(open_cifar_test(folder, None)?)),
            Contents::Ambiguous { .. } => Ok(Images::InMemory(open_cifar_test(folder, usual)?)),
            Contents::Files(_) => in_files(),
            Contents::Nothing { wanted } => {
                Err(DataError::Unrecognised { path: folder.to_owned(), wanted }.into())
            }
        }
    }

    /// The images in files in `folder`. What is odd about them is logged.
    ///
    /// # Errors
    /// If nothing is recognised or it cannot be read, or if more of a used split is broken than
    /// [`OpenOptions::on_broken`] allows.
    pub fn in_files(folder: &Path, options: &OpenOptions<'_>) -> Result<Self, Error> {
        let OpenOptions { needed, files, on_broken, .. } = options;
        // Without its labels there is nothing to evaluate, and a network can be trained all the same.
        let unlabelled_test = match needed {
            Needed::All => UnlabelledTest::LeaveOut,
            Needed::Evaluation => UnlabelledTest::Refuse,
        };
        let set = open_files(folder, &OpenFiles { unlabelled_test, ..files.clone() })?;
        let is_used = *needed == Needed::All || set.evaluation.is_none();
        let splits =
            [("training", Some(&set.train).filter(|_| is_used)), ("evaluation", set.evaluation.as_ref())];
        let used = || splits.iter().filter_map(|(purpose, source)| Some((purpose, source.as_ref()?.index())));
        tell_oddities(used().map(|(_, index)| index));
        for (purpose, index) in used() {
            tell_empty_classes(purpose, index);
            on_broken.check(index)?;
            index.faults().iter().for_each(|fault| tracing::warn!("left out: {fault}"));
        }
        Ok(Images::InFiles(ImageFiles::new(set, *on_broken)))
    }

    /// The data set as the trainer takes it.
    pub fn training(&self) -> &dyn TrainingData {
        match self {
            Images::InMemory(data) => data,
            Images::InFiles(images) => images,
        }
    }

    /// What the data set is called: "cifar10", "class folders".
    pub fn name(&self) -> &str {
        match self {
            Images::InMemory(data) => &data.name,
            Images::InFiles(images) => images.set().layout.name(),
        }
    }

    /// Where the images come from: a path, or words such as "seed 0".
    pub fn origin(&self) -> &str {
        self.training().origin()
    }

    /// The classes' names, in the order of the labels.
    pub fn classes(&self) -> &[String] {
        match self {
            Images::InMemory(data) => data.test.classes(),
            Images::InFiles(images) => &images.set().classes,
        }
    }

    /// Height and width of images in memory, in pixels.
    pub fn size(&self) -> Option<[usize; 2]> {
        match self {
            Images::InMemory(data) => Some(data.test.size()),
            Images::InFiles(_) => None,
        }
    }

    /// Bytes of the pixels that are kept in memory; 0 for images in files.
    pub fn bytes(&self) -> u64 {
        let Images::InMemory(data) = self else { return 0 };
        let [height, width] = data.test.size();
        ((data.train.len() + data.test.len()) * 3 * height * width) as u64
    }

    /// What [`Pretrained::check_images`](crate::Pretrained::check_images) asks of them.
    pub fn described(&self) -> TestImages<'_> {
        let (name, origin, classes, size) = (self.name(), self.origin(), self.classes(), self.size());
        TestImages { name, origin, classes, size }
    }

    /// Whether they are those that a run with this recipe and [origin](absolute_origin) was trained on.
    pub(crate) fn are_of(&self, recipe: &Recipe, origin: &str) -> bool {
        match kind_of(recipe.data.set) {
            Some(kind) => kind.name() == self.name(),
            None => origin == absolute_origin(self.origin()),
        }
    }
}

#[cfg(feature = "hub")]
fn download(kind: DataKind, options: &OpenOptions<'_>) -> Result<Dataset, Error> {
    Ok(resnet_data::download(kind, options.progress)?)
}

#[cfg(not(feature = "hub"))]
fn download(kind: DataKind, _options: &OpenOptions<'_>) -> Result<Dataset, Error> {
    Err(DataError::FeatureOff { wanted: format!("downloading {kind}"), feature: "hub" }.into())
}

/// What lies in `folder`, if anything is recognised.
fn recognise(folder: &Path) -> Option<Recognised> {
    let (holds, recipe) = match contents(folder, None).ok()? {
        Contents::Cifar(DataKind::Cifar100) => ("CIFAR-100", "cifar100-resnet164-v2"),
        Contents::Cifar(_) => ("CIFAR-10", "cifar10-resnet20-v2"),
        Contents::Files(layout) => (layout.name(), "imagenet-resnet50-v2"),
        Contents::Nothing { .. } | Contents::Ambiguous { .. } => return None,
    };
    Some(Recognised { folder: folder.to_owned(), holds, recipe })
}

/// The origin of data with a path made absolute, so that it is found again from another working directory.
pub fn absolute_origin(origin: &str) -> String {
    match origin_path(origin).map(std::path::absolute) {
        Some(Ok(path)) => path.display().to_string(),
        _ => origin.to_owned(),
    }
}

/// The path that the origin of a run's data names, if there is a file or a folder at it.
pub fn origin_path(origin: &str) -> Option<PathBuf> {
    let path = PathBuf::from(origin);
    path.exists().then_some(path)
}

/// Where the data of a run with this [origin](absolute_origin) are, if they are in files of the user's.
///
/// # Errors
/// [`Error::DataGone`] if nothing is there any more, such as on a disk that is not mounted.
pub fn origin_folder(origin: &str) -> Result<Option<PathBuf>, Error> {
    match origin_path(origin) {
        None if Path::new(origin).is_absolute() => Err(Error::DataGone(origin.into())),
        found => Ok(found),
    }
}

fn kind_of(set: DataSet) -> Option<DataKind> {
    match set {
        DataSet::Cifar10 => Some(DataKind::Cifar10),
        DataSet::Cifar100 => Some(DataKind::Cifar100),
        DataSet::Generated => Some(DataKind::Generated),
        DataSet::Images => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(name: &str) -> Recipe {
        Recipe::built_in(name).unwrap()
    }

    #[test]
    fn a_recipe_draws_its_images_or_says_what_it_needs() {
        let mut drawing = recipe("quick-start");
        drawing.data.generated = Some(GeneratedSizes { train: 20, test: 10 });
        let options = OpenOptions::default();
        let images = Images::of_recipe(&drawing, None, &options).unwrap();
        assert_eq!((images.name(), images.size(), images.classes().len()), ("generated", Some([32, 32]), 10));
        assert_eq!(images.bytes(), 30 * 3 * 32 * 32);
        assert!(images.are_of(&drawing, "elsewhere") && !images.are_of(&recipe("cifar10-resnet20-v2"), ""));

        let empty = tempfile::tempdir().unwrap();
        let refused = Images::of_recipe(&drawing, Some(empty.path()), &options).unwrap_err();
        assert!(matches!(refused, Error::DrawsItsOwn { found: None, .. }), "{refused}");
        let files = recipe("imagenet-resnet50-v2");
        let refused = Images::of_recipe(&files, None, &options).unwrap_err();
        assert!(matches!(refused, Error::NeedsFolder { .. }), "{refused}");
        let refused = Images::of_recipe(&files, Some(empty.path()), &options).unwrap_err();
        assert!(matches!(refused, Error::Data(DataError::Unrecognised { .. })), "{refused}");
        let neither = Images::to_evaluate(empty.path(), None, 10, &options).unwrap_err().to_string();
        assert!(neither.contains("test_batch.bin") && neither.contains("class folders"), "{neither}");
    }

    #[test]
    fn the_folder_of_other_data_names_a_recipe_for_them() {
        let here = tempfile::tempdir().unwrap();
        let class = here.path().join("train/cat");
        std::fs::create_dir_all(&class).unwrap();
        let image = resnet_vision::Image::new(4, 4, vec![7; 48]).unwrap();
        std::fs::write(class.join("0.png"), resnet_vision::image::encode_png(&image).unwrap()).unwrap();
        let options = OpenOptions::default();
        let cifar = recipe("cifar10-resnet20-v2");
        let refused = Images::of_recipe(&cifar, Some(here.path()), &options).unwrap_err();
        assert!(refused.to_string().ends_with("holds class folders"), "{refused}");
        assert!(
            matches!(&refused, Error::RecipeForOtherData { found, .. } if found.recipe == "imagenet-resnet50-v2")
        );
        let images = Images::to_evaluate(here.path(), Some(&cifar), 10, &options).unwrap();
        assert_eq!((images.name(), images.size(), images.bytes()), ("class folders", None, 0));
        assert!(origin_path(images.origin()).is_some() && origin_path("seed 0").is_none());
        assert_eq!(absolute_origin("seed 0"), "seed 0");
        assert_eq!(origin_folder("seed 0").unwrap(), None);
        assert_eq!(origin_folder(images.origin()).unwrap(), origin_path(images.origin()));
        let gone = here.path().join("gone");
        let refused = origin_folder(&gone.to_string_lossy()).unwrap_err();
        assert!(matches!(refused, Error::DataGone(ref at) if *at == gone), "{refused}");
    }
}
