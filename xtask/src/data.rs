//! Data sets as the command line asks for them: a folder, the hub, or drawn.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use resnet_data::names::{self, shown};
use resnet_data::sources::{Index, LeftOut, OpenFiles, open_files};
use resnet_data::{
    Contents, DataKind, Dataset, Error, FileError, HubDataset, contents, generated, open_dir, open_test,
};
use resnet_record::{DataSet, GeneratedSizes, Recipe};
use resnet_train::{ImageFiles, TrainingData};

use crate::args::FilesArgs;
use crate::downloads::Downloads;
use crate::failure::Ended;

/// The seed of the drawn data set. Not the training's: runs that differ in their seed share their data.
const DRAWN_WITH: u64 = 0;

/// Which splits a command looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Used {
    All,
    /// The evaluation split, or the only one; others need not be there.
    Evaluation,
}

/// Images in memory, or images that stay in files.
#[derive(Debug)]
pub(crate) enum Data {
    InMemory(Dataset),
    ImageFiles(ImageFiles),
}

impl Data {
    /// As the trainer sees them.
    pub(crate) fn training(&self) -> &dyn TrainingData {
        match self {
            Data::InMemory(data) => data,
            Data::ImageFiles(images) => images,
        }
    }

    /// What the data set is called.
    pub(crate) fn name(&self) -> &str {
        match self {
            Data::InMemory(data) => &data.name,
            Data::ImageFiles(images) => images.set().layout.name(),
        }
    }

    /// Where they were found.
    pub(crate) fn origin(&self) -> &str {
        self.training().origin()
    }

    /// The classes' names.
    pub(crate) fn classes(&self) -> &[String] {
        match self {
            Data::InMemory(data) => data.test.classes(),
            Data::ImageFiles(images) => &images.set().classes,
        }
    }

    /// Height and width of images in memory.
    pub(crate) fn size(&self) -> Option<[usize; 2]> {
        match self {
            Data::InMemory(data) => Some(data.test.size().into()),
            Data::ImageFiles(_) => None,
        }
    }

    /// Pixels kept in memory, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Data::InMemory(data) => {
                let (height, width) = data.test.size();
                ((data.train.len() + data.test.len()) * 3 * height * width) as u64
            }
            Data::ImageFiles(_) => 0,
        }
    }
}

/// What was opened in `folder`. Where nothing of that name is there and the hub may have it, the error says
/// how it comes.
pub(crate) fn found<T>(folder: &Path, opened: Result<T, Error>) -> anyhow::Result<T> {
    opened.map_err(|error| match folder.to_str() {
        _ if matches!(error, Error::File(FileError::NoColumn { .. })) => {
            let with = format!("{error}, with --image-column NAME and --label-column NAME");
            anyhow::Error::new(error).context(with)
        }
        Some(id) if HubDataset::is_id(id) && !folder.exists() => anyhow::Error::new(error).context(format!(
            "there is no folder {id}; if it is a data set of the Hugging Face hub, `cargo xtask data fetch {id}` brings it"
        )),
        _ => error.into(),
    })
}

/// The images that a recipe is about: from `folder` if one is given, else drawn or downloaded.
pub(crate) fn of_recipe(
    recipe: &Recipe,
    folder: Option<&Path>,
    (used, files): (Used, &FilesArgs),
) -> anyhow::Result<Data> {
    let Some(kind) = kind_of(recipe.data.set) else {
        let Some(folder) = folder else {
            bail!(
                "recipe '{}' trains on your own images; give their folder with --data DIR (class folders, tar shards, \
                 parquet files or packed files)",
                recipe.name
            );
        };
        return image_files(folder, (used, files))
            .map_err(|error| with_a_recipe_for(folder, recipe, error))
            .map(Data::ImageFiles);
    };
    refuse(files)?;
    in_memory(recipe, kind, folder, used).map(Data::InMemory)
}

/// The error of a recipe that found nothing of its own in `folder`; if there are other data, it says what
/// they are and which recipe is for them.
fn with_a_recipe_for(folder: &Path, recipe: &Recipe, error: anyhow::Error) -> anyhow::Error {
    let told =
        matches!(error.downcast_ref(), Some(Error::Unrecognised { .. })).then(|| for_what_lies_in(folder));
    match told.flatten() {
        Some(told) => anyhow!("recipe '{}' is for other data: {told}", recipe.name),
        None => error,
    }
}

/// What lies in `folder` and which recipe is for it, if anything is recognised.
fn for_what_lies_in(folder: &Path) -> Option<String> {
    let (what, recipe) = match contents(folder, None).ok()? {
        Contents::Cifar(DataKind::Cifar100) => ("CIFAR-100", "cifar100-resnet164-v2"),
        Contents::Cifar(_) => ("CIFAR-10", "cifar10-resnet20-v2"),
        Contents::Files(layout) => (layout.name(), "imagenet-resnet50-v2"),
        Contents::Nothing { .. } | Contents::Ambiguous { .. } => return None,
    };
    let folder = folder.display();
    Some(format!("{folder} holds {what}; train on it with a recipe for that, such as --recipe {recipe}"))
}

/// Refuses what images in memory have no use for.
pub(crate) fn refuse(files: &FilesArgs) -> anyhow::Result<()> {
    if let Some(option) = files.given() {
        let message =
            format!("{option} is for samples in files, and these images are read as a whole; leave it out");
        return Err(Ended::Usage(message).into());
    }
    Ok(())
}

/// Images in files; what is odd about them is logged.
pub(crate) fn image_files(folder: &Path, (used, files): (Used, &FilesArgs)) -> anyhow::Result<ImageFiles> {
    let on_broken = files.on_broken();
    let options = OpenFiles { skip: skipped(files)?, ..files.labels.options(&files.classes) };
    let set = found(folder, open_files(folder, &options))?;
    let is_used = used == Used::All || set.evaluation.is_none();
    let train = Some(&set.train).filter(|_| is_used);
    let splits = [("training", train), ("evaluation", set.evaluation.as_ref())];
    let indexes = || splits.iter().filter_map(|(_, source)| Some(source.as_ref()?.index()));
    tell(indexes());
    for (split, source) in splits {
        let Some(index) = source.map(|source| source.index()) else { continue };
        let empty = index.empty_classes();
        if !empty.is_empty() {
            let shown = empty.iter().take(3).copied().map(names::printable).collect::<Vec<_>>().join(", ");
            let (number, classes) = (empty.len(), index.classes().len());
            let more = if number > 3 { ", ..." } else { "" };
            tracing::warn!("no image for {split} in {number} of {classes} classes ({shown}{more})");
        }
        on_broken.check(index)?;
        index.faults().iter().for_each(|fault| tracing::warn!("left out: {fault}"));
    }
    Ok(ImageFiles::new(set, on_broken))
}

/// Tells, once for all of these splits, which files are passed over and what is odd about the others.
pub(crate) fn tell<'a>(indexes: impl Iterator<Item = &'a Index>) {
    let mut left_out = LeftOut::default();
    let mut warnings: Vec<&String> = vec![];
    for index in indexes {
        left_out.merge(index.left_out());
        for warning in index.warnings() {
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
    }
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    if !left_out.is_empty() {
        tracing::warn!("left out: {left_out}; they are not image files that are read");
    }
}

/// The names in the list of records that are left out.
fn skipped(files: &FilesArgs) -> anyhow::Result<Vec<String>> {
    let Some(file) = &files.skip_list else { return Ok(vec![]) };
    let list = std::fs::read(file).with_context(|| format!("cannot read the skip list {}", shown(file)))?;
    let lines = list.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    Ok(lines.filter(|line| !line.trim_ascii().is_empty()).map(names::of_line).collect())
}

fn in_memory(recipe: &Recipe, kind: DataKind, folder: Option<&Path>, used: Used) -> anyhow::Result<Dataset> {
    let open = if used == Used::All { open_dir } else { open_test };
    match (recipe.data.generated, folder) {
        (Some(_), Some(folder)) => {
            let name = &recipe.name;
            let told = for_what_lies_in(folder).unwrap_or_else(|| {
                let folder = folder.display();
                format!("leave out --data {folder}, where no data set is recognised, or give the folder of one with --recipe")
            });
            bail!("recipe '{name}' draws its own images and reads none: {told}")
        }
        (Some(GeneratedSizes { train, test }), None) => Ok(generated::shapes(train, test, DRAWN_WITH)),
        (None, Some(folder)) => {
            found(folder, open(folder, Some(kind))).map_err(|error| with_a_recipe_for(folder, recipe, error))
        }
        (None, None) => Ok(resnet_data::download(kind, &Downloads::default())?),
    }
}

/// The test images in `folder`; `recipe` and `classes` say which are meant where several data sets lie there.
pub(crate) fn test_of_folder(
    folder: &Path,
    recipe: Option<&Recipe>,
    classes: usize,
) -> anyhow::Result<Dataset> {
    let guess = || match (recipe.map(|recipe| recipe.data.set), classes) {
        (Some(DataSet::Cifar10), _) | (None | Some(DataSet::Generated | DataSet::Images), 10) => {
            Some(DataKind::Cifar10)
        }
        (Some(DataSet::Cifar100), _) | (None | Some(DataSet::Generated | DataSet::Images), 100) => {
            Some(DataKind::Cifar100)
        }
        _ => None,
    };
    match open_test(folder, None) {
        Err(Error::Ambiguous { .. }) if guess().is_some() => Ok(open_test(folder, guess())?),
        other => found(folder, other),
    }
}

/// The origin of data, so that it is found again from another folder: a path becomes absolute.
pub(crate) fn absolute(origin: &str) -> String {
    match still_at(origin).map(std::path::absolute) {
        Some(Ok(path)) => path.display().to_string(),
        _ => origin.to_owned(),
    }
}

/// Where the data of an earlier run lies, if it was a folder or a file that is still there.
pub(crate) fn still_at(origin: &str) -> Option<PathBuf> {
    let path = PathBuf::from(origin);
    path.exists().then_some(path)
}

/// What a recipe's data set is called, if it is one that is known.
pub(crate) fn name(recipe: &Recipe) -> Option<&'static str> {
    kind_of(recipe.data.set).map(DataKind::name)
}

fn kind_of(set: DataSet) -> Option<DataKind> {
    match set {
        DataSet::Cifar10 => Some(DataKind::Cifar10),
        DataSet::Cifar100 => Some(DataKind::Cifar100),
        DataSet::Generated => Some(DataKind::Generated),
        DataSet::Images => None,
    }
}
