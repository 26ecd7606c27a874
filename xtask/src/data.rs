//! Data sets as the command line asks for them, and what helps where they are not as it says.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use resnet::{Images, Needed, OpenOptions, Recognised, origin_folder};
use resnet_data::sources::OpenFiles;
use resnet_data::{HubDataset, read_skip_list};
use resnet_record::{DataSet, Recipe, RunRecord};

use crate::args::{FilesArgs, ViewArgs};
use crate::downloads::Downloads;
use crate::failure::Ended;

/// The images that a recipe is about: from `folder` if one is given, else drawn or downloaded.
pub(crate) fn of_recipe(
    recipe: &Recipe,
    folder: Option<&Path>,
    (needed, files): (Needed, &FilesArgs),
) -> anyhow::Result<Images> {
    if recipe.data.set != DataSet::Images {
        refuse(files)?;
    }
    let downloads = Downloads::default();
    let options = OpenOptions { needed, progress: &downloads, ..options(files)? };
    Images::of_recipe(recipe, folder, &options).map_err(|error| explain(folder, error))
}

/// The images that a run trains on: from `folder`, or from where it found them.
pub(crate) fn of_run(
    (recipe, record): (&Recipe, &RunRecord),
    folder: Option<&Path>,
    files: &FilesArgs,
) -> anyhow::Result<Images> {
    let files = (Needed::All, &files.or_those_of(record));
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
    files: &FilesArgs,
) -> anyhow::Result<Images> {
    let opened = Images::to_evaluate(folder, recipe, classes, &options(files)?);
    opened.map_err(|error| explain(Some(folder), error))
}

fn options(files: &FilesArgs) -> anyhow::Result<OpenOptions<'static>> {
    let skip = files.skip_list.as_deref().map(read_skip_list).transpose()?.unwrap_or_default();
    let open = OpenFiles { skip, ..files.labels.options(&files.classes) };
    Ok(OpenOptions { files: open, on_broken: files.on_broken(), ..OpenOptions::default() })
}

/// Refuses the options that images in memory, which are scored whole, have no use for.
pub(crate) fn refuse_for_memory(images: &Images, files: &FilesArgs, view: &ViewArgs) -> anyhow::Result<()> {
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

fn refuse(files: &FilesArgs) -> anyhow::Result<()> {
    let Some(option) = files.given() else { return Ok(()) };
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
