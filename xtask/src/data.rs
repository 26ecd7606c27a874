//! Data sets as the command line asks for them, and what helps where they are not as it says.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use resnet::{Images, Needed, OpenOptions, Recognised, absolute_origin, origin_folder};
use resnet_data::HubDataset;
use resnet_record::{DataSet, FileOptions, Recipe, RunRecord};

use crate::args::ViewArgs;
use crate::downloads::Downloads;
use crate::failure::Ended;

/// The images that a recipe is about: from `folder` if one is given, else drawn or downloaded.
pub(crate) fn of_recipe(
    recipe: &Recipe,
    folder: Option<&Path>,
    (needed, files): (Needed, &FileOptions),
) -> anyhow::Result<Images> {
    if recipe.data.set != DataSet::Images {
        refuse(files)?;
    }
    let downloads = Downloads::default();
    let options = OpenOptions { needed, progress: &downloads, ..OpenOptions::of(files)? };
    Images::of_recipe(recipe, folder, &options).map_err(|error| explain(folder, error))
}

/// The images that a run trains on: from `folder`, or from where it found them.
pub(crate) fn of_run(
    (recipe, record): (&Recipe, &RunRecord),
    folder: Option<&Path>,
    files: &FileOptions,
) -> anyhow::Result<Images> {
    let files = (Needed::All, &files.or(&record.files));
    match folder {
        Some(folder) => of_recipe(recipe, Some(folder), files),
        None => of_recipe(recipe, of_record(record)?.as_deref(), files),
    }
}

/// The folder in which a run found its data; `None` if they were generated or downloaded.
pub(crate) fn of_record(record: &RunRecord) -> anyhow::Result<Option<PathBuf>> {
    origin_folder(&record.data).map_err(|error| explain(None, error))
}

/// The images in `folder` for an evaluation; `recipe` and `classes` choose where several data sets lie there.
pub(crate) fn to_evaluate(
    folder: &Path,
    (recipe, classes): (Option<&Recipe>, usize),
    files: &FileOptions,
) -> anyhow::Result<Images> {
    let opened = Images::to_evaluate(folder, recipe, classes, &OpenOptions::of(files)?);
    opened.map_err(|error| explain(Some(folder), error))
}

/// The same with absolute paths, for a record: a run may go on from another working directory.
pub(crate) fn absolute(files: FileOptions) -> FileOptions {
    let absolute = |list: Option<String>| list.map(|list| absolute_origin(&list));
    FileOptions {
        class_list: absolute(files.class_list),
        label_list: absolute(files.label_list),
        skip_list: absolute(files.skip_list),
        ..files
    }
}

/// Refuses the options that images in memory, which are scored whole, have no use for.
pub(crate) fn refuse_for_memory(images: &Images, files: &FileOptions, view: &ViewArgs) -> anyhow::Result<()> {
    let Some([height, width]) = images.size() else { return Ok(()) };
    refuse(files)?;
    if !view.is_given() {
        return Ok(());
    }
    let message = format!(
        "--size, --resize, --crops and --orientation are for images in files; those of {} are scored whole, at {height} x \
         {width}; leave them out",
        images.name()
    );
    Ended::usage(message)
}

fn refuse(files: &FileOptions) -> anyhow::Result<()> {
    let options = [
        (files.class_list.is_some(), "--classes"),
        (files.label_list.is_some(), "--labels"),
        (files.image_column.is_some(), "--image-column"),
        (files.label_column.is_some(), "--label-column"),
        (files.skip_broken.is_some(), "--skip-broken"),
        (files.skip_list.is_some(), "--skip-list"),
    ];
    let Some((_, option)) = options.into_iter().find(|(is_given, _)| *is_given) else { return Ok(()) };
    let message =
        format!("{option} is for samples in files, and this data set is read into memory; leave it out");
    Ended::usage(message)
}

/// The error of opening the data in `folder`, and what helps.
pub(crate) fn explain(folder: Option<&Path>, error: resnet::Error) -> anyhow::Error {
    let other = |recipe: &str| format!("train on it with a recipe for that, such as --recipe {recipe}");
    match &error {
        resnet::Error::NeedsFolder { .. } => anyhow!(
            "{error}; give their folder with --data DIR (class folders, tar shards, parquet files or packed files)"
        ),
        resnet::Error::DataGone(_) => {
            anyhow!("{error}; mount it, or give the data's new place with --data DIR")
        }
        resnet::Error::DrawsItsOwn { found: Some(Recognised { folder, holds, recipe }), .. } => {
            anyhow!("{error}: {} holds {holds}; {}", folder.display(), other(recipe))
        }
        resnet::Error::DrawsItsOwn { folder, found: None, .. } => {
            let folder = folder.display();
            anyhow!(
                "{error}; leave out --data {folder}, in which no data set is recognised, or choose a recipe that reads images \
                 with --recipe"
            )
        }
        resnet::Error::RecipeForOtherData { found, .. } => anyhow!("{error}; {}", other(found.recipe)),
        resnet::Error::Data(resnet_data::Error::File(resnet_data::FileError::NoColumn { .. })) => {
            anyhow!("{error}, with --image-column NAME and --label-column NAME")
        }
        _ => match folder.filter(|folder| !folder.exists()).and_then(Path::to_str) {
            Some(id) if HubDataset::is_id(id) => anyhow!(
                "there is no folder {id}; if it is a data set of the Hugging Face hub, `cargo xtask data fetch {id}` brings \
                 it: {error}"
            ),
            _ => error.into(),
        },
    }
}
